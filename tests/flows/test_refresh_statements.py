"""The statements of one refresh in a SQL store: five, two of which write."""

from __future__ import annotations

import pytest
from peers.stores import SEALING_KEY, keyring_of
from peers.token_server import HOUR, World

from everyauth_cli.store.file_locks import FileLocks
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.key_place import KeyPlace
from everyauth_cli.store.sealed.records import SealedRecords
from everyauth_cli.store.sqlite.file import SqliteFile
from everyauth_cli.store.table import RecordTable


class Counting:
    """A database that counts the statements it is given."""

    by_user = SqliteFile.by_user

    def __init__(self, database):
        self.database, self.statements = database, []

    @property
    def exists(self):
        return self.database.exists

    def run(self, statement, values=()):
        self.statements.append(statement)
        return self.database.run(statement, values)

    def change(self, statement, values=(), *, lasting=True):
        self.statements.append(statement)
        return self.database.change(statement, values, lasting=lasting)

    def kinds(self):
        return [statement.split()[0] for statement in self.statements]


@pytest.fixture
def database(tmp_path):
    return Counting(SqliteFile(tmp_path / "everyauth.db"))


@pytest.fixture
def world(tmp_path, database):
    place = KeyPlace(url="sqlite:", key=SEALING_KEY, keyring=keyring_of(tmp_path))
    records = SealedRecords(RecordTable(database), place.read_keys, where="sealed")
    world = World(tmp_path, store=Store(url="sqlite://", backend=records, locks=FileLocks(tmp_path / "locks")))
    world.login()
    database.statements.clear()
    return world


def test_a_fresh_token_is_one_statement(world, database):
    assert world.token() == "access-2"
    assert database.kinds() == ["SELECT"]


def test_a_refresh_is_five_statements_of_which_two_write(world, database):
    world.clock.now += HOUR
    assert world.token() == "access-3"
    assert database.kinds() == ["SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE"]
