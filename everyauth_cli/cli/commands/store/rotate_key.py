"""`everyauth store rotate-key`: seal all secrets with a new key, while every one can be opened at any time."""

from __future__ import annotations

from contextlib import AbstractContextManager

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.progress import progress
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ConfigurationProblem, StoreError, StoreUnavailable, UsageProblem, WrongKey
from everyauth_cli.model import Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.store.from_settings import key_place_of, store_of
from everyauth_cli.store.locks import hold
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.key_place import KeyPlace
from everyauth_cli.store.sealed.keys import new_key
from everyauth_cli.store.sealed.records import SealedRecords

ROTATION = "everyauth:rotation"


@command(group, "rotate-key", examples=["everyauth store rotate-key"])
def rotate_key(session: Session) -> None:
    """Seal all secrets with a new sealing key.

    Run it again if it was interrupted. The old key is kept in a file.
    """
    settings, info = session.settings, session.terminal.info
    store, place = store_of(settings), key_place_of(settings)
    _sealed(store)
    with _alone(store):
        place.remove_leftovers()
        keys = _words(place)
        if len(keys) > 1:
            info("There are several keys already: continuing the rotation to the first.")
        else:
            keys = _add_key(place, keys)
        # Opened again, with both keys.
        store = store_of(settings)
        sealed = _seal_all(session, store)
        info(f"Secrets sealed with the new key in {store.url}: {sealed}.")
        kept = _drop_old(session, place, keys)
    if store.url.startswith("postgres"):
        info("Every other machine that uses this store needs the new key now.")
    if session.terminal.as_json:
        session.terminal.json({"store": store.url, "sealed": sealed, "key": place.describe(), "oldKey": kept})


def _sealed(store: Store) -> SealedRecords:
    if isinstance(store.backend, SealedRecords):
        return store.backend
    raise UsageProblem(
        f"{store.url} has no sealing key: its secrets are in {store.describe()}", hint="everyauth store status"
    )


def _alone(store: Store) -> AbstractContextManager[None]:
    hint = "wait for it to end, then run this again"
    return hold(store.locks, ROTATION, timeout=0, task="rotating this store's key", hint=hint)


def _words(place: KeyPlace) -> list[str]:
    return place.read().reveal().replace(",", " ").split()


def _add_key(place: KeyPlace, keys: list[str]) -> list[str]:
    """Put a new key before the old one, which stays until no secret is sealed with it."""
    if not place.can_be_written:
        raise ConfigurationProblem(
            f"the sealing key comes from {place.describe()}, which everyauth cannot change",
            hint="put a new key before the old one there, with a space between, and run this again; "
            "openssl rand -base64 32 | tr +/ -_ makes one",
        )
    keys = [new_key().reveal(), *keys]
    place.write(Secret("\n".join(keys)), write_file=write_privately)
    return keys


def _seal_all(session: Session, store: Store) -> int:
    """Seal all secrets with the first key; raises `WrongKey` when some do not open."""
    records = _sealed(store)
    records.use_first_key()
    sealed, refused = 0, set[str]()
    # More than once: a save may come between the reading of a record and its sealing.
    while left := [key for key in records.outdated() if store.name(key) not in refused]:
        with progress(session.terminal, "Sealing", lambda: len(left)) as advance:
            for key in left:
                try:
                    records.reseal(key, store.name(key))
                    sealed += 1
                except StoreUnavailable:
                    raise
                except StoreError:
                    refused.add(store.name(key))
                advance()
    if refused:
        raise WrongKey(
            f"{len(refused)} secrets do not open with the keys given here, for example {min(refused)}; "
            f"{sealed} others were sealed with the new key, and no key was removed",
            hint="add the key that they were sealed with after the others, and run this again",
        )
    return sealed


def _drop_old(session: Session, place: KeyPlace, keys: list[str]) -> str | None:
    """Take the old keys away where that is possible, and return where they are kept."""
    if not place.can_be_written:
        session.terminal.info(f"Only the first key in {place.describe()} is needed now; remove the others.")
        return None
    first, *old = keys
    kept = place.keep_old(Secret("\n".join(old)), write_file=write_privately)
    place.write(Secret(first), write_file=write_privately)
    session.terminal.info(f"The new key is in {place.describe()}; the old one was removed from it.")
    session.terminal.info(f"The old key is in {kept}: other stores, and backups made before, open with it only.")
    session.terminal.info("Delete that file when nothing needs it.")
    return kept
