"""`everyauth store rotate-key`: another sealing key, without a moment at which something cannot be opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ConfigurationProblem, StoreBusy, StoreError, StoreUnavailable, UsageProblem, WrongKey
from everyauth_cli.model import Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.store.from_settings import key_place_of, store_of
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.key_place import KeyPlace
from everyauth_cli.store.sealed.keys import new_key
from everyauth_cli.store.sealed.records import SealedRecords

ROTATION = "everyauth:rotation"


@command(group, "rotate-key")
def rotate_key(session: Session) -> None:
    """Make a new sealing key and seal all secrets with it; when it was cut off, run it again."""
    settings, say = session.settings, session.terminal.note
    store, place = store_of(settings), key_place_of(settings)
    _sealed(store)
    with _alone(store):
        place.remove_leftovers()
        keys = _words(place)
        if len(keys) > 1:
            say("There are several keys already, so the rotation to the first of them goes on.")
        else:
            keys = _add_key(place, keys)
        # Opened anew: with both keys.
        store = store_of(settings)
        say(f"Secrets sealed anew in {store.url}: {_seal_all(session, store)}.")
        _drop_old(session, place, keys)
    if store.url.startswith("postgres"):
        say("Every other machine that uses this store needs the new key now.")


def _sealed(store: Store) -> SealedRecords:
    if isinstance(store.backend, SealedRecords):
        return store.backend
    raise UsageProblem(
        f"{store.url} has no sealing key: its secrets are in {store.describe()}", hint="everyauth store status"
    )


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(store.locks.hold(ROTATION, timeout=0))
        except TimeoutError:
            raise StoreBusy(
                "another everyauth is rotating this store's key", hint="wait for it to end, then look: store status"
            ) from None
        yield


def _words(place: KeyPlace) -> list[str]:
    return place.read().reveal().replace(",", " ").split()


def _add_key(place: KeyPlace, keys: list[str]) -> list[str]:
    """A new key before the old one, which stays until nothing is sealed with it any more."""
    if not place.can_be_written:
        raise ConfigurationProblem(
            f"the sealing key comes from {place.describe()}, which no command can change",
            hint="put a new key before the old one there, with a blank between, and run this again; "
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
        with session.terminal.progress("sealing", len(left)) as advance:
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
            f"{len(refused)} secrets do not open with the keys that are here, such as {min(refused)}; "
            f"{sealed} others were sealed anew, and no key was taken away",
            hint="add the key that they were sealed with after those there are, and run this again",
        )
    return sealed


def _drop_old(session: Session, place: KeyPlace, keys: list[str]) -> None:
    if not place.can_be_written:
        session.terminal.note(f"Only the first key in {place.describe()} is needed now; take the others out.")
        return
    first, *old = keys
    kept = place.keep_old(Secret("\n".join(old)), write_file=write_privately)
    place.write(Secret(first), write_file=write_privately)
    session.terminal.note(f"The new key is in {place.describe()}, and the old one is not there any more.")
    session.terminal.note(f"It is kept in {kept}: other stores, and backups made before, open with it alone.")
    session.terminal.note("Delete it there when nothing needs it.")
