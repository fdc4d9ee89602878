"""`everyauth logout`: what was granted at a service, revoked there and deleted here."""

from __future__ import annotations

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.logout import end, find
from everyauth_cli.cli.options import LocalOption, ServiceArgument, WhoArgument, YesOption
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound
from everyauth_cli.model import DEFAULT_USER


@command(app.app, "logout")
def logout(
    session: Session,
    service: ServiceArgument,
    who: WhoArgument = DEFAULT_USER,
    local: LocalOption = False,
    yes: YesOption = False,
) -> None:
    """Revoke at a service what was granted there, and delete it here; asks only if others would end with it."""
    name = session.auth.service_name(service)
    wanted = find(session, f"everyauth logout {name} {{}}", name, who, local=local, yes=yes)
    if wanted is None:
        raise NotFound(f"nobody is logged in at {name} as {who}", hint=f"everyauth identity ls --service {name}")
    end(session, wanted, local=local, asks=False, yes=yes)
