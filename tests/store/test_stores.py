"""What every store does alike, whatever it is composed of, and the order in which both halves are written."""

import base64
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers.secret_service import secret_service

from everyauth_cli.errors import StoreBusy, StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store import Store, VersionConflict, memory_store
from everyauth_cli.store.locks import ThreadLocks
from everyauth_cli.store.memory import MemoryIndex, MemoryVault
from everyauth_cli.store.opening import Keyring, SealingKey, open_store

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
SEALING_KEY = SealingKey(text=Secret(base64.urlsafe_b64encode(bytes(32)).decode()))
NUMBERS = count()


@pytest.fixture(scope="module")
def bus_address(tmp_path_factory):
    with secret_service(tmp_path_factory.mktemp("keyring")) as running:
        yield running.bus_address


def sealed(directory):
    return open_store("sqlite://", data_dir=directory, keyring=Keyring(), sealing_key=SEALING_KEY)


@pytest.fixture(params=["memory", "sealed", "keyring", "postgres"])
def store(request, tmp_path):
    if request.param == "memory":
        return memory_store()
    if request.param == "sealed":
        return sealed(tmp_path)
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database()
        return open_store(url, data_dir=tmp_path, keyring=Keyring(), sealing_key=SEALING_KEY)
    keyring = Keyring(bus_address=request.getfixturevalue("bus_address"), namespace=f"@{next(NUMBERS)}")
    return open_store("keyring:", data_dir=tmp_path, keyring=keyring, sealing_key=SealingKey())


def key(**parts):
    return RecordKey(**{"profile": "default", "kind": "identity", "service": "example", **parts})


def put(store, where, content="secret", **public):
    return store.write(where, public=public, secret=Secret({"content": content}))


def found(store, **parts):
    return sorted(public["n"] for _, public in store.index.find(key(service="", **parts)))


def test_who_names_a_file_by_a_link_has_its_locks(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    real, link = sealed(tmp_path / "real"), sealed(tmp_path / "link")
    with real.lock(key()), pytest.raises(StoreBusy), link.lock(key(), timeout=0.1):
        pass


class TestEveryStore:
    def test_what_is_written_is_read_in_both_halves(self, store):
        version = put(store, KEY, n=1, nested={"a": [1, None, "ü"]})
        record = store.read(KEY)
        assert (record.version, record.content) == (version, Secret({"content": "secret"}))
        assert store.index.read(KEY) == {"n": 1, "nested": {"a": [1, None, "ü"]}}

    def test_what_is_not_there_is_none_and_can_be_deleted(self, store):
        assert store.read(KEY) is None
        assert store.index.read(KEY) is None
        store.delete(KEY)

    def test_the_last_write_counts_and_has_a_version_of_its_own(self, store):
        versions = {put(store, KEY, content, n=content) for content in ("one", "two", "three")}
        assert len(versions) == 3
        assert store.read(KEY).content == Secret({"content": "three"})
        assert store.index.read(KEY) == {"n": "three"}

    def test_what_is_added_stands_in_the_place_of_nothing_else(self, store):
        assert store.index.add(KEY, {"n": 1})
        assert not store.index.add(KEY, {"n": 2})
        assert store.index.add(KEY, {"n": 1})
        assert store.index.add(key(user="bob"), {"n": 2})
        assert found(store) == [1, 2]
        store.delete(KEY)
        assert store.index.add(KEY, {"n": 3})

    def test_of_those_who_add_at_once_one_succeeds(self, store):
        with ThreadPoolExecutor(8) as threads:
            added = list(threads.map(lambda n: store.index.add(KEY, {"n": n}), range(32)))
        assert added.count(True) == 1
        assert store.index.read(KEY) == {"n": added.index(True)}

    def test_deleting_takes_both_halves_and_nothing_else(self, store):
        other = key(user="bob")
        put(store, KEY)
        put(store, other)
        store.delete(KEY)
        assert (store.read(KEY), store.index.read(KEY)) == (None, None)
        assert store.read(other).content == Secret({"content": "secret"})
        assert len(store.index.find(key())) == 1

    def test_find_takes_empty_parts_for_any(self, store):
        put(store, key(service="a", tenant="t", user="u"), n=1)
        put(store, key(service="a", tenant="u", user="u"), n=2)
        put(store, key(service="b", tenant="t", user="v"), n=3)
        put(store, key(service="a", profile="other", user="u"), n=4)
        put(store, key(service="a", kind="client"), n=5)
        assert found(store) == [1, 2, 3]
        assert found(store, user="u") == [1, 2]
        assert found(store, tenant="t") == [1, 3]
        assert found(store, tenant="t", user="v") == [3]
        assert found(store, profile="other") == [4]
        assert found(store, profile="") == [1, 2, 3, 4]
        assert found(store, profile="", user="u") == [1, 2, 4]
        assert found(store, profile="", kind="client") == [5]
        assert found(store, kind="client") == [5]
        assert found(store, user="U") == []
        assert found(store, user="%") == []

    def test_find_tells_whole_keys(self, store):
        put(store, KEY, n=1)
        assert store.index.find(key()) == [(KEY, {"n": 1})]
        elsewhere = key(profile="zoo", tenant="a", user="a")
        put(store, elsewhere, n=2)
        assert store.index.find(key(profile="")) == [(KEY, {"n": 1}), (elsewhere, {"n": 2})]

    @pytest.mark.parametrize("part", [{}, {"service": ""}, {"profile": ""}, {"user": "u"}, {"tenant": "é"}])
    def test_find_in_pages_gives_all_once_in_the_same_order(self, store, part):
        for service, tenant, user in product(("a", "example"), ("t", "é"), ("u", "\U0001f511")):
            for profile in ("default", "other"):
                where = key(profile=profile, service=service, tenant=tenant, user=user)
                store.index.write(where, {"n": 1})
        wanted, paged, after = key(**part), [], None
        while page := store.index.find(wanted, after=after, limit=2):
            assert len(page) <= 2
            assert page[0] not in paged
            paged += page
            after = page[-1][0]
        assert paged == store.index.find(wanted)
        assert len(paged) >= 2

    def test_a_page_begins_behind_a_key_that_is_there_no_more(self, store):
        for user in "abd":
            put(store, key(user=user))
        store.delete(key(user="b"))
        put(store, key(user="c"))
        assert [found.user for found, _ in store.index.find(key(), after=key(user="b"), limit=1)] == ["c"]
        assert [found.user for found, _ in store.index.find(key(), after=key(user="b"))] == ["c", "d"]
        assert store.index.find(key(user="d"), after=key(user="d"), limit=1) == []

    def test_nothing_is_behind_the_one_record_of_a_whole_key(self, store):
        put(store, KEY)
        assert store.index.find(KEY, after=KEY) == []
        assert len(store.index.find(KEY, after=key(tenant="aaa", user="ann"))) == 1

    def test_a_version_that_is_no_longer_current_writes_nothing(self, store):
        first = put(store, KEY, "first", n=1)
        second = put(store, KEY, "second", n=2)
        with pytest.raises(VersionConflict):
            store.write(KEY, public={"n": 3}, secret=Secret({"content": "third"}), expect=first)
        assert store.read(KEY).content == Secret({"content": "second"})
        assert store.index.read(KEY) == {"n": 2}
        store.write(KEY, public={"n": 3}, secret=Secret({"content": "third"}), expect=second)
        assert store.read(KEY).content == Secret({"content": "third"})

    def test_a_deleted_record_is_not_brought_back(self, store):
        version = put(store, KEY)
        store.delete(KEY)
        with pytest.raises(VersionConflict):
            store.write(KEY, public={}, secret=Secret({}), expect=version)
        assert (store.read(KEY), store.index.read(KEY)) == (None, None)

    def test_a_probe_leaves_nothing(self, store):
        store.probe()
        assert store.index.find(RecordKey(profile="", kind="probe", service="")) == []

    def test_it_says_where_secrets_lie(self, store):
        assert store.vault.describe()

    def test_the_lock_of_a_record_is_held_once(self, store):
        with store.lock(KEY):
            with pytest.raises(StoreBusy, match="busy"), store.lock(KEY, timeout=0.02):
                pass
            with store.lock(key(user="bob"), timeout=0):
                pass
        with store.lock(KEY, timeout=0):
            pass

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.text(), st.text(), max_size=3), st.text(), st.text())
    def test_any_text_comes_back_as_it_was(self, store, tags, secret, user):
        where = key(tenant="täg:日本/%00", user=user + "'\"; DROP TABLE records;-- \U0001f511")
        put(store, where, secret, tags=tags)
        assert store.read(where).content == Secret({"content": secret})
        assert store.index.read(where) == {"tags": tags}
        assert (where, {"tags": tags}) in store.index.find(key(user=where.user))


PARTS = st.text(alphabet=st.sampled_from(":%@/ aAé\u0301é\x00~."), max_size=4) | st.text(max_size=6)
KEYS = st.builds(RecordKey, profile=PARTS, kind=PARTS.filter(bool), service=PARTS, tenant=PARTS, user=PARTS)


@settings(max_examples=1000, deadline=None)
@given(KEYS, KEYS)
def test_two_keys_never_share_a_name(one, other):
    name = memory_store().name
    assert (name(one) == name(other)) == (one == other)
    assert name(one).isascii()
    assert name(one).startswith("everyauth:")


@settings(max_examples=300, deadline=None)
@given(PARTS, PARTS, PARTS, PARTS)
def test_an_empty_part_is_not_taken_for_a_shifted_one(one, two, three, four):
    name = memory_store().name
    shifted = [
        RecordKey(profile="", kind=one or "k", service=two, tenant=three, user=four),
        RecordKey(profile=one or "k", kind="k", service=two, tenant=three, user=four),
        RecordKey(profile=one or "k", kind="k", service="", tenant=two, user=three),
        RecordKey(profile=one or "k", kind="k", service=two, tenant="", user=three),
    ]
    assert len({name(key) for key in shifted}) == len(set(shifted))


class Watched:
    """Stands before a part of a store: notes what is called, and fails at what it is told to."""

    def __init__(self, part, name, calls):
        self._part, self._name, self._calls = part, name, calls
        self.failing = set()

    def __getattr__(self, method):
        def call(*arguments):
            self._calls.append(f"{self._name} {method}")
            if method in self.failing:
                raise StoreUnavailable("told to fail")
            return getattr(self._part, method)(*arguments)

        return call


@pytest.fixture
def calls():
    return []


@pytest.fixture
def watched(calls):
    vault = Watched(MemoryVault(), "vault", calls)
    return Store(
        url="memory:", index=Watched(MemoryIndex(), "index", calls), open_vault=lambda: vault, locks=ThreadLocks()
    )


def test_the_secret_is_written_before_its_public_half_and_deleted_after_it(watched, calls):
    put(watched, KEY)
    assert [call for call in calls if "write" in call] == ["vault write", "index write"]
    watched.delete(KEY)
    assert [call for call in calls if "delete" in call] == ["index delete", "vault delete"]


def test_a_vault_that_fails_leaves_no_public_half(watched):
    watched.vault.failing = {"write"}
    with pytest.raises(StoreUnavailable):
        put(watched, KEY)
    assert watched.index.read(KEY) is None


def test_an_index_that_fails_leaves_a_secret_that_can_be_found(watched):
    watched.index.failing = {"write"}
    with pytest.raises(StoreUnavailable):
        put(watched, KEY)
    assert watched.read(KEY).content == Secret({"content": "secret"})


def test_a_vault_that_cannot_delete_leaves_the_record_as_it_was(watched):
    put(watched, KEY, n=1)
    watched.vault.failing = {"delete"}
    with pytest.raises(StoreUnavailable):
        watched.delete(KEY)
    assert watched.index.read(KEY) == {"n": 1}
    assert watched.read(KEY) is not None


def test_listing_opens_no_vault():
    def refuse():
        raise StoreUnavailable("locked")

    store = Store(url="memory:", index=MemoryIndex(), open_vault=refuse, locks=ThreadLocks())
    store.index.write(KEY, {"n": 1})
    assert store.index.find(key()) == [(KEY, {"n": 1})]
    with pytest.raises(StoreUnavailable):
        store.read(KEY)


@pytest.mark.parametrize("failing", ["write", "read", "delete"])
def test_a_probe_finds_a_vault_that_fails_and_cleans_up(watched, calls, failing):
    watched.vault.failing = {failing}
    with pytest.raises(StoreUnavailable):
        watched.probe()
    assert ("vault delete" in calls) is (failing != "write")


def test_a_probe_finds_an_index_that_fails_and_cleans_up(watched, calls):
    watched.index.failing = {"write"}
    with pytest.raises(StoreUnavailable):
        watched.probe()
    assert calls[-1] == "vault delete"


def test_a_probe_finds_a_vault_that_forgets():
    class Forgetful(MemoryVault):
        def write(self, name, secret):
            pass

    store = Store(url="memory:", index=MemoryIndex(), open_vault=Forgetful, locks=ThreadLocks())
    with pytest.raises(StoreError, match="does not give back"):
        store.probe()


@pytest.mark.parametrize("foreign", ["", "password", "[]", "5", "null", "{}", '{"content": 1}', '["version"]'])
def test_a_secret_that_we_did_not_write_is_told(foreign):
    store = memory_store()
    store.vault.write(store.name(KEY), Secret(foreign))
    with pytest.raises(StoreError) as caught:
        store.read(KEY)
    assert "not written by everyauth" in caught.value.message
    assert store.name(KEY) in caught.value.message
    assert store.vault.read(store.name(KEY)) == Secret(foreign)


def test_stores_share_a_file_but_no_name_with_another_namespace(tmp_path):
    one, other = sealed(tmp_path), sealed(tmp_path)
    put(one, KEY)
    assert other.read(KEY) is not None
    elsewhere = Store(url="", index=one.index, open_vault=lambda: one.vault, locks=one.locks, namespace="@a")
    assert elsewhere.read(KEY) is None
