"""`everyauth store`: where credentials are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.errors import EveryAuthError, StoreError, WrongKey
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.settings import Settings, remember, write_privately
from everyauth_cli.store import Store, client_record, identity_record
from everyauth_cli.store.from_settings import keyring_of, store_of
from everyauth_cli.store.opening import IN_KEYRING, key_name, keyring_locks, open_os_keyring, without_password

group = app.group("store", "Where credentials are kept.")


@command(group, "use")
def use(
    session: Session,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="keyring:, sqlite:///path or postgresql://user@host/database; sqlite:// is the usual file.",
        ),
    ],
) -> None:
    """Choose the store, see that it works, and remember it."""
    before = session.settings
    settings = replace(before, store_url=url, store_from=str(before.config_file))
    store_of(settings)
    if not url.startswith("keyring:"):
        settings = with_sealing_key(session, settings)
    store = store_of(settings)
    store.probe()
    _check_key(store)
    remember(settings, store=url, sealing_key=settings.sealing_key)
    session.terminal.note(f"Credentials are kept in {url} from now on: {store.vault.describe()}.")
    if before.store_from == "EVERYAUTH_STORE":
        session.terminal.warn("EVERYAUTH_STORE is set and goes before what is remembered")
    if before.store_url != url and (left := _count(before)):
        shown = without_password(before.store_url)
        session.terminal.note(f"{left} identities stay in {shown}; `everyauth store use` goes back to it.")


@command(group, "status")
def status(session: Session) -> None:
    """Say which store is used, whether it answers, and where secrets lie."""
    settings = session.settings
    store = store_of(settings)
    problem: EveryAuthError | None = None
    try:
        store.probe()
    except StoreError as error:
        problem = error
    where = None if problem else store.vault.describe()
    if session.terminal.as_json:
        session.terminal.json(
            {"store": store.url, "from": settings.store_from, "answers": problem is None, "secrets": where}
        )
    else:
        session.terminal.data(f"store    {store.url} (from {settings.store_from})")
        session.terminal.data(f"answers  {'no' if problem else 'yes'}")
        session.terminal.data(f"secrets  {where or 'cannot be reached'}")
    if problem:
        raise problem


def with_sealing_key(session: Session, settings: Settings) -> Settings:
    """The settings with a sealing key, which is made where there is none: in the OS keyring, else in a file."""
    if settings.key or settings.key_file or settings.sealing_key:
        return settings
    try:
        keyring = keyring_of(settings)
        vault = open_os_keyring(keyring, keyring_locks(settings.data_dir))
        if vault.read(key_name(keyring)) is None:
            vault.write(key_name(keyring), _first_key(settings))
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
    from everyauth_cli.store.vault_sealed import new_key

    store = store_of(settings)
    if any(_records(store)):
        raise WrongKey(
            f"{store.url} holds credentials already, and the key that they were sealed with is not known here",
            hint="bring that key here in a file and name it in EVERYAUTH_KEY_FILE, or choose an empty store",
        )
    return new_key()


def _check_key(store: Store) -> None:
    """Raises `WrongKey` where the store holds what its key does not open."""
    for key in islice(_records(store), 1):
        try:
            store.read(key)
        except WrongKey:
            raise
        except StoreError:
            # Damaged, which whoever reads it will be told.
            return


def _records(store: Store) -> Iterator[RecordKey]:
    for kind in (client_record.KIND, identity_record.KIND):
        yield from (key for key, _ in store.index.find(RecordKey(profile="", kind=kind, service="")))


def _count(settings: Settings) -> int:
    """How many identities a store holds, as far as it can be asked: it may be why another is wanted."""
    try:
        return len(
            store_of(settings).index.find(RecordKey(profile=settings.profile, kind=identity_record.KIND, service=""))
        )
    except EveryAuthError:
        return 0
