"""The sealed vault: what lies in the file says nothing, opens under its own name only, and keys are rotated."""

import base64

import pytest
from everyauth_cli.store.index_sqlite import SqliteIndex
from everyauth_cli.store.vault_sealed import SealedVault, new_key, read_keys
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.errors import ConfigurationProblem, StoreUnavailable, WrongKey
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.opening import Keyring, SealingKey, open_store, sqlite_path
from everyauth_cli.store.sqlite.file import SqliteFile

ONE, TWO = Secret(b"1" * 32), Secret(b"2" * 32)
KEY = RecordKey(profile="default", kind="identity", service="example", tenant="me", user="me")
HIDDEN = "a-refresh-token-that-nobody-may-see"


class Cells:
    """Sealed cells in a dict."""

    def __init__(self):
        self.cells = {}

    def read_cell(self, name):
        return self.cells.get(name)

    def write_cell(self, name, cell):
        self.cells[name] = cell

    def delete_cell(self, name):
        self.cells.pop(name, None)

    def cell_names(self):
        return sorted(self.cells)


@pytest.fixture
def cells():
    return Cells()


def vault(cells, *keys):
    return SealedVault(cells, lambda: list(keys or (ONE,)), where="here")


def test_what_is_sealed_opens_again(cells):
    vault(cells).write("name", Secret(HIDDEN))
    assert vault(cells).read("name") == Secret(HIDDEN)
    assert vault(cells).read("other") is None
    vault(cells).delete("name")
    assert vault(cells).read("name") is None


def test_the_same_secret_never_looks_the_same(cells):
    looks = set()
    for name in ("a", "a", "b"):
        vault(cells).write(name, Secret(HIDDEN))
        looks.add(cells.cells[name])
    assert len(looks) == 3
    assert not any(HIDDEN.encode() in look for look in looks)


@pytest.mark.parametrize("keys", [[TWO], [TWO, Secret(b"3" * 32)]])
def test_another_key_opens_nothing_and_changes_nothing(cells, keys):
    vault(cells).write("name", Secret(HIDDEN))
    before = dict(cells.cells)
    with pytest.raises(WrongKey) as caught:
        vault(cells, *keys).read("name")
    assert "EVERYAUTH_KEY" in caught.value.hint
    assert caught.value.exit_code == 6
    assert cells.cells == before


def test_a_key_is_rotated(cells):
    vault(cells, ONE).write("old", Secret("old"))
    both = vault(cells, TWO, ONE)
    assert both.read("old") == Secret("old")
    both.write("new", Secret("new"))
    assert vault(cells, TWO).read("new") == Secret("new")
    with pytest.raises(WrongKey):
        vault(cells, ONE).read("new")
    both.write("old", both.read("old"))
    assert vault(cells, TWO).read("old") == Secret("old")


def test_a_cell_opens_under_its_own_name_only(cells):
    vault(cells).write("mine", Secret(HIDDEN))
    cells.cells["yours"] = cells.cells["mine"]
    with pytest.raises(WrongKey):
        vault(cells).read("yours")
    assert vault(cells).read("mine") == Secret(HIDDEN)


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_cell_that_was_changed_does_not_open(at, by):
    cells = Cells()
    vault(cells).write("name", Secret("secret"))
    cell = bytearray(cells.cells["name"])
    # The first byte is the format's mark, which is not sealed.
    at = 1 + at % (len(cell) - 1)
    cell[at] ^= by
    cells.cells["name"] = bytes(cell)
    with pytest.raises(WrongKey):
        vault(cells).read("name")


@pytest.mark.parametrize("cell", [b"", b"\x01", b"\x01" + b"n" * 12, b"\x01" + b"n" * 20])
def test_a_cell_that_was_cut_off_does_not_open(cells, cell):
    cells.cells["name"] = cell
    with pytest.raises(WrongKey):
        vault(cells).read("name")


def text(*keys, separator="\n"):
    return Secret(separator.join(base64.urlsafe_b64encode(key.reveal()).decode() for key in keys))


@pytest.mark.parametrize("separator", ["\n", " ", ",", ", ", "\r\n"])
def test_several_keys_are_read_in_their_order(separator):
    assert read_keys(text(ONE, TWO, separator=separator), where="x") == [ONE, TWO]


def test_it_is_sealed_with_the_key_in_use_wherever_that_stands(cells):
    vault(cells, ONE).use_first_key()
    vault(cells, TWO, ONE).write("name", Secret("secret"))
    assert vault(cells, ONE).read("name") == Secret("secret")


def test_a_secret_that_is_written_while_the_key_is_rotated_is_sealed_with_the_new_one(cells):
    rotating = vault(cells, TWO, ONE)

    class Late(Cells):
        """A whole rotation passes between the look at the key in use and the first secret of a name."""

        def write_cell(self, name, cell):
            super().write_cell(name, cell)
            if self.late:
                self.late = False
                rotating.use_first_key()

    late = Late()
    late.cells, late.late = cells.cells, True
    vault(late, ONE, TWO).write("name", Secret("secret"))
    assert vault(cells, TWO).read("name") == Secret("secret")


def test_a_new_key_is_a_key_and_never_the_same():
    assert new_key() != new_key()
    assert len(read_keys(Secret(new_key().reveal() + "\n"), where="x")) == 1


@pytest.mark.parametrize(
    "given_text",
    ["", " \n", "short", "A" * 42, "A" * 44, "é" * 43, "A" * 42 + "+/", base64.b64encode(b"1" * 31).decode()],
)
def test_what_is_no_key_is_told_without_showing_it(given_text):
    with pytest.raises(ConfigurationProblem) as caught:
        read_keys(Secret(given_text), where="the place")
    assert "the place holds no sealing key" in caught.value.message
    assert not given_text.strip() or given_text not in caught.value.message


def opened(directory, sealing_key):
    return open_store("sqlite://", data_dir=directory, keyring=Keyring(), sealing_key=sealing_key)


def put(store):
    store.write(KEY, public={"n": 1}, secret=Secret({"content": HIDDEN}))


def test_no_secret_lies_in_the_file(tmp_path):
    store = opened(tmp_path, SealingKey(text=text(ONE)))
    put(store)
    store.write(KEY, public={"n": 2}, secret=Secret({"content": HIDDEN[::-1]}))
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b'"n": 2' in content
    for secret in (HIDDEN, HIDDEN[::-1], text(ONE).reveal()):
        assert secret.encode() not in content


def test_the_key_comes_from_a_file_before_a_text(tmp_path):
    (tmp_path / "key").write_text(text(ONE).reveal() + "\n")
    put(opened(tmp_path, SealingKey(file=tmp_path / "key", text=text(TWO))))
    assert opened(tmp_path, SealingKey(text=text(ONE))).read(KEY)
    with pytest.raises(WrongKey):
        opened(tmp_path, SealingKey(text=text(TWO))).read(KEY)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_key_file_that_cannot_be_read_is_told_and_listing_goes_on(tmp_path, content):
    put(opened(tmp_path, SealingKey(text=text(ONE))))
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    store = opened(tmp_path, SealingKey(file=tmp_path / "key"))
    with pytest.raises(StoreUnavailable) as caught:
        store.read(KEY)
    assert str(tmp_path / "key") in caught.value.message
    assert store.index.read(KEY) == {"n": 1}


def test_without_any_key_the_way_to_one_is_told(tmp_path):
    with pytest.raises(StoreUnavailable, match="no sealing key") as caught:
        put(opened(tmp_path, SealingKey()))
    assert "everyauth store use sqlite://" in caught.value.hint
    assert not SqliteIndex(SqliteFile(tmp_path / "everyauth.db")).find(KEY)


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
        ("sqlite:///srv/a.db", "/srv/a.db"),
        ("sqlite:///srv/with%20space.db", "/srv/with space.db"),
    ],
)
def test_a_url_names_its_file(tmp_path, url, path):
    assert str(sqlite_path(url, tmp_path)) == path.replace("DATA", str(tmp_path))


@pytest.mark.parametrize("url", ["", "x", "keyring:other", "sqlite:", "sqlite:/a", "sqlite://host/a.db", "file:///a"])
def test_a_url_that_means_nothing_is_told(tmp_path, url):
    with pytest.raises(ConfigurationProblem) as caught:
        open_store(url, data_dir=tmp_path, keyring=Keyring(), sealing_key=SealingKey())
    assert repr(url) in caught.value.message
    assert "sqlite:///path" in caught.value.hint


def test_opening_touches_nothing(tmp_path):
    for url in ("keyring:", "sqlite://"):
        open_store(url, data_dir=tmp_path / "data", keyring=Keyring(), sealing_key=SealingKey())
    assert not (tmp_path / "data").exists()
