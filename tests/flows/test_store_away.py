"""A store that is away when the response arrives: the sealed record waits in a file, and the next call stores it."""

from __future__ import annotations

import threading
import time

import pytest
from peers.postgres import running
from peers.stores import KEY, keyring_of, sealed_store
from peers.token_server import HOUR, World

from everyauth_cli.errors import LoginRequired, StoreError
from everyauth_cli.flows.refresh_run import RefreshRun
from everyauth_cli.flows.requirement import CURRENT
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import read_identity, save_identity
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.sealed.key_place import SealingKey

OTHER_KEY = SealingKey(text=Secret(KEY.replace("A", "B", 3)))


class Away:
    """A world whose store goes away when a token response arrives, until it is brought back."""

    def __init__(self, directory):
        self.directory = directory
        self.world = World(directory, store=self.open())
        self.world.login()
        self.world.clock.now += HOUR
        self.world.server.meanwhile = self.take

    def bring(self):
        self.give_back()
        self.world.server.meanwhile = lambda: None
        return self.world.another(self.open())

    def refresh(self, *, store_seconds=0.1):
        """Refresh with little patience for the store, and return the token that is handed out."""
        world = self.world
        run = RefreshRun(
            store=world.store,
            clients=world.auth.clients,
            send=world.server,
            clock=world.clock,
            warn=world.warnings.append,
            store_seconds=store_seconds,
        )
        return run(world.key(), CURRENT).stored.token.access_token.reveal()

    def spooled(self):
        return list((self.directory / "spool").glob("*"))


class SqliteAway(Away):
    """A directory takes the place of the database file."""

    def open(self):
        return sealed_store(self.directory)

    @property
    def path(self):
        return self.directory / "everyauth.db"

    def take(self):
        for path in self.directory.glob(f"{self.path.name}*"):
            if path.is_file():
                path.rename(path.with_name(f"kept-{path.name}"))
        self.path.mkdir()

    def give_back(self):
        self.path.rmdir()
        for path in self.directory.glob(f"kept-{self.path.name}*"):
            path.rename(path.with_name(path.name.removeprefix("kept-")))


class PostgresAway(Away):
    """The server is killed, with all its connections."""

    def __init__(self, directory, server):
        self.server, self.url = server, server.new_database()
        super().__init__(directory)

    def open(self):
        return sealed_store(self.directory, self.url)

    def take(self):
        self.server.stop()

    def give_back(self):
        self.server.start()


@pytest.fixture
def away(tmp_path):
    return SqliteAway(tmp_path)


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


def test_the_new_token_is_handed_out_and_kept_sealed_in_a_file(away):
    assert away.refresh() == "access-3"
    (path,) = away.spooled()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "access-3" not in path.read_text()
    (warning,) = away.world.warnings
    assert f"the new token is kept in {path}, sealed, and the next call here stores it" in warning


def test_the_next_call_stores_it_and_sends_nothing(away):
    away.refresh()
    auth = away.bring()
    assert auth.get_identity("example").access_token == "access-3"
    assert away.world.server.refreshes == 1
    assert away.spooled() == []
    away.world.clock.now += HOUR
    assert auth.get_identity("example").access_token == "access-4"


def test_it_loses_to_a_newer_token(away):
    away.refresh()
    auth = away.bring()
    away.world.auth = auth
    away.world.login()
    away.world.clock.now += HOUR
    assert auth.get_identity("example").access_token == "access-6"
    assert away.spooled() == []
    assert away.world.server.refreshes == 2


def test_it_is_stored_over_a_mere_mark(away):
    away.refresh()
    auth = away.bring()
    stored = read_identity(auth.store, away.world.key())
    save_identity(auth.store, away.world.key(), stored)
    assert auth.get_identity("example").access_token == "access-3"


def test_the_deletion_of_an_identity_deletes_its_file(away):
    away.refresh()
    auth = away.bring()
    auth.store.delete(away.world.key())
    assert away.spooled() == []


@pytest.mark.slow
def test_a_server_that_comes_back_in_time_takes_the_new_token(tmp_path, server):
    def away_for_a_while():
        away.take()
        back.start()

    away = PostgresAway(tmp_path, server)
    back = threading.Timer(3.0, away.give_back)
    away.world.server.meanwhile = away_for_a_while
    assert away.refresh(store_seconds=60) == "access-3"
    assert (away.spooled(), away.world.warnings) == ([], [])
    stored = read_identity(away.open(), away.world.key())
    assert (stored.token.access_token.reveal(), stored.refreshing_since) == ("access-3", None)


@pytest.mark.slow
def test_a_server_that_comes_back_too_late_takes_it_from_the_file(tmp_path, server):
    away = PostgresAway(tmp_path, server)
    assert away.refresh() == "access-3"
    (path,) = away.spooled()
    assert str(path) in away.world.warnings[0]
    auth, started = away.bring(), time.monotonic()
    assert auth.get_identity("example").access_token == "access-3"
    # The claim could not be released while the server was away, and lasts for 15 s.
    assert time.monotonic() - started < 10
    assert (away.world.server.refreshes, away.spooled()) == (1, [])
    stored = read_identity(away.open(), away.world.key())
    assert (stored.token.access_token.reveal(), stored.refreshing_since) == ("access-3", None)


@pytest.mark.parametrize("content", ["", "no base64!", "AAAA"])
def test_a_file_that_was_changed_is_not_used(away, content):
    away.refresh()
    auth = away.bring()
    away.spooled()[0].write_text(content)
    with pytest.raises(LoginRequired, match="the response to an earlier refresh was lost"):
        auth.get_identity("example")


def test_a_file_of_another_key_or_store_is_not_used(away):
    away.refresh()
    away.bring()
    other = open_store("sqlite://", data_dir=away.directory, keyring=keyring_of(away.directory), sealing_key=OTHER_KEY)
    store = sealed_store(away.directory, away.world.store.url)
    assert other.spool.get(other.name(away.world.key())) is None
    elsewhere = sealed_store(away.directory, f"sqlite://{away.directory}/other.db")
    assert elsewhere.spool.get(elsewhere.name(away.world.key())) is None
    assert store.spool.get(store.name(away.world.key())) is not None


def test_where_no_file_can_be_written_the_store_is_the_error(away):
    (away.directory / "spool").write_text("")
    with pytest.raises(StoreError):
        away.refresh()
