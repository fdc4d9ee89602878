"""`everyauth store status`: show the store and whether it works."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, StoreError
from everyauth_cli.store.from_settings import store_of


@command(group, "status", examples=["everyauth store status", "everyauth store status -o json"])
def status(session: Session) -> None:
    """Show the store and whether it works."""
    settings = session.settings
    store = store_of(settings)
    problem: EveryAuthError | None = None
    try:
        store.probe()
    except StoreError as error:
        problem = error
    where = None if problem else store.describe()
    if session.terminal.as_json:
        session.terminal.json(
            {"store": store.url, "from": settings.store_from, "available": problem is None, "secrets": where}
        )
    else:
        session.terminal.data(f"store      {store.url} (from {settings.store_from})")
        session.terminal.data(f"available  {'no' if problem else 'yes'}")
        session.terminal.data(f"secrets    {where or 'unavailable'}")
    if problem:
        raise problem
