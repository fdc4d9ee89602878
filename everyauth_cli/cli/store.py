"""`everyauth store`: where credentials are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from everyauth_cli.assembly import keyring_of, store_of
from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.errors import EveryAuthError, StoreError
from everyauth_cli.model import Key, Secret
from everyauth_cli.settings import Settings, remember, write_privately
from everyauth_cli.store.opening import IN_KEYRING, key_name, open_os_keyring

group = app.group("store", "Where credentials are kept.")


@command(group, "use")
def use(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="keyring: or sqlite:///path; sqlite:// is the usual file.")],
) -> None:
    """Choose the store, see that it works, and remember it."""
    before = session.settings
    settings = replace(before, store_url=url, store_from=str(before.config_file))
    store_of(settings)
    if url.startswith("sqlite:"):
        settings = _with_sealing_key(session, settings)
    store = store_of(settings)
    store.probe()
    remember(settings, store=url, sealing_key=settings.sealing_key)
    session.terminal.note(f"Credentials are kept in {url} from now on: {store.vault.describe()}.")
    if before.store_from == "EVERYAUTH_STORE":
        session.terminal.warn("EVERYAUTH_STORE is set and goes before what is remembered")
    if before.store_url != url and (left := _count(before)):
        session.terminal.note(f"{left} identities stay in {before.store_url}; `everyauth store use` goes back to it.")


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
            {"store": settings.store_url, "from": settings.store_from, "answers": problem is None, "secrets": where}
        )
    else:
        session.terminal.data(f"store    {settings.store_url} (from {settings.store_from})")
        session.terminal.data(f"answers  {'no' if problem else 'yes'}")
        session.terminal.data(f"secrets  {where or 'cannot be reached'}")
    if problem:
        raise problem


def _with_sealing_key(session: Session, settings: Settings) -> Settings:
    """The settings with a sealing key, which is made where there is none: in the OS keyring, else in a file."""
    if settings.key or settings.key_file or settings.sealing_key:
        return settings
    try:
        keyring = keyring_of(settings)
        vault = open_os_keyring(keyring, store_of(settings).locks)
        if vault.read(key_name(keyring)) is None:
            vault.write(key_name(keyring), _new_key())
        session.terminal.note("The sealing key is kept in the OS keyring.")
        return replace(settings, sealing_key=IN_KEYRING)
    except StoreError as error:
        path = _key_file(settings)
        session.terminal.note(f"No OS keyring can be used ({error.message}), so the sealing key is kept in a file:")
        session.terminal.note(str(path))
        session.terminal.note("Who can read that file can read your credentials; keep it out of backups of the data.")
        return replace(settings, sealing_key=str(path))


def _key_file(settings: Settings) -> Path:
    path = settings.config_dir / "sealing.key"
    if not path.exists():
        write_privately(path, _new_key().reveal() + "\n")
    return path


def _new_key() -> Secret[str]:
    from everyauth_cli.store.vault_sealed import new_key

    return new_key()


def _count(settings: Settings) -> int:
    return len(store_of(settings).index.find(Key(profile=settings.profile, kind="identity", service="")))
