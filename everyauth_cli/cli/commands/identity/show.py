"""`everyauth identity show`: show one identity without reading its secret."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.durations import utc
from everyauth_cli.cli.identity_state import needs_login, state
from everyauth_cli.cli.named_identity import ambiguous_as, not_found, service_and_who
from everyauth_cli.cli.options import Names, ServiceOption, UserOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_again
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import Identity
from everyauth_cli.services import EXAMPLE
from everyauth_cli.store.identities import key_of

SHOW = "everyauth identity show"


@command(
    group,
    "show",
    examples=["everyauth identity show user-123", f"everyauth identity show {EXAMPLE} user-123 -o json"],
)
def show(session: Session, names: Names = None, service: ServiceOption = None, user: UserOption = None) -> None:
    """Show one identity without reading its secret.

    Its account, scopes, tags, times and what it needs.
    """
    service, named = service_and_who(names or [], service, user, command=SHOW)
    name = session.auth.service_name(service) if service is not None else ""
    with ambiguous_as(f"{SHOW} {{}}"):
        identity = session.auth.find_one(named.user, service=name, identity_id=named.identity_id)
    if identity is None:
        raise not_found(session, named, command=SHOW)
    if session.terminal.as_json:
        session.terminal.json(as_json(identity))
    else:
        _show(session, identity)


def _show(session: Session, identity: Identity) -> None:
    now = now_ms()
    _, words = state(identity, now=now)
    facts = {
        "service": identity.service,
        "user": identity.user,
        "tenant": identity.tenant,
        "account": identity.account.label if identity.account else "not known",
        "state": words,
        "reason": identity.login_required.reason if identity.login_required else "",
        "scopes": identity.scope or "",
        "bound to": f"key {identity.jkt} (DPoP)" if identity.jkt else "",
        "tags": " ".join(f"{name}={value}" for name, value in identity.tags.items()),
        "expires": utc(identity.expires_at) or "not known",
        "created": utc(identity.created_at),
        "logged in": utc(identity.granted_at),
        "token since": utc(identity.updated_at),
        "id": identity.id,
    }
    session.terminal.facts({label: value for label, value in facts.items() if value})
    if needs_login(identity, now=now):
        session.terminal.command(login_again(key_of(session.settings.profile, identity), identity.repeated))
