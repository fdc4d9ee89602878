"""`everyauth identity rm`: revoke an identity's tokens and delete it."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.logout import find_target, log_out
from everyauth_cli.cli.named_identity import not_found, service_and_who
from everyauth_cli.cli.options import LocalOption, Names, ServiceOption, UserOption, YesOption
from everyauth_cli.cli.session import Session
from everyauth_cli.services import EXAMPLE


@command(
    group,
    "rm",
    examples=["everyauth identity rm user-123", f"everyauth identity rm {EXAMPLE} user-123 --local --yes"],
)
def rm(
    session: Session,
    names: Names = None,
    service: ServiceOption = None,
    user: UserOption = None,
    local: LocalOption = False,
    yes: YesOption = False,
) -> None:
    """Revoke an identity's tokens and delete it.

    It asks for confirmation. The tokens are revoked at the service, if it supports that.
    """
    service, who = service_and_who(names or [], service, user, command="everyauth identity rm")
    name = session.auth.service_name(service) if service is not None else ""
    target = find_target(session, "everyauth identity rm {}", name, who, local=local, yes=yes)
    if target is None:
        raise not_found(session, who, command="everyauth identity rm")
    log_out(session, target, local=local, confirm=True, yes=yes)
