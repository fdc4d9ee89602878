"""`everyauth profile ls`: list the profiles that have clients or identities."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.profile import group
from everyauth_cli.cli.session import Session
from everyauth_cli.store.clients import list_clients
from everyauth_cli.store.identities import identity_query, list_keys
from everyauth_cli.store.profiles import list_profiles
from everyauth_cli.store.records import Store

COLUMNS = ["profile", "identities", "clients"]


@command(group, "ls", examples=["everyauth profile ls", "everyauth profile ls -o json"])
def ls(session: Session) -> None:
    """List the profiles that have clients or identities.

    A profile begins with its first client or login: everyauth login SERVICE --profile NAME.
    """
    store = session.auth.store
    counted = {name: _counts(store, name) for name in list_profiles(store)}
    rows = [[name, *map(str, counts)] for name, counts in counted.items()]
    items = [
        {"profile": name, "identities": identities, "clients": clients}
        for name, (identities, clients) in counted.items()
    ]
    session.terminal.list(COLUMNS, rows, items)
    if not rows:
        session.terminal.info("No profile has a client or an identity yet.")


def _counts(store: Store, profile: str) -> tuple[int, int]:
    return sum(1 for _ in list_keys(store, identity_query(profile))), sum(1 for _ in list_clients(store, profile))
