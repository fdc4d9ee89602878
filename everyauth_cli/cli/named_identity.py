"""The identity that a command line names, and the errors when it names none or several."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import Ambiguous, EveryAuthError, LoginRequired, NotFound, ServiceNotFound, UsageProblem

if TYPE_CHECKING:
    from everyauth_cli.store.identities import IdentitySummary

GET = "everyauth identity get"
MOST_CANDIDATES = 10


def service_and_who(
    names: Sequence[str], service: str | None, user: str | None, *, command: str = GET
) -> tuple[str | None, str]:
    """Return the service, if it is given, and the user or id that `[SERVICE] WHO`, `--service` and `--user` name.

    Raises `UsageProblem` when they name none or too many.
    """
    words = list(names)
    if user is not None:
        words.append(user)
    if service is not None:
        words.insert(0, service)
    elif len(words) == 1:
        return None, words[0]
    if len(words) != 2:  # noqa: PLR2004 - SERVICE and WHO
        raise UsageProblem(
            "name one identity: a user or an `idn-` id, with the service before it if the user has several",
            hint=f"{command} SERVICE WHO",
        )
    return words[0], words[1]


@contextmanager
def ambiguous_as(command: str) -> Iterator[None]:
    """Have the error for several identities list this command for each of them, with its id in place of `{}`."""
    try:
        yield
    except Ambiguous as ambiguous:
        raise Ambiguous(ambiguous.who, ambiguous.candidates, command=command) from None


def not_found(session: Session, who: str, *, command: str = GET) -> EveryAuthError:
    """Make the error for a user or id without an identity; for a service's name it lists the service's identities."""
    try:
        name = session.auth.catalogue.get(who).name
    except ServiceNotFound:
        return NotFound(f'no identity found for "{who}"', hint="everyauth identity ls")
    found = [*islice(session.auth.listed(service=name), MOST_CANDIDATES)]
    if not found and command != GET:
        return NotFound(f"{name} is a service, and it has no identities", hint="everyauth identity ls")
    if not found:
        return LoginRequired(f"{name} is a service, and no user has logged in there", hint=f"everyauth login {name}")
    commands = "\n".join(f"  {_command_for(identity, command)}" for identity in found)
    return NotFound(f"{name} is a service; name one of its identities:\n{commands}")


def _command_for(identity: IdentitySummary, command: str) -> str:
    """The command with the identity named as shortly as possible."""
    by_name = identity.tenant == identity.user and not identity.user.startswith("-")
    names = [identity.service, identity.user] if by_name else [identity.id]
    return f"{command} {shlex.join(names)}"
