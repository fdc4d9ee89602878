"""The statements that a refresh and a fresh token cost in a SQL store."""

import pytest
from peers.stores import sealed_store
from peers.token_server import HOUR, World

from everyauth_cli.store.table import RecordTable


class Counting:
    """Stands before a database and notes each statement's first word."""

    def __init__(self, database):
        self._database = database
        self.by_user = database.by_user
        self.exists = True
        self.counted = []

    def run(self, statement, values=(), **more):
        self.counted.append(statement.split()[0])
        return self._database.run(statement, values, **more)

    def change(self, statement, values=(), **more):
        self.counted.append(statement.split()[0])
        return self._database.change(statement, values, **more)

    def taken(self):
        counted, self.counted = self.counted, []
        return counted


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def world(request, tmp_path):
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    world = World(tmp_path, store=sealed_store(tmp_path, url))
    world.login()
    table = world.store.backend.table
    counting = Counting(table.database)
    world.store.backend.table = RecordTable(counting, encode=table._encode or str, decode=table._decode)
    world.statements = counting
    return world


def test_a_fresh_token_is_one_statement(world):
    world.token()
    assert world.statements.taken() == ["SELECT"]


def test_a_refresh_is_five_statements_of_which_two_write(world):
    world.clock.now += HOUR
    world.token()
    # Read, read again under the lock, the client, mark, save.
    assert world.statements.taken() == ["SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE"]


def test_a_refresh_by_id_or_tag_is_one_statement_more(world):
    identity = world.login(tags={"plan": "gold"})
    for who in ({"identity_id": identity.id}, {"who": {"plan": "gold"}}):
        world.clock.now += HOUR
        world.statements.taken()
        assert world.auth.get_identity("example", **who)
        assert world.statements.taken() == ["SELECT"] * 4 + ["UPDATE"] * 2
