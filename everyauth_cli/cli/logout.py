"""Revokes an identity's tokens at the service and deletes it here, for `logout` and `identity rm`."""

from __future__ import annotations

from dataclasses import dataclass

from everyauth_cli.cli.durations import span
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.named_identity import Named, ambiguous_as
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, RevocationFailed
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.flows.revoke import Revocation
from everyauth_cli.model import DEFAULT_PROFILE, Identity
from everyauth_cli.services.rules import ACCESS_TOKEN, REFRESH_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutTarget:
    """The user to log out; `identity` is None when its metadata was lost, while its secret is still stored."""

    service: str
    user: str
    tenant: str
    identity: Identity | None

    @property
    def name(self) -> str:
        return f"user {user_of_tenant(self.user, self.tenant)}"


def find_target(
    session: Session, command: str, service: str, named: Named, *, local: bool, yes: bool
) -> LogoutTarget | None:
    """Find the one identity that is named; `command` with an id for `{}` names one of several."""
    with ambiguous_as(command + " --local" * local + " --yes" * yes):
        found = session.auth.find_one(named.user, service=service, identity_id=named.identity_id)
    if found is not None:
        return LogoutTarget(service=found.service, user=found.user, tenant=found.tenant, identity=found)
    if service and not named.is_id and session.auth.holds(service, user=named.user):
        return LogoutTarget(service=service, user=named.user, tenant=named.user, identity=None)
    return None


def log_out(session: Session, target: LogoutTarget, *, local: bool, confirm: bool, yes: bool) -> None:
    """Revoke and delete an identity, after a yes where `confirm` asks for one or other logins end with it.

    Raises `RevocationFailed` when it was deleted here while its tokens stay valid.
    """
    siblings = session.auth.siblings(target.identity) if target.identity and not local else []
    _show_siblings(session, target.service, siblings)
    question = f"Log {target.name} out of {target.service}{', and those above with it' if siblings else ''}?"
    if (confirm or siblings) and not yes and not session.terminal.confirm(question):
        session.terminal.info("Nothing was deleted.")
        if session.terminal.as_json:
            session.terminal.json({"deleted": False})
        return
    # An interrupt waits, so that the tokens that stay valid are always shown.
    with finished_first():
        revocation = session.auth.delete_identity(target.service, user=target.user, tenant=target.tenant, local=local)
        if revocation.problem:
            raise _failed(session, target, revocation)
        session.terminal.info(_report(target, revocation, local=local))
        if revocation.revoked:
            _show_logins(session, siblings)
            session.report()
        if session.terminal.as_json:
            session.terminal.json(_as_json(target, revocation))


def _show_siblings(session: Session, service: str, siblings: list[tuple[str, Identity]]) -> None:
    if not siblings:
        return
    session.terminal.instruct(f"Revoking a token at {service} ends the whole grant, and these logins with it:")
    for profile, identity in siblings:
        label = f", {identity.account.label}" if identity.account else ""
        about = f"user {identity.user}, tenant {identity.tenant}, profile {profile}{label}"
        session.terminal.instruct(f"  {identity.service}, {about}")


def _show_logins(session: Session, siblings: list[tuple[str, Identity]]) -> None:
    if not siblings:
        return
    session.terminal.info("To log in again those that ended with it:")
    for profile, identity in siblings:
        named = "" if {profile, session.auth.profile} == {DEFAULT_PROFILE} else profile
        login = login_command(
            identity.service, user=identity.user, tenant=identity.tenant, profile=named, repeated=identity.repeated
        )
        session.terminal.suggest(login)


def _report(target: LogoutTarget, revocation: Revocation, *, local: bool) -> str:
    service = target.service
    if not revocation.not_revoked:
        done = "revoked there and deleted here" if revocation.revoked else "deleted here; no token was left to revoke"
        return f"Logged {target.name} out of {service}: {done}."
    if local:
        why = "Nothing was revoked there"
    elif revocation.offered:
        why = f"{service} does not revoke all of its tokens"
    else:
        why = f"{service} offers no revocation"
    return f"Deleted {target.name} at {service}. {why}: {_still_valid(service, revocation)}."


def _failed(session: Session, target: LogoutTarget, revocation: Revocation) -> RevocationFailed:
    service = target.service
    try:
        known = session.auth.catalogue.get(service)
    except EveryAuthError:
        by_hand = f"revoke it in {service}'s settings"
    else:
        by_hand = f"revoke it in {known.title}'s settings" + (f"; {known.docs}" if known.docs else "")
    return RevocationFailed(
        f"{revocation.problem}. {target.name} was deleted here, but at {service} {_still_valid(service, revocation)}",
        hint=by_hand,
    )


def _still_valid(service: str, revocation: Revocation) -> str:
    """The tokens that were not revoked, each with the time for which it stays valid."""
    expires_at = revocation.identity.expires_at if revocation.identity else None
    lifetime = "until it is revoked there" if expires_at is None else f"for {span(expires_at - now_ms())}"
    words = {
        ACCESS_TOKEN: f"its access token stays valid {lifetime}",
        REFRESH_TOKEN: f"its refresh token stays valid as long as {service} accepts it",
    }
    return ", ".join(text for name, text in words.items() if name in revocation.not_revoked)


def _as_json(target: LogoutTarget, revocation: Revocation) -> dict[str, object]:
    identity = revocation.identity
    return {
        "identityId": identity.id if identity else None,
        "serviceId": target.service,
        "tags": {"userId": target.user, "tenantId": target.tenant, **(identity.tags if identity else {})},
        "revoked": list(revocation.revoked),
        "notRevoked": list(revocation.not_revoked),
    }
