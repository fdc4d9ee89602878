"""Records whose secrets are in the OS keyring: the item is the record, and the file beside it a list."""

import pytest
from peers.stores import in_file, keyring_of
from peers.token_server import HOUR, World

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.file_locks import ThreadLocks
from everyauth_cli.store.keyring.records import KeyringRecords
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.records import Query, Store, VersionConflict
from everyauth_cli.store.sealed.key_place import SealingKey
from everyauth_cli.store.sqlite.file import SqliteFile
from everyauth_cli.store.table import RecordTable

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")


class Items:
    """Items in a dict; `calls` notes what is done to them, `failing` names calls that fail."""

    def __init__(self):
        self.items, self.calls, self.failing = {}, [], set()

    def _call(self, name):
        self.calls.append(name)
        if name in self.failing:
            raise StoreUnavailable("the keyring is away")

    def read(self, name):
        self._call("read")
        return self.items.get(name)

    def write(self, name, secret, *, check=None):
        self._call("write")
        if check is not None:
            check(self.items.get(name))
        self.items[name] = secret

    def delete(self, name):
        self._call("delete")
        self.items.pop(name, None)

    def describe(self):
        return "items"


class Failing:
    """Stands before a database, whose changes fail while `full` is set."""

    def __init__(self, database, calls):
        self._database, self._calls, self.full, self.by_user = database, calls, False, database.by_user

    def __getattr__(self, name):
        return getattr(self._database, name)

    def change(self, statement, values=(), **more):
        self._calls.append(f"list {statement.split()[0]}")
        if self.full:
            raise StoreUnavailable("the disk is full")
        return self._database.change(statement, values, **more)


@pytest.fixture
def items():
    return Items()


@pytest.fixture
def database(tmp_path, items):
    return Failing(SqliteFile(tmp_path / "index.db"), items.calls)


@pytest.fixture
def store(items, database):
    records = KeyringRecords(RecordTable(database), lambda: items)
    return Store(url="keyring:", backend=records, locks=ThreadLocks())


def put(store, n, version=None):
    return store.save(KEY, {"n": n}, Secret({"content": n}), version=version)


def test_the_item_is_written_first_and_deleted_last(store, items):
    put(store, 1)
    store.delete(KEY)
    assert items.calls == ["write", "list INSERT", "list DELETE", "delete"]


def test_a_list_opens_no_keyring(store, items):
    store.add(KEY, {"n": 1})
    items.calls.clear()
    assert store.list(Query(KEY)) == [(KEY, {"n": 1})]
    assert store.peek(KEY) == {"n": 1}
    assert items.calls == []


def test_a_keyring_that_fails_lists_nothing(store, items):
    items.failing = {"write"}
    with pytest.raises(StoreUnavailable):
        put(store, 1)
    assert store.list(Query(KEY)) == []


def test_a_record_that_could_not_be_listed_is_found_and_listed_by_the_next_attempt(store, database):
    database.full = True
    with pytest.raises(StoreUnavailable):
        put(store, 1)
    assert store.get(KEY).metadata == {"n": 1}
    database.full = False
    version = put(store, 1)
    assert store.peek(KEY) == {"n": 1}
    assert store.get(KEY).version == version
    # And over a version that was read, whose save was cut off likewise.
    database.full = True
    with pytest.raises(StoreUnavailable):
        put(store, 2, version)
    database.full = False
    put(store, 2, version)
    assert store.peek(KEY) == {"n": 2}
    with pytest.raises(VersionConflict):
        put(store, 3, version)


def test_an_item_that_cannot_be_deleted_stays_listed(store, items):
    put(store, 1)
    items.failing = {"delete"}
    with pytest.raises(StoreUnavailable):
        store.delete(KEY)
    assert store.peek(KEY) == {"n": 1}
    assert store.get(KEY) is not None


def test_metadata_is_used_from_the_item_whatever_the_file_says(store, tmp_path):
    put(store, 1)
    in_file(tmp_path / "index.db", "UPDATE everyauth_records SET metadata = '{\"n\":2}', version = 'x'")
    assert store.get(KEY).metadata == {"n": 1}
    in_file(tmp_path / "index.db", "DELETE FROM everyauth_records")
    assert store.get(KEY).metadata == {"n": 1}


@pytest.mark.parametrize(
    "foreign",
    [
        *("", "password", "[]", "5", "null", "{}", '{"version": "1"}', "[" * 100_000),
        '{"version": 1, "metadata": {}, "secret": {}}',
        '{"version": "1", "metadata": [], "secret": {}}',
    ],
)
def test_an_item_that_we_did_not_write_is_an_error_and_left_alone(store, items, foreign):
    items.items[store.name(KEY)] = Secret(foreign)
    for call in (lambda: store.get(KEY), lambda: put(store, 1)):
        with pytest.raises(StoreError, match="was not written by everyauth") as caught:
            call()
        assert store.name(KEY) in caught.value.message
    assert items.items == {store.name(KEY): Secret(foreign)}


def test_an_item_of_an_earlier_everyauth_is_not_used_and_makes_room_for_a_login(store, items):
    items.items[store.name(KEY)] = Secret('{"version": "1", "id": "idn-1", "token": {"access_token": "a"}}')
    assert store.get(KEY) is None
    put(store, 1)
    assert store.get(KEY).metadata == {"n": 1}


def test_whoever_swaps_ids_in_the_list_is_found_out(store, tmp_path):
    world = World(tmp_path, store=store)
    ann, bob = (world.login(user, user=user) for user in ("ann", "bob"))
    in_file(
        tmp_path / "index.db",
        "UPDATE everyauth_records SET metadata = replace(metadata, ?, ?), identity_id = ? WHERE username = 'bob'",
        bob.id,
        ann.id,
        ann.id,
    )
    in_file(tmp_path / "index.db", "DELETE FROM everyauth_records WHERE username = 'ann'")
    for call in (
        lambda: world.auth.get_identity("example", identity_id=ann.id),
        lambda: world.auth.delete_identity("example", identity_id=ann.id, local=True),
    ):
        with pytest.raises(StoreError, match="another id"):
            call()
    assert world.token("bob") is not None


def test_whoever_adds_a_tag_to_the_list_is_found_out(store, tmp_path):
    world = World(tmp_path, store=store)
    world.login(user="bob", tags={"plan": "free"})
    gold = "metadata = replace(metadata, 'free', 'gold'), tags = replace(tags, 'free', 'gold')"
    in_file(tmp_path / "index.db", f"UPDATE everyauth_records SET {gold}")
    with pytest.raises(StoreError, match="other tags"):
        world.auth.get_identity("example", {"plan": "gold"})


def test_a_client_s_parameters_and_hosts_are_those_of_the_item(store, tmp_path):
    world = World(tmp_path, store=store)
    world.entry(
        "placed",
        'authorization_endpoint = "https://{host}/a"\ntoken_endpoint = "https://{host}/t"\n'
        'params.host = {help = "the host", default = "good.example"}\n',
    )
    world.auth.clients.set(world.auth.catalogue.get("placed"), client_id="id", client_secret=Secret("s"))
    evil = """replace(metadata, '"params":{}', '"params":{"host":"evil.example"}')"""
    in_file(tmp_path / "index.db", f"UPDATE everyauth_records SET metadata = {evil}")
    assert world.auth.clients.filled("placed").token_endpoint == "https://good.example/t"
    assert world.auth.clients.registered("placed")[0].token_endpoint == "https://good.example/t"


def test_a_refresh_is_written_once_to_the_keyring_for_the_mark_and_once_for_the_token(store, tmp_path, items):
    world = World(tmp_path, store=store)
    world.login()
    world.clock.now += HOUR
    items.calls.clear()
    world.token()
    # Read, read again under the lock, the client; the mark; the token.
    assert items.calls == ["read"] * 3 + ["write", "list INSERT"] * 2


def test_directories_share_a_keyring_but_no_name(tmp_path):
    stores = [
        open_store("keyring:", data_dir=tmp_path, keyring=keyring_of(tmp_path, namespace=n), sealing_key=SealingKey())
        for n in ("", "@a")
    ]
    assert stores[0].name(KEY) != stores[1].name(KEY)
