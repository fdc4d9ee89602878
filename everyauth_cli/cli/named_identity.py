"""The identity that a command line names, and what is said when it names none or several."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import Ambiguous, EveryAuthError, LoginRequired, NotFound, ServiceNotFound, UsageProblem
from everyauth_cli.model import Identity

GET = "everyauth identity get"
MOST_GUESSES = 10


def service_and_who(
    names: Sequence[str], service: str | None, user: str | None, *, command: str = GET
) -> tuple[str | None, str]:
    """What `[SERVICE] WHO`, `--service` and `--user` say together to a command."""
    words = list(names)
    if user is not None:
        words.append(user)
    if service is not None:
        words.insert(0, service)
    elif len(words) == 1:
        return None, words[0]
    if len(words) != 2:  # noqa: PLR2004 - SERVICE and WHO
        raise UsageProblem(
            "who is wanted: a user or an idn- id, with the service before it where the user has several",
            hint=f"{command} SERVICE WHO",
        )
    return words[0], words[1]


@contextmanager
def ambiguous_as(command: str) -> Iterator[None]:
    """Where several identities match, list the commands that were meant; `{}` stands for the id."""
    try:
        yield
    except Ambiguous as ambiguous:
        raise Ambiguous(ambiguous.who, ambiguous.candidates, command=command) from None


def nobody(session: Session, who: str, *, command: str = GET) -> EveryAuthError:
    """Nothing matches; who typed a service's name is told how the command was meant."""
    try:
        name = session.auth.catalogue.get(who).name
    except ServiceNotFound:
        return NotFound(f"no identity matches {who}", hint="everyauth identity ls")
    found = session.auth.find(service=name)
    if not found and command != GET:
        return NotFound(f"{name} is a service, and nobody is logged in there", hint="everyauth identity ls")
    if not found:
        return LoginRequired(f"{name} is a service, and nobody has logged in there", hint=f"everyauth login {name}")
    commands = "\n".join(f"  {_naming(command, identity)}" for identity in found[:MOST_GUESSES])
    return NotFound(f"{name} is a service; say whose credential is wanted:\n{commands}")


def _naming(command: str, identity: Identity) -> str:
    """A command with an identity named as shortly as can be."""
    by_name = identity.tenant == identity.user and not identity.user.startswith("-")
    names = [identity.service, identity.user] if by_name else [identity.id]
    return f"{command} {shlex.join(names)}"
