"""A store that is away when the response arrives: the sealed record waits in a file, and the next call stores it."""

from __future__ import annotations

import pytest
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
    """A world whose database file can be taken away and brought back."""

    def __init__(self, directory):
        self.directory = directory
        self.path, self.kept = directory / "everyauth.db", directory / "kept.db"
        self.world = World(directory, store=sealed_store(directory))
        self.world.login()
        self.world.clock.now += HOUR
        self.world.server.meanwhile = self.take

    def take(self):
        for suffix in ("", "-wal", "-shm"):
            if (path := self.path.with_name(self.path.name + suffix)).exists():
                path.rename(self.kept.with_name(self.kept.name + suffix))
        self.path.mkdir()

    def bring(self):
        self.path.rmdir()
        for suffix in ("", "-wal", "-shm"):
            if (path := self.kept.with_name(self.kept.name + suffix)).exists():
                path.rename(self.path.with_name(self.path.name + suffix))
        self.world.server.meanwhile = lambda: None
        return self.world.another(sealed_store(self.directory))

    def refresh(self):
        """Refresh with no patience for the store, and return the token that is handed out."""
        world = self.world
        run = RefreshRun(
            store=world.store,
            clients=world.auth.clients,
            send=world.server,
            clock=world.clock,
            warn=world.warnings.append,
            store_seconds=0.1,
        )
        return run(world.key(), CURRENT).stored.token.access_token.reveal()

    def spooled(self):
        return list((self.directory / "spool").glob("*"))


@pytest.fixture
def away(tmp_path):
    return Away(tmp_path)


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
    store = sealed_store(away.directory)
    assert other.spool.get(other.name(away.world.key())) is None
    elsewhere = sealed_store(away.directory, f"sqlite://{away.directory}/other.db")
    assert elsewhere.spool.get(elsewhere.name(away.world.key())) is None
    assert store.spool.get(store.name(away.world.key())) is not None


def test_where_no_file_can_be_written_the_store_is_the_error(away):
    (away.directory / "spool").write_text("")
    with pytest.raises(StoreError):
        away.refresh()
