"""The sealing key of a store that needs one: made where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import StoreError, WrongKey
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.settings import Settings
from everyauth_cli.store.clients import KIND as CLIENT
from everyauth_cli.store.from_settings import keyring_of, store_of
from everyauth_cli.store.identities import KIND as IDENTITY
from everyauth_cli.store.records import Query, Store
from everyauth_cli.store.sealed.key_place import IN_KEYRING
from everyauth_cli.store.sealed.keys import new_key


def with_sealing_key(session: Session, settings: Settings) -> Settings:
    """The settings with a sealing key, which is made where there is none: in the OS keyring, else in a file."""
    if settings.key or settings.key_file or settings.sealing_key:
        return settings
    try:
        keyring = keyring_of(settings)
        items = keyring.open()
        if items.read(keyring.key_name) is None:
            items.write(keyring.key_name, _first_key(settings))
        session.terminal.note("The sealing key is kept in the OS keyring.")
        return replace(settings, sealing_key=IN_KEYRING)
    except WrongKey:
        raise
    except StoreError as error:
        path = _key_file(settings)
        session.terminal.note(f"No OS keyring can be used ({error.message}), so the sealing key is kept in a file:")
        session.terminal.note(str(path))
        session.terminal.note("Who can read that file can read your credentials; keep it out of backups of the data.")
        return replace(settings, sealing_key=str(path))


def _key_file(settings: Settings) -> Path:
    path = settings.config_dir / "sealing.key"
    if not path.exists():
        write_privately(path, _first_key(settings).reveal() + "\n")
    return path


def _first_key(settings: Settings) -> Secret[str]:
    """A new key for a store that holds nothing yet; raises `WrongKey` for one that holds what it would not open."""
    store = store_of(settings)
    if any(record_keys(store)):
        raise WrongKey(
            f"{store.url} holds credentials already, and the key that they were sealed with is not known here",
            hint="bring that key here in a file and name it in EVERYAUTH_KEY_FILE, or choose an empty store",
        )
    return new_key()


def record_keys(store: Store) -> Iterator[RecordKey]:
    for kind in (CLIENT, IDENTITY):
        yield from (key for key, _ in store.entries(Query(RecordKey(profile="", kind=kind, service=""))))
