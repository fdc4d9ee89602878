"""The identity that a command line names, and the errors when it names none or several."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import Ambiguous, EveryAuthError, LoginRequired, NotFound, ServiceNotFound, UsageProblem
from everyauth_cli.model import DEFAULT_USER, ID_PREFIX

if TYPE_CHECKING:
    from everyauth_cli.store.identities import IdentitySummary

GET = "everyauth identity get"
MOST_CANDIDATES = 10
MOST_LOOKED_AT = 1000
LIKE = 0.8
"""The least likeness of users that are suggested, as difflib has it."""


@dataclass(frozen=True, slots=True)
class Named:
    """The user, or the id of an identity, that a command line names; elsewhere no text is taken for an id."""

    text: str
    is_id: bool = False

    @property
    def user(self) -> str:
        return DEFAULT_USER if self.is_id else self.text

    @property
    def identity_id(self) -> str | None:
        return self.text if self.is_id else None


def read_named(word: str) -> Named:
    """Read `WHO`, which is a user or an id; a user whose name looks like an id needs --user."""
    return Named(word, is_id=word.startswith(ID_PREFIX))


def service_and_who(
    names: Sequence[str], service: str | None, user: str | None, *, command: str = GET
) -> tuple[str | None, Named]:
    """Return the service, if it is given, and the user or id that `[SERVICE] WHO`, `--service` and `--user` name.

    Raises `UsageProblem` when they name none or too many.
    """
    words = [Named(name) if at == 0 and len(names) > 1 else read_named(name) for at, name in enumerate(names)]
    if user is not None:
        words.append(Named(user))
    if service is not None:
        words.insert(0, Named(service))
    elif len(words) == 1:
        return None, words[0]
    if len(words) != 2:  # noqa: PLR2004 - SERVICE and WHO
        raise UsageProblem(
            "name one identity: a user or an `idn-` id, with the service before it if the user has several",
            hint=f"{command} SERVICE WHO",
        )
    return words[0].text, words[1]


@contextmanager
def ambiguous_as(command: str) -> Iterator[None]:
    """Have the error for several identities list this command for each of them, with its id in place of `{}`."""
    try:
        yield
    except Ambiguous as ambiguous:
        raise Ambiguous(ambiguous.who, ambiguous.candidates, command=command) from None


def not_found(session: Session, named: Named, *, command: str = GET) -> EveryAuthError:
    """Make the error for a user or id without an identity; for a service's name it lists the service's identities."""
    who = named.text
    try:
        name = session.auth.catalogue.get(who).name
    except ServiceNotFound:
        error = NotFound(f'no identity found for "{who}"', hint="everyauth identity ls")
        return error.if_mistyped(who, near_users(session, named))
    found = [*islice(session.auth.listed(service=name), MOST_CANDIDATES)]
    if not found and command != GET:
        return NotFound(f"{name} is a service, and it has no identities", hint="everyauth identity ls")
    if not found:
        return LoginRequired(
            f"{name} is a service, and no user has logged in there", hint=f"everyauth login {shlex.quote(name)}"
        )
    commands = "\n".join(f"  {session.suggestion(_command_for(identity, command))}" for identity in found)
    return NotFound(f"{name} is a service; name one of its identities:\n{commands}")


def near_users(session: Session, named: Named, *, service: str = "") -> list[str]:
    """Return the users with an identity whose names are like the one that is named, and differ in more than a number.

    Of very many identities only the first are looked at.
    """
    if named.is_id:
        return []
    users = {identity.user for identity in islice(session.auth.listed(service=service), MOST_LOOKED_AT)}
    near = difflib.get_close_matches(named.text, users, 3, LIKE)
    return [user for user in near if _without_digits(user) != _without_digits(named.text)]


def _without_digits(name: str) -> str:
    return re.sub(r"\d+", "0", name)


def _command_for(identity: IdentitySummary, command: str) -> str:
    """The command with the identity named as shortly as possible."""
    by_name = identity.tenant == identity.user and not identity.user.startswith(("-", ID_PREFIX))
    names = [identity.service, identity.user] if by_name else [identity.id]
    return f"{command} {shlex.join(names)}"
