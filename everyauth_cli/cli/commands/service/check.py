"""`everyauth service check`: compare entries with the metadata that their servers publish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.batch import JobsOption
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import service_names
from everyauth_cli.cli.progress import progress
from everyauth_cli.cli.registry import Registry, registry_of
from everyauth_cli.cli.service_patch import COMMENT, for_terminal, patch_lines
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark
from everyauth_cli.errors import ConfigurationProblem, ServiceError
from everyauth_cli.flows.batch import JOBS
from everyauth_cli.flows.metadata_comparison import Difference
from everyauth_cli.flows.service_check import CheckedEntry, CheckState, Entry, check_entries, check_entry
from everyauth_cli.services import EXAMPLE

COLUMNS = ["service", "state", "keys"]
EXIT_CODES = {
    CheckState.DIFFERS: ConfigurationProblem.exit_code,
    CheckState.UNREACHABLE: ServiceError.exit_code,
    CheckState.UNREADABLE: ServiceError.exit_code,
}
"""Those of the states in which all is not well; of several the lowest is the command's."""
MARKS = {
    CheckState.DIFFERS: Mark.attention,
    CheckState.UNREACHABLE: Mark.failed,
    CheckState.UNREADABLE: Mark.failed,
    CheckState.UNRELATED: Mark.attention,
    CheckState.AGREES: Mark.done,
}
"""The states that a table has rows for; the others are only counted."""
VERDICTS = {
    CheckState.AGREES: "{service} agrees with {url}",
    CheckState.DIFFERS: "{service} differs from {url}",
    CheckState.UNRELATED: "{service} has neither of the endpoints in {url}, which may be those of another server",
    CheckState.NO_METADATA: "{service} publishes no metadata to compare with",
}


@command(
    group,
    "check",
    examples=[
        "everyauth service check",
        f"everyauth service check {EXAMPLE}",
        f"everyauth service check {EXAMPLE} -o json",
    ],
)
def check(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="Only this service.")
    ] = None,
    jobs: JobsOption = JOBS,
) -> None:
    """Compare entries with their servers' metadata.

    It reads what a service's issuer, or else the origins of its endpoints, publish (RFC 8414, OpenID Connect
    Discovery), and prints the lines for your own file that follow the server. Nothing is written.

    The exit code is 2 if an entry differs; else 5 if a server did not answer, or not with its metadata.
    """
    registry = registry_of(session)
    if name is None:
        found = _check_all(session, registry, jobs)
    else:
        found = [_check_one(session, registry, registry.catalogue.get(name).registered_at.name)]
    codes = {EXIT_CODES[one.state] for one in found if one.state in EXIT_CODES}
    raise typer.Exit(min(codes, default=0))


def _check_one(session: Session, registry: Registry, name: str) -> CheckedEntry:
    """Check an entry and print the patch; raises the error of one that could not be compared."""
    terminal, path = session.terminal, registry.catalogue.own_path(name)
    checked = check_entry(_entry(registry, name), session.send)
    if checked.error:
        raise checked.error
    if terminal.as_json:
        terminal.json(_as_json(checked))
        return checked
    verdict = VERDICTS[checked.state].format(service=name, url=checked.url)
    lines = [*patch_lines(checked)]
    if terminal.is_table:
        terminal.verdict(MARKS.get(checked.state, Mark.attention), verdict)
        lines = [*for_terminal(lines)]
    else:
        terminal.data(f"{COMMENT}{verdict}")
    for line in lines:
        terminal.data(line)
    if checked.wrong:
        terminal.info(f"Nothing was written. To follow the server, put the lines into {path}.")
    return checked


def _check_all(session: Session, registry: Registry, jobs: int) -> list[CheckedEntry]:
    terminal, entries = session.terminal, [*_entries(session, registry)]
    with progress(terminal, "Checking", lambda: len(entries)) as advance:
        found = []
        for one in check_entries(entries, session.send, jobs=jobs):
            found.append(one)
            advance()
    found.sort(key=lambda one: ([*CheckState].index(one.state), one.service))
    if terminal.as_json:
        terminal.items(map(_as_json, found))
    elif terminal.is_table:
        _draw(session, [one for one in found if one.state in MARKS])
    else:
        terminal.rows([], [[*_row(one), one.url, one.error.message if one.error else ""] for one in found])
    states = Counter(one.state for one in found)
    words = ", ".join(f"{states[state]} {state}" for state in CheckState if states[state])
    terminal.info(f"{len(found)} services: {words}.")
    return found


def _draw(session: Session, found: Sequence[CheckedEntry]) -> None:
    """Draw a table, and below it what failed and the command for each entry that differs."""
    terminal = session.terminal
    compared = [one for one in found if not one.error]
    if compared:
        terminal.marked(COLUMNS, [_row(one) for one in compared], [MARKS[one.state] for one in compared])
    for one in found:
        if one.error:
            terminal.verdict(Mark.failed, one.error.message, label=f"{one.service}: ")
    if differing := [one.service for one in found if one.wrong]:
        terminal.data("")
        terminal.prose("For the lines that follow the server:")
        for name in differing:
            terminal.command(f"everyauth service check {name}")


def _entries(session: Session, registry: Registry) -> Iterator[Entry]:
    """Yield all entries, with a warning for each file of the user's that cannot be read."""
    for name in registry.catalogue.names():
        try:
            yield _entry(registry, name)
        except ConfigurationProblem as problem:
            session.terminal.warn(problem.message)


def _entry(registry: Registry, name: str) -> Entry:
    service = registry.catalogue.get(name)
    known = registry.clients.peek(service) if service.params else None
    return Entry(service=service, keys=registry.catalogue.keys(name), params=known[0].params if known else {})


def _row(checked: CheckedEntry) -> list[str]:
    return [checked.service, checked.state, " ".join(one.key for one in checked.wrong)]


def _as_json(checked: CheckedEntry) -> dict[str, Any]:
    error = checked.error
    return {
        "id": checked.service,
        "state": checked.state.name.lower(),
        "metadata": checked.url or None,
        "differences": [_difference(one) for one in checked.wrong],
        "lacking": [_difference(one) for one in checked.lacking],
        "patch": "".join(f"{line}\n" for line in patch_lines(checked)).lstrip("\n"),
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "key": one.key,
        "entry": one.stated,
        "server": one.found,
        "problem": one.problem or None,
        "unknownHost": one.foreign_host or None,
    }
