"""Makes the sealing key of a store that needs one and has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import StoreError, WrongKey
from everyauth_cli.model import Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.settings import Settings
from everyauth_cli.store.from_settings import keyring_of, store_of
from everyauth_cli.store.move import record_keys
from everyauth_cli.store.sealed.key_place import IN_KEYRING
from everyauth_cli.store.sealed.keys import new_key


def with_sealing_key(session: Session, settings: Settings) -> Settings:
    """Return the settings with a sealing key; a new one is put into the OS keyring, else into a file."""
    if settings.key or settings.key_file or settings.sealing_key:
        return settings
    try:
        keyring = keyring_of(settings)
        items = keyring.open()
        if items.read(keyring.key_name) is None:
            items.write(keyring.key_name, _first_key(settings))
        session.terminal.info("The sealing key is stored in the OS keyring.")
        return replace(settings, sealing_key=IN_KEYRING)
    except WrongKey:
        raise
    except StoreError as error:
        path = _key_file(settings)
        session.terminal.instruct(f"The OS keyring cannot be used ({error.message}), so the sealing key is in a file:")
        session.terminal.instruct(str(path))
        session.terminal.instruct(
            "Whoever reads this file can read your credentials. Keep it out of backups of the data."
        )
        return replace(settings, sealing_key=str(path))


def _key_file(settings: Settings) -> Path:
    path = settings.config_dir / "sealing.key"
    if not path.exists():
        write_privately(path, _first_key(settings).reveal() + "\n")
    return path


def _first_key(settings: Settings) -> Secret[str]:
    """Make a key for an empty store; raises `WrongKey` for a store with secrets, which the key would not open."""
    store = store_of(settings)
    if any(record_keys(store, moved=True)):
        raise WrongKey(
            f"{store.url} has credentials already, and the key that they were sealed with is not here",
            hint="set EVERYAUTH_KEY_FILE to a file with that key, or choose an empty store",
        )
    return new_key()
