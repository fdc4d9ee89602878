"""`everyauth store move`: all clients and identities into another store."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.sealing_key import with_sealing_key
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound, StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey
from everyauth_cli.settings import Settings, remember
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.move import check_apart, move, records
from everyauth_cli.store.records import Store


@command(group, "move")
def move_all(
    session: Session,
    source_url: Annotated[str, typer.Argument(metavar="FROM", help="The store that they are in.")],
    target_url: Annotated[str, typer.Argument(metavar="TO", help="The store to move them to.")],
) -> None:
    """Move all clients and identities to another store; when it was cut off, run it again."""
    settings = session.settings
    source = store_of(_named(settings, source_url))
    if not source.backend.exists:
        raise NotFound(f"there is no store {source.url}", hint="everyauth store status")
    target = _target(session, _named(settings, target_url))
    check_apart(source, target)
    keys = list(records(source))
    problems = _move(session, source, target, keys)
    session.terminal.note(f"Clients and identities moved to {target.url}: {len(keys) - len(problems)}.")
    if problems:
        for key, problem in problems.items():
            session.terminal.note(f"{source.name(key)} stays: {problem.message}")
        first = next(iter(problems.values()))
        raise StoreError(f"{len(problems)} of {len(keys)} stay in {source.url}", hint=first.hint or "run it again")
    session.terminal.note("What runs in the old store is told so. To use the new one:")
    session.terminal.note(f"everyauth store use {target.url}")


def _named(settings: Settings, url: str) -> Settings:
    # As if it were to be remembered: a command line is no place for a password either.
    return replace(settings, store_url=url, store_from=str(settings.config_file))


def _target(session: Session, settings: Settings) -> Store:
    """The target with a sealing key, if it needs one, after a look whether it works."""
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
    """Move one after the other; gives those that stay. Raises `StoreUnavailable` when there is no point in going on."""
    problems: dict[RecordKey, StoreError] = {}
    with session.terminal.progress("moving", len(keys)) as advance:
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
