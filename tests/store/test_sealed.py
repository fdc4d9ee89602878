"""Sealed records: nothing is read from the file, a row opens as it was saved only, and keys are rotated."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.stores import in_file, keyring_of, sealed_store

from everyauth_cli.errors import ConfigurationProblem, StoreError, StoreUnavailable, WrongKey
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.opening import open_store, sqlite_path
from everyauth_cli.store.records import Lookup, Query, VersionConflict, tag_text
from everyauth_cli.store.sealed.key_place import SealingKey
from everyauth_cli.store.sealed.keys import new_key, read_keys
from everyauth_cli.store.sealed.records import SealedRecords
from everyauth_cli.store.sealed.sealer import Sealer

ONE, TWO = Secret(b"1" * 32), Secret(b"2" * 32)
KEY = RecordKey(profile="default", kind="identity", service="example", tenant="me", user="me")
OTHER = KEY._replace(user="you", tenant="you")
HIDDEN = "a-refresh-token-that-nobody-may-see"
LOOKUP = Lookup("idn-1", json.dumps([tag_text("plan", "gold")]), 5, None)
FILE = "everyauth.db"


def text(*keys, separator="\n"):
    return Secret(separator.join(base64.urlsafe_b64encode(key.reveal()).decode() for key in keys))


@pytest.mark.parametrize("separator", ["\n", " ", ",", ", ", "\r\n"])
def test_several_keys_are_read_in_their_order(separator):
    assert read_keys(text(ONE, TWO, separator=separator), where="x") == [ONE, TWO]


def test_a_new_key_is_a_key_and_never_the_same():
    assert new_key() != new_key()
    assert len(read_keys(Secret(new_key().reveal() + "\n"), where="x")) == 1


@pytest.mark.parametrize(
    "given_text",
    ["", " \n", "short", "A" * 42, "A" * 44, "é" * 43, "A" * 42 + "+/", base64.b64encode(b"1" * 31).decode()],
)
def test_what_is_no_key_is_an_error_that_does_not_show_it(given_text):
    with pytest.raises(ConfigurationProblem) as caught:
        read_keys(Secret(given_text), where="the place")
    assert "the place holds no sealing key" in caught.value.message
    assert not given_text.strip() or given_text not in caught.value.message


def opened(directory, *keys):
    return sealed_store(directory, key=SealingKey(text=text(*(keys or (ONE,)))))


def put(store, key=KEY, content=HIDDEN, *, version=None):
    lookup = LOOKUP._replace(identity_id=f"idn-{key.user}")
    return store.save(key, {"n": 1}, Secret({"content": content}), version=version, lookup=lookup)


def row(directory, column, key=KEY):
    found = in_file(directory / FILE, f"SELECT {column} FROM everyauth_records WHERE username = ?", key.user)
    return found[0][0]


def test_no_secret_lies_in_the_file(tmp_path):
    store = opened(tmp_path)
    version = put(store)
    put(store, content=HIDDEN[::-1], version=version)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b'{"n":1}' in content
    for secret in (HIDDEN, HIDDEN[::-1], text(ONE).reveal()):
        assert secret.encode() not in content


def test_the_same_secret_never_looks_the_same(tmp_path):
    looks = {Sealer(ONE).seal(name, Secret(HIDDEN)) for name in ("a", "a", "b")}
    assert len(looks) == 3


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_cell_that_was_changed_does_not_open(at, by):
    cell = bytearray(Sealer(ONE).seal("name", Secret("secret")))
    cell[at % len(cell)] ^= by
    assert Sealer(ONE).unseal("name", bytes(cell)) is None


CHANGES = {
    "metadata": "metadata = '{\"n\":2}'",
    "metadata of another": "metadata = (SELECT metadata || ' ' FROM everyauth_records WHERE username = 'you')",
    "the id": "identity_id = 'idn-you'",
    "no id": "identity_id = NULL",
    "tags": "tags = NULL",
    "the due time": "due_at = 6",
    "no due time": "due_at = NULL",
    "notified": "unreported_since = 1",
    "the version": "version = 'another'",
    "another's secret": "sealed = (SELECT sealed FROM everyauth_records WHERE username = 'you')",
    "no secret": "sealed = NULL",
    "a text": "sealed = 'text'",
    "a short secret": "sealed = x'02'",
    "an empty secret": "sealed = x''",
    "another format": "sealed = CAST(x'01' || substr(sealed, 2) AS BLOB)",
    "a text moved over": "version = version || identity_id, identity_id = NULL",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_without_the_key_is_not_used(tmp_path, change):
    store = opened(tmp_path)
    put(store)
    put(store, OTHER)
    in_file(tmp_path / FILE, f"UPDATE everyauth_records SET {CHANGES[change]} WHERE username = 'me'")
    with pytest.raises(StoreError, match="changed without the sealing key") as caught:
        store.get(KEY)
    assert type(caught.value) is StoreError
    assert store.get(OTHER) is not None


def test_rows_that_change_places_are_not_used(tmp_path):
    store = opened(tmp_path)
    put(store)
    put(store, OTHER)
    for name, other in (("me", "x"), ("you", "me"), ("x", "you")):
        in_file(
            tmp_path / FILE,
            "UPDATE everyauth_records SET username = ?, tenant = ? WHERE username = ?",
            other,
            other,
            name,
        )
    for key in (KEY, OTHER):
        with pytest.raises(StoreError, match="changed without"):
            store.get(key)


def test_another_key_opens_nothing_and_changes_nothing(tmp_path):
    put(opened(tmp_path))
    before = row(tmp_path, "sealed")
    with pytest.raises(WrongKey) as caught:
        opened(tmp_path, TWO, Secret(b"3" * 32)).get(KEY)
    assert "EVERYAUTH_KEY" in caught.value.hint
    assert caught.value.exit_code == 6
    assert row(tmp_path, "sealed") == before


def test_a_key_is_rotated(tmp_path):
    put(opened(tmp_path, ONE))
    both = opened(tmp_path, TWO, ONE)
    assert both.get(KEY).secret == Secret({"content": HIDDEN})
    both.backend.use_first_key()
    assert list(both.backend.outdated()) == [KEY]
    version = row(tmp_path, "version")
    both.backend.reseal(KEY, both.name(KEY))
    assert list(both.backend.outdated()) == []
    assert row(tmp_path, "version") == version
    assert opened(tmp_path, TWO).get(KEY).secret == Secret({"content": HIDDEN})
    with pytest.raises(WrongKey):
        opened(tmp_path, ONE).get(KEY)


def test_after_a_rotation_nothing_is_saved_with_another_key(tmp_path):
    version = put(opened(tmp_path, ONE))
    opened(tmp_path, TWO, ONE).backend.use_first_key()
    for late in (lambda: put(opened(tmp_path, ONE), version=version), lambda: put(opened(tmp_path, ONE), OTHER)):
        with pytest.raises(WrongKey, match="rotated"):
            late()
    assert opened(tmp_path, ONE).get(KEY).version == version
    assert opened(tmp_path, ONE).get(OTHER) is None
    put(opened(tmp_path, ONE, TWO), OTHER)
    assert opened(tmp_path, TWO).get(OTHER) is not None


def test_a_process_reads_the_keys_again_when_it_meets_a_new_one(tmp_path):
    keys = [[ONE]]
    table = opened(tmp_path).backend.table
    old = SealedRecords(table, lambda: keys[0], where="here")
    store = opened(tmp_path)
    store.backend = old
    version = put(store)
    keys[0] = [TWO, ONE]
    opened(tmp_path, TWO, ONE).backend.use_first_key()
    put(opened(tmp_path, TWO, ONE), OTHER)
    assert store.get(OTHER) is not None
    put(store, version=version)
    assert opened(tmp_path, TWO).get(KEY) is not None


def test_a_record_that_is_saved_while_it_is_resealed_is_left_as_it_was_saved(tmp_path):
    version = put(opened(tmp_path, ONE))
    both = opened(tmp_path, TWO, ONE)

    class Late:
        """A save comes between the reading of the row and its sealing."""

        def __init__(self, table):
            self._table = table

        def __getattr__(self, name):
            return getattr(self._table, name)

        def read(self, key):
            found = self._table.read(key)
            put(opened(tmp_path, ONE), content="newer", version=version)
            return found

    records = SealedRecords(Late(both.backend.table), lambda: [TWO, ONE], where="here")
    records.reseal(KEY, both.name(KEY))
    assert both.get(KEY).secret == Secret({"content": "newer"})
    assert list(both.backend.outdated()) == [KEY]


def test_a_key_in_use_does_not_hide_a_conflict(tmp_path):
    version = put(opened(tmp_path))
    opened(tmp_path).backend.use_first_key()
    put(opened(tmp_path), version=version)
    with pytest.raises(VersionConflict):
        put(opened(tmp_path), version=version)


def test_every_row_but_a_replay_marker_has_a_sealed_part(tmp_path):
    store = opened(tmp_path)
    store.save(KEY, {"n": 1}, Secret({}), version=None)
    store.add(OTHER, {})
    assert in_file(tmp_path / FILE, "SELECT sealed IS NULL FROM everyauth_records ORDER BY username") == [(0,), (1,)]
    with pytest.raises(StoreError):
        store.get(OTHER)


def test_the_key_comes_from_a_file_before_a_text(tmp_path):
    (tmp_path / "key").write_text(text(ONE).reveal() + "\n")
    put(sealed_store(tmp_path, key=SealingKey(file=tmp_path / "key", text=text(TWO))))
    assert opened(tmp_path, ONE).get(KEY)
    with pytest.raises(WrongKey):
        opened(tmp_path, TWO).get(KEY)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_key_file_that_cannot_be_read_is_an_error_and_listing_goes_on(tmp_path, content):
    put(opened(tmp_path))
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    store = sealed_store(tmp_path, key=SealingKey(file=tmp_path / "key"))
    with pytest.raises(StoreUnavailable) as caught:
        store.get(KEY)
    assert str(tmp_path / "key") in caught.value.message
    assert store.list(Query(KEY)) == [(KEY, {"n": 1})]


def test_without_any_key_the_error_names_the_way_to_one(tmp_path):
    store = sealed_store(tmp_path, key=SealingKey())
    with pytest.raises(StoreUnavailable, match="no sealing key") as caught:
        put(store)
    assert "everyauth store use sqlite://" in caught.value.hint
    assert store.list(Query(KEY)) == []


@pytest.mark.parametrize(
    ("remembered", "environment", "expected"),
    [
        (None, {}, SealingKey()),
        ("keyring", {}, SealingKey(in_keyring=True)),
        ("/a/key", {}, SealingKey(file="/a/key")),
        ("keyring", {"text": Secret("k")}, SealingKey(text=Secret("k"))),
        ("/a/key", {"file": "/b/key"}, SealingKey(file="/b/key")),
    ],
)
def test_the_environment_goes_before_what_is_remembered(remembered, environment, expected):
    found = SealingKey.read(remembered, **environment)
    assert (str(found.file), found.text, found.in_keyring) == (str(expected.file), expected.text, expected.in_keyring)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite://", "DATA/everyauth.db"),
        ("sqlite:///", "DATA/everyauth.db"),
        ("sqlite:////", "DATA/everyauth.db"),
        ("sqlite:///srv/a.db", "/srv/a.db"),
        ("sqlite:////srv/a.db", "/srv/a.db"),
        ("sqlite:///srv/with%20space.db", "/srv/with space.db"),
    ],
)
def test_a_url_names_its_file(tmp_path, url, path):
    assert str(sqlite_path(url, tmp_path)) == path.replace("DATA", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "'...'"),
        ("x", "'...'"),
        ("keyring:other", "'keyring:...'"),
        ("sqlite:", "'sqlite:...'"),
        ("sqlite:/a", "'sqlite:...'"),
        ("sqlite://host/a.db", "'sqlite:...'"),
        ("file:///a", "'file:...'"),
        ("sqlite:///%00", "'sqlite:///%00'"),
        ("sqlite:///.", "'sqlite:///.'"),
    ],
)
def test_a_url_that_means_nothing_is_an_error_that_shows_no_more_than_its_scheme(tmp_path, url, shown):
    with pytest.raises(ConfigurationProblem) as caught:
        open_store(url, data_dir=tmp_path, keyring=keyring_of(tmp_path), sealing_key=SealingKey())
    assert caught.value.message.startswith(f"{shown} ")
    assert "sqlite:///path" in caught.value.hint


def test_opening_touches_nothing(tmp_path):
    for url in ("keyring:", "sqlite://"):
        open_store(url, data_dir=tmp_path / "data", keyring=keyring_of(tmp_path), sealing_key=SealingKey())
    assert not (tmp_path / "data").exists()
