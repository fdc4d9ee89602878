"""`everyauth identity` and `everyauth token`: what was granted, and current credentials for it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.cli.completers import service_names, services_and_users, users
from everyauth_cli.cli.durations import expiry, read_duration, read_pairs, span
from everyauth_cli.errors import Ambiguous, EveryAuthError, LoginRequired, NotFound, ServiceNotFound, UsageProblem
from everyauth_cli.everyauth import now_ms
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.flows.refresh import Demand, login_command
from everyauth_cli.model import DEFAULT_USER, ID_PREFIX, Identity
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.identity_record import IdentitySummary

group = app.group("identity", "What users granted: list, get a current credential, delete.")

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERVICE] WHO",
        autocompletion=services_and_users,
        help="WHO is a user or an idn- id; SERVICE where the user has several.",
        show_default=False,
    ),
]
ServiceArgument = Annotated[
    str, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="As `service ls` has it.")
]
WhoArgument = Annotated[str, typer.Argument(metavar="[WHO]", autocompletion=users, help="A user or an idn- id.")]
ServiceOption = Annotated[
    str | None, typer.Option("--service", autocompletion=service_names, help="Only of this service.")
]
UserOption = Annotated[str | None, typer.Option("--user", autocompletion=users, help="Only of this user.")]
MinTtl = Annotated[
    str | None,
    typer.Option("--min-ttl", metavar="DURATION", help="The life that the token must have left, such as 10m."),
]
Rejected = Annotated[
    bool,
    typer.Option("--rejected", help="A token on stdin was refused (401): refresh if it is still the stored one."),
]
GET = "everyauth identity get"
MOST_GUESSES = 10
COLUMNS = ["service", "user", "tenant", "account", "scopes", "age", "expires", "id"]


@command(group, "ls")
def ls(
    session: Session,
    service: ServiceOption = None,
    user: UserOption = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Only with this tag; may be repeated.")
    ] = None,
) -> None:
    """List identities; no secret is touched."""
    name = session.auth.service_name(service) if service else ""
    tags = read_pairs(tag or [], "--tag")
    wanted = {"service": name, "user": user or "", "tenant": tenant or ""}
    if session.terminal.as_json:
        session.terminal.items([as_json(identity) for identity in session.auth.find(**wanted, tags=tags)])
        return
    now = now_ms()
    shown = session.terminal.rows(COLUMNS, (_row(one, now) for one in session.auth.listed(**wanted, tags=tags)))
    if not shown:
        session.terminal.note("No identities. `everyauth login SERVICE` makes one.")


@command(group, "get")
def get(
    session: Session,
    names: Names = None,
    service: ServiceOption = None,
    user: UserOption = None,
    min_ttl: MinTtl = None,
    rejected: Rejected = False,
) -> None:
    """Print a current credential as JSON."""
    service, who = service_and_who(names or [], service, user)
    demand = _demand(session, min_ttl, rejected)
    with ambiguous_as("everyauth identity get {}"):
        found = _credential(session, service, who, demand) if service is not None else _of_any(session, who, demand)
    session.terminal.json(found.as_json())


def _of_any(session: Session, who: str, demand: Demand) -> Credential:
    """The current credential of the one identity of a user, whatever its service."""
    identity = session.auth.find_one(who)
    found = session.auth.credential(identity, demand=demand) if identity else None
    if found is None:
        raise nobody(session, who)
    return found


@command(app.app, "token")
def token(
    session: Session,
    service: ServiceArgument,
    who: WhoArgument = DEFAULT_USER,
    min_ttl: MinTtl = None,
    rejected: Rejected = False,
) -> None:
    """Print a current access token, and nothing else."""
    with ambiguous_as(f"everyauth token {service} {{}}"):
        credential = _credential(session, service, who, _demand(session, min_ttl, rejected))
    if session.terminal.as_json:
        session.terminal.json({"accessToken": credential.access_token})
    else:
        session.terminal.data(credential.access_token)


@contextmanager
def ambiguous_as(command: str) -> Iterator[None]:
    """Where several identities match, list the commands that were meant; `{}` stands for the id."""
    try:
        yield
    except Ambiguous as ambiguous:
        raise Ambiguous(ambiguous.who, ambiguous.candidates, command=command) from None


def _naming(command: str, identity: Identity) -> str:
    """A command with an identity named as shortly as can be."""
    by_name = identity.tenant == identity.user and not identity.user.startswith("-")
    names = [identity.service, identity.user] if by_name else [identity.id]
    return f"{command} {shlex.join(names)}"


def _row(identity: IdentitySummary, now: int) -> list[str]:
    return [
        identity.service,
        identity.user,
        identity.tenant if identity.tenant != identity.user else "",
        identity.label,
        identity.scope,
        span(now - identity.created_at),
        "login_required" if identity.login_required else expiry(identity.expires_at, now=now),
        identity.id,
    ]


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


def _demand(session: Session, min_ttl: str | None, rejected: bool) -> Demand:
    return Demand(
        min_ttl=int(read_duration(min_ttl) * 1000) if min_ttl else 0,
        rejected=session.terminal.ask_secret("rejected token") if rejected else None,
    )


def _credential(session: Session, service: str, who: str, demand: Demand) -> Credential:
    credential = session.auth.get_identity(service, who, min_ttl=demand.min_ttl, rejected=demand.rejected)
    if credential is not None:
        return credential
    if who.startswith(ID_PREFIX):
        raise NotFound(f"there is no identity {who} at {service}", hint="everyauth identity ls")
    raise LoginRequired(
        f"nobody has logged in at {service} as {who}",
        hint=login_command(service, user=who, profile=session.profile_to_name),
    )


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
