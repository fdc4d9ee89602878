"""Every store saves, finds and deletes records alike, whatever keeps them."""

import base64
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers.secret_service import secret_service

from everyauth_cli.errors import StoreBusy, UsageProblem
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.memory import memory_store
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.records import NOT_LOOKED_UP, Lookup, Query, VersionConflict, tag_text
from everyauth_cli.store.sealed.key_place import SealingKey

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
SEALING_KEY = SealingKey(text=Secret(base64.urlsafe_b64encode(bytes(32)).decode()))
NUMBERS = count()


@pytest.fixture(scope="module")
def bus_address(tmp_path_factory):
    with secret_service(tmp_path_factory.mktemp("keyring")) as running:
        yield running.bus_address


def keyring(directory, **more):
    return Keyring(lock_directory=directory / "locks", **more)


def sealed(directory):
    return open_store("sqlite://", data_dir=directory, keyring=keyring(directory), sealing_key=SEALING_KEY)


@pytest.fixture(params=["memory", "sealed", "keyring", "postgres"])
def store(request, tmp_path):
    if request.param == "memory":
        return memory_store()
    if request.param == "sealed":
        return sealed(tmp_path)
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database()
        return open_store(url, data_dir=tmp_path, keyring=keyring(tmp_path), sealing_key=SEALING_KEY)
    session = keyring(tmp_path, bus_address=request.getfixturevalue("bus_address"), namespace=f"@{next(NUMBERS)}")
    return open_store("keyring:", data_dir=tmp_path, keyring=session, sealing_key=SealingKey())


def key(**parts):
    return RecordKey(**{"profile": "default", "kind": "identity", "service": "example", **parts})


def put(store, where, content="secret", *, version=None, lookup=NOT_LOOKED_UP, **metadata):
    return store.save(where, metadata, Secret({"content": content}), version=version, lookup=lookup)


def put_found(store, user, *, tags=(), **lookup):
    texts = json.dumps([tag_text(*tag) for tag in tags]) if tags else None
    put(store, key(user=user), lookup=Lookup(tags=texts, **lookup))


def found(store, **parts):
    return sorted(entry.metadata["n"] for entry in store.list(Query(key(service="", **parts))))


def users(entries):
    return [entry.key.user for entry in entries]


def test_who_names_a_file_by_a_link_has_its_locks(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    real, link = sealed(tmp_path / "real"), sealed(tmp_path / "link")
    with real.lock(key()), pytest.raises(StoreBusy), link.lock(key(), timeout=0.1):
        pass


class TestEveryStore:
    def test_a_record_is_read_as_it_was_saved(self, store):
        version = put(store, KEY, n=1, nested={"a": [1, None, "ü"]})
        record = store.get(KEY)
        assert (record.version, record.secret) == (version, Secret({"content": "secret"}))
        assert record.metadata == store.peek(KEY) == {"n": 1, "nested": {"a": [1, None, "ü"]}}

    def test_a_missing_record_is_none_and_can_be_deleted(self, store):
        assert store.get(KEY) is None
        assert store.peek(KEY) is None
        store.delete(KEY)

    def test_each_save_has_a_version_of_its_own(self, store):
        versions = [None]
        for content in ("one", "two", "three"):
            versions.append(put(store, KEY, content, version=versions[-1], n=content))
        assert len(set(versions)) == 4
        assert store.get(KEY).secret == Secret({"content": "three"})
        assert store.peek(KEY) == {"n": "three"}

    def test_a_record_that_is_added_replaces_no_other(self, store):
        assert store.add(KEY, {"n": 1})
        assert not store.add(KEY, {"n": 2})
        assert store.add(KEY, {"n": 1})
        assert store.add(key(user="bob"), {"n": 2})
        assert found(store) == [1, 2]
        store.delete(KEY)
        assert store.add(KEY, {"n": 3})

    def test_of_several_who_add_at_once_one_succeeds(self, store):
        with ThreadPoolExecutor(8) as threads:
            added = list(threads.map(lambda n: store.add(KEY, {"n": n}), range(32)))
        assert added.count(True) == 1
        assert store.peek(KEY) == {"n": added.index(True)}

    def test_of_several_who_save_the_same_version_one_succeeds(self, store):
        def attempt(number):
            with contextlib.suppress(VersionConflict), store.lock(KEY):
                return put(store, KEY, number, version=before)

        before = put(store, KEY)
        with ThreadPoolExecutor(8) as threads:
            saved = list(threads.map(attempt, range(16)))
        assert sum(version is not None for version in saved) == 1
        assert store.get(KEY).version in saved

    def test_deleting_takes_one_record(self, store):
        other = key(user="bob")
        put(store, KEY)
        put(store, other)
        store.delete(KEY)
        assert (store.get(KEY), store.peek(KEY)) == (None, None)
        assert store.get(other).secret == Secret({"content": "secret"})
        assert users(store.list(Query(key()))) == ["bob"]

    def test_empty_parts_of_a_query_match_any(self, store):
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

    def test_a_list_has_whole_keys(self, store):
        put(store, KEY, n=1)
        assert store.list(Query(key())) == [(KEY, {"n": 1})]
        elsewhere = key(profile="zoo", tenant="a", user="a")
        put(store, elsewhere, n=2)
        assert store.list(Query(key(profile=""))) == [(KEY, {"n": 1}), (elsewhere, {"n": 2})]

    @pytest.mark.parametrize("part", [{}, {"service": ""}, {"profile": ""}, {"user": "u"}, {"tenant": "é"}])
    def test_pages_have_all_records_once_in_the_same_order(self, store, part):
        for service, tenant, user in product(("a", "example"), ("t", "é"), ("u", "\U0001f511")):
            for profile in ("default", "other"):
                where = key(profile=profile, service=service, tenant=tenant, user=user)
                store.add(where, {"n": 1})
        query, paged, after = Query(key(**part)), [], None
        while page := store.list(query, after=after, limit=2):
            assert len(page) <= 2
            assert page[0] not in paged
            paged += page
            after = page[-1].key
        assert paged == store.list(query) == list(store.entries(query))
        assert len(paged) >= 2

    def test_a_page_begins_behind_a_key_that_was_deleted(self, store):
        for user in "abd":
            put(store, key(user=user))
        store.delete(key(user="b"))
        put(store, key(user="c"))
        assert users(store.list(Query(key()), after=key(user="b"), limit=1)) == ["c"]
        assert users(store.list(Query(key()), after=key(user="b"))) == ["c", "d"]
        assert store.list(Query(key(user="d")), after=key(user="d"), limit=1) == []

    def test_nothing_is_behind_the_one_record_of_a_whole_key(self, store):
        put(store, KEY)
        assert store.list(Query(KEY), after=KEY) == []
        assert len(store.list(Query(KEY), after=key(tenant="aaa", user="ann"))) == 1

    def test_records_are_found_by_id(self, store):
        put_found(store, "a", identity_id="idn-1")
        put_found(store, "b", identity_id="idn-2")
        assert users(store.list(Query(key(), "idn-2"))) == ["b"]
        assert users(store.list(Query(key(service=""), "idn-2"))) == ["b"]
        assert store.list(Query(key(user="a"), "idn-2")) == []
        assert store.list(Query(key(), "idn-3")) == []

    def test_records_are_found_by_tags_which_follow_each_save(self, store):
        gold, team = ("plan", "gold"), ("team", "tëam\0 \U0001f511")
        put_found(store, "a", tags=[gold, team])
        put_found(store, "b", tags=[gold])
        put_found(store, "c", tags=[("plan", "silver")])

        def tagged(*tags, **parts):
            return users(store.list(Query(key(**parts), tags=tuple(tag_text(*tag) for tag in tags))))

        assert tagged(gold) == tagged(gold, service="") == ["a", "b"]
        assert tagged(gold, team) == ["a"]
        assert tagged(gold, user="b") == ["b"]
        assert tagged(team, user="b") == []
        assert users(store.list(Query(key(), tags=(tag_text(*gold),)), after=key(tenant="", user="a"))) == ["b"]
        version = store.get(key(user="a")).version
        put(store, key(user="a"), version=version, lookup=Lookup(tags=json.dumps([tag_text(*team)])))
        assert (tagged(gold), tagged(team)) == (["b"], ["a"])
        store.delete(key(user="b"))
        put(store, key(user="b"))
        assert tagged(gold) == []

    def test_records_that_are_due_come_the_first_due_first(self, store):
        for user, due_at in {"a": 30, "b": 10, "c": 20, "d": 20, "e": None, "f": 99}.items():
            put_found(store, user, due_at=due_at)
        put(store, key(profile="other", user="x"), lookup=Lookup(due_at=1))
        put(store, key(service="other", user="x"), lookup=Lookup(due_at=1))
        assert users(store.due("default", key().service, before=99)) == ["b", "c", "d", "a"]
        assert list(store.due("default", key().service, before=10)) == []
        first = store.backend.due("default", key().service, before=99, after=None, limit=2)
        behind = store.backend.due("default", key().service, before=99, after=first[-1][:2], limit=9)
        assert [key.user for _, key, _ in [*first, *behind]] == ["b", "c", "d", "a"]

    def test_records_that_nobody_was_notified_of_are_found(self, store):
        for user, since in {"a": 30, "b": 10, "c": None}.items():
            put_found(store, user, unreported_since=since)
        assert users(store.unreported("default", since=0)) == ["b", "a"]
        assert users(store.unreported("default", since=30)) == ["a"]

    def test_a_version_that_is_not_the_current_one_saves_nothing(self, store):
        first = put(store, KEY, "first", n=1)
        second = put(store, KEY, "second", version=first, n=2)
        for version in (first, None, "another"):
            with pytest.raises(VersionConflict):
                put(store, KEY, "third", version=version, n=3)
        assert store.get(KEY).secret == Secret({"content": "second"})
        assert store.peek(KEY) == {"n": 2}
        put(store, KEY, "third", version=second, n=3)
        assert store.get(KEY).secret == Secret({"content": "third"})

    def test_a_deleted_record_is_not_brought_back(self, store):
        version = put(store, KEY)
        store.delete(KEY)
        with pytest.raises(VersionConflict):
            put(store, KEY, version=version)
        assert (store.get(KEY), store.peek(KEY)) == (None, None)

    def test_a_probe_leaves_nothing(self, store):
        store.probe()
        assert store.list(Query(RecordKey(profile="", kind="probe", service=""))) == []

    def test_it_describes_the_place_of_its_secrets(self, store):
        assert store.describe()

    def test_the_lock_of_a_record_is_held_once(self, store):
        with store.lock(KEY):
            with pytest.raises(StoreBusy, match="busy"), store.lock(KEY, timeout=0.02):
                pass
            with store.lock(key(user="bob"), timeout=0):
                pass
        with store.lock(KEY, timeout=0):
            pass

    @pytest.mark.slow
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.text(), st.text(), max_size=3), st.text(), st.text())
    def test_any_text_comes_back_as_it_was(self, store, tags, secret, user):
        where = key(tenant="täg:日本/%00", user=user + "'\"; DROP TABLE everyauth_records;-- \U0001f511")
        before = store.get(where)
        put(store, where, secret, version=before and before.version, tags=tags)
        assert store.get(where).secret == Secret({"content": secret})
        assert store.peek(where) == {"tags": tags}
        assert (where, {"tags": tags}) in store.list(Query(key(user=where.user)))

    def test_half_a_character_is_a_usage_problem(self, store):
        with pytest.raises(UsageProblem, match="not Unicode"):
            store.get(key(service="\udcff"))


PARTS = st.text(alphabet=st.sampled_from(":%@/ aAé\u0301é\x00~."), max_size=4) | st.text(max_size=6)
KEYS = st.builds(RecordKey, profile=PARTS, kind=PARTS.filter(bool), service=PARTS, tenant=PARTS, user=PARTS)


@pytest.mark.slow
@settings(max_examples=1000)
@given(KEYS, KEYS)
def test_two_keys_never_share_a_name(one, other):
    name = memory_store().name
    assert (name(one) == name(other)) == (one == other)
    assert name(one).isascii()
    assert name(one).startswith("everyauth:")


@settings(max_examples=300)
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
