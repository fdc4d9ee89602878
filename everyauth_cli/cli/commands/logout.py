"""`everyauth logout`: revoke a login at its service and delete it here."""

from __future__ import annotations

import shlex

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.logout import find_target, log_out
from everyauth_cli.cli.named_identity import near_users, read_named
from everyauth_cli.cli.options import LocalOption, ServiceArgument, WhoArgument, YesOption
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound
from everyauth_cli.model import DEFAULT_USER
from everyauth_cli.services import EXAMPLE


@command(
    app.app,
    "logout",
    examples=[f"everyauth logout {EXAMPLE}", f"everyauth logout {EXAMPLE} user-123 --local"],
)
def logout(
    session: Session,
    service: ServiceArgument,
    who: WhoArgument = DEFAULT_USER,
    local: LocalOption = False,
    yes: YesOption = False,
) -> None:
    """Revoke a login at its service and delete it here.

    It asks for confirmation only if other logins end with it.
    """
    name = session.auth.service_name(service)
    word = shlex.quote(name)
    target = find_target(session, f"everyauth logout {word} {{}}", name, read_named(who), local=local, yes=yes)
    if target is None:
        error = NotFound(f'no user "{who}" is logged in at {name}', hint=f"everyauth identity ls --service {word}")
        raise error.if_mistyped(who, near_users(session, read_named(who), service=name))
    log_out(session, target, local=local, confirm=False, yes=yes)
