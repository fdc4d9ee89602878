"""Revokes what was granted at the service and deletes it here, for `logout` and `identity rm`."""

from __future__ import annotations

from dataclasses import dataclass

from everyauth_cli.cli.durations import span
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.named_identity import ambiguous_as
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, RevocationFailed
from everyauth_cli.everyauth import now_ms
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.flows.revoke import Revocation
from everyauth_cli.model import DEFAULT_PROFILE, Identity
from everyauth_cli.services.rules import ACCESS_TOKEN, REFRESH_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutTarget:
    """Whose identity is to end; `identity` is None when the index has lost it, while its secret is there."""

    service: str
    user: str
    tenant: str
    identity: Identity | None

    @property
    def who(self) -> str:
        return user_of_tenant(self.user, self.tenant, quotes=("", ""))


def find(session: Session, retyped: str, service: str, who: str, *, local: bool, yes: bool) -> LogoutTarget | None:
    """The one identity that is meant; `retyped` is the command that names one of several by its id."""
    with ambiguous_as(retyped + " --local" * local + " --yes" * yes):
        found = session.auth.find_one(who, service=service)
    if found is not None:
        return LogoutTarget(service=found.service, user=found.user, tenant=found.tenant, identity=found)
    if service and session.auth.holds(service, user=who):
        return LogoutTarget(service=service, user=who, tenant=who, identity=None)
    return None


def end(session: Session, wanted: LogoutTarget, *, local: bool, asks: bool, yes: bool) -> None:
    """End an identity, after a yes: `asks` for one, or others would end with it.

    Raises `RevocationFailed` when it was deleted here and what was granted stands.
    """
    siblings = session.auth.siblings(wanted.identity) if wanted.identity and not local else []
    _name(session, wanted.service, siblings)
    question = f"End the login of {wanted.who} at {wanted.service}{', and these with it' if siblings else ''}?"
    if (asks or siblings) and not yes and not session.terminal.confirm(question):
        session.terminal.note("Nothing was deleted.")
        return
    # Whoever interrupts it is still told what stands at the service.
    with finished_first():
        revocation = session.auth.delete_identity(wanted.service, user=wanted.user, tenant=wanted.tenant, local=local)
        if revocation.problem:
            raise _failed(session, wanted, revocation)
        session.terminal.note(_report(wanted, revocation, local=local))
        if revocation.revoked:
            _name_logins(session, siblings)
            session.report()
        if session.terminal.as_json:
            session.terminal.json(_as_json(wanted, revocation))


def _name(session: Session, service: str, siblings: list[tuple[str, Identity]]) -> None:
    if not siblings:
        return
    session.terminal.note(f"{service} ends the whole grant when a token is revoked, and these with it:")
    for profile, identity in siblings:
        label = f", {identity.account.label}" if identity.account else ""
        about = f"user {identity.user}, tenant {identity.tenant}, profile {profile}{label}"
        session.terminal.note(f"  {identity.service}, {about}")


def _name_logins(session: Session, siblings: list[tuple[str, Identity]]) -> None:
    if not siblings:
        return
    session.terminal.note("What ended with it needs a new login:")
    for profile, identity in siblings:
        named = "" if {profile, session.auth.profile} == {DEFAULT_PROFILE} else profile
        login = login_command(identity.service, user=identity.user, tenant=identity.tenant, profile=named)
        session.terminal.note(f"  {login}")


def _report(wanted: LogoutTarget, revocation: Revocation, *, local: bool) -> str:
    service = wanted.service
    if not revocation.not_revoked:
        done = "revoked there and deleted here" if revocation.revoked else "deleted here; nothing stands there any more"
        return f"Logged {wanted.who} out of {service}: {done}."
    if local:
        why = "Nothing was revoked there"
    elif revocation.offered:
        why = f"{service} does not revoke all of its tokens"
    else:
        why = f"{service} offers no revocation"
    return f"Deleted {wanted.who} at {service}. {why}: {_standing(service, revocation)}."


def _failed(session: Session, wanted: LogoutTarget, revocation: Revocation) -> RevocationFailed:
    service = wanted.service
    try:
        known = session.auth.catalogue.get(service)
    except EveryAuthError:
        by_hand = f"revoke it in {service}'s settings"
    else:
        by_hand = f"revoke it in {known.title}'s settings" + (f"; {known.docs}" if known.docs else "")
    return RevocationFailed(
        f"{revocation.problem}. {wanted.who} was deleted here, and at {service} {_standing(service, revocation)}",
        hint=by_hand,
    )


def _standing(service: str, revocation: Revocation) -> str:
    """What stands at the service, and for how long."""
    expires_at = revocation.identity.expires_at if revocation.identity else None
    life = "until it is revoked there" if expires_at is None else f"for {span(expires_at - now_ms())}"
    words = {
        ACCESS_TOKEN: f"its access token stands {life}",
        REFRESH_TOKEN: f"its refresh token as long as {service} keeps it",
    }
    if ACCESS_TOKEN not in revocation.not_revoked:
        words[REFRESH_TOKEN] = f"its refresh token stands as long as {service} keeps it"
    return ", ".join(text for name, text in words.items() if name in revocation.not_revoked)


def _as_json(wanted: LogoutTarget, revocation: Revocation) -> dict[str, object]:
    identity = revocation.identity
    return {
        "identityId": identity.id if identity else None,
        "serviceId": wanted.service,
        "tags": {"userId": wanted.user, "tenantId": wanted.tenant, **(identity.tags if identity else {})},
        "revoked": list(revocation.revoked),
        "notRevoked": list(revocation.not_revoked),
    }
