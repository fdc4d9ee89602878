"""The current credential that `token` and `identity get` print."""

from __future__ import annotations

from everyauth_cli.cli.durations import read_duration
from everyauth_cli.cli.named_identity import Named, near_users
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound
from everyauth_cli.flows.hints import not_logged_in
from everyauth_cli.flows.requirement import Requirement
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.identities import identity_key


def requirement_of(session: Session, min_ttl: str | None, rejected: bool) -> Requirement:
    """Return what --min-ttl and --rejected ask of the token; with --rejected, a token is read from stdin."""
    return Requirement(
        min_ttl=int(read_duration(min_ttl) * 1000) if min_ttl else 0,
        rejected=session.terminal.ask_secret("rejected token") if rejected else None,
    )


def credential_of(session: Session, service: str, named: Named, requirement: Requirement) -> Credential:
    """Return the current credential of an identity; raises `NotFound`, `LoginRequired` and what a refresh raises."""
    credential = session.auth.get_identity(
        service,
        named.user,
        identity_id=named.identity_id,
        min_ttl=requirement.min_ttl,
        rejected=requirement.rejected,
    )
    if credential is not None:
        return credential
    if named.is_id:
        raise NotFound(f"{service} has no identity {named.text}", hint="everyauth identity ls")
    error = not_logged_in(identity_key(session.settings.profile, service, user=named.user))
    raise error.if_mistyped(named.user, near_users(session, named, service=service))
