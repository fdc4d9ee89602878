"""`everyauth store move`: move all clients and identities to another store."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.progress import progress
from everyauth_cli.cli.sealing_key import with_sealing_key
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound, StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey
from everyauth_cli.settings import Settings, remember
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.move import check_apart, move, record_keys
from everyauth_cli.store.records import Store


@command(group, "move", examples=["everyauth store move keyring: sqlite://"])
def move_all(
    session: Session,
    source_url: Annotated[str, typer.Argument(metavar="FROM", help="The store to move them from.")],
    target_url: Annotated[str, typer.Argument(metavar="TO", help="The store to move them to.")],
) -> None:
    """Move all clients and identities to another store.

    Run it again if it was interrupted.
    """
    settings = session.settings
    source = store_of(_named(settings, source_url))
    if not source.backend.exists:
        raise NotFound(f"no store at {source.url}", hint="everyauth store status")
    target = _target(session, _named(settings, target_url))
    check_apart(source, target)
    keys = list(record_keys(source))
    problems = _move(session, source, target, keys)
    session.terminal.info(f"Clients and identities moved to {target.url}: {len(keys) - len(problems)}.")
    if problems:
        for key, problem in problems.items():
            session.terminal.info(f"{source.name(key)} was not moved: {problem.message}")
        first = next(iter(problems.values()))
        raise StoreError(
            f"{len(problems)} of {len(keys)} were not moved and stay in {source.url}", hint=first.hint or "run it again"
        )
    if session.terminal.as_json:
        session.terminal.json({"from": source.url, "to": target.url, "moved": len(keys)})
    session.terminal.advise(
        "Programs that use the old store get an error that names the new one. To use the new one",
        shlex.join(["everyauth", "store", "use", target.url]),
    )


def _named(settings: Settings, url: str) -> Settings:
    # A URL with a password is refused here as in the configuration: other users may read a command line.
    return replace(settings, store_url=url, store_from=str(settings.config_file))


def _target(session: Session, settings: Settings) -> Store:
    """Return the target with a sealing key, if it needs one, after a test of whether it works."""
    store_of(settings)
    if not settings.store_url.startswith("keyring:"):
        sealed = with_sealing_key(session, settings)
        if sealed.sealing_key != settings.sealing_key:
            remember(settings, sealing_key=sealed.sealing_key)
        settings = sealed
    store = store_of(settings)
    store.probe()
    return store


def _move(session: Session, source: Store, target: Store, keys: list[RecordKey]) -> dict[RecordKey, StoreError]:
    """Move one record after the other and return those that could not be moved.

    Raises `StoreUnavailable`, since the next record would fail as well.
    """
    problems: dict[RecordKey, StoreError] = {}
    with progress(session.terminal, "Moving", lambda: len(keys)) as advance:
        for key in keys:
            try:
                with finished_first():
                    move(source, target, key)
            except StoreUnavailable:
                raise
            except StoreError as problem:
                problems[key] = problem
            advance()
    return problems
