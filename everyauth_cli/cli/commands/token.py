"""`everyauth token`: a current access token, and nothing else."""

from __future__ import annotations

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.credentials import credential_of, requirement_of
from everyauth_cli.cli.named_identity import ambiguous_as
from everyauth_cli.cli.options import MinTtl, Rejected, ServiceArgument, WhoArgument
from everyauth_cli.cli.session import Session
from everyauth_cli.model import DEFAULT_USER


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
        credential = credential_of(session, service, who, requirement_of(session, min_ttl, rejected))
    if session.terminal.as_json:
        session.terminal.json({"accessToken": credential.access_token})
    else:
        session.terminal.data(credential.access_token)
