"""A current credential as `token` and `identity get` are asked for it."""

from __future__ import annotations

from everyauth_cli.cli.durations import read_duration
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import LoginRequired, NotFound
from everyauth_cli.flows.refresh import Demand, login_command
from everyauth_cli.model import ID_PREFIX
from everyauth_cli.store.credential import Credential


def demand_of(session: Session, min_ttl: str | None, rejected: bool) -> Demand:
    return Demand(
        min_ttl=int(read_duration(min_ttl) * 1000) if min_ttl else 0,
        rejected=session.terminal.ask_secret("rejected token") if rejected else None,
    )


def credential_of(session: Session, service: str, who: str, demand: Demand) -> Credential:
    credential = session.auth.get_identity(service, who, min_ttl=demand.min_ttl, rejected=demand.rejected)
    if credential is not None:
        return credential
    if who.startswith(ID_PREFIX):
        raise NotFound(f"there is no identity {who} at {service}", hint="everyauth identity ls")
    raise LoginRequired(
        f"nobody has logged in at {service} as {who}",
        hint=login_command(service, user=who, profile=session.profile_to_name),
    )
