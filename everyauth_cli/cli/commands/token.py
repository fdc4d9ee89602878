"""`everyauth token`: print a current access token."""

from __future__ import annotations

import shlex

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.credentials import credential_of, requirement_of
from everyauth_cli.cli.named_identity import ambiguous_as, read_named
from everyauth_cli.cli.options import MinTtl, Rejected, ServiceArgument, WhoArgument
from everyauth_cli.cli.session import Session
from everyauth_cli.model import DEFAULT_USER
from everyauth_cli.services import EXAMPLE


@command(
    app.app,
    "token",
    examples=[
        f"everyauth token {EXAMPLE}",
        f"everyauth token {EXAMPLE} user-123 --min-ttl 10m",
        f'curl -H "Authorization: Bearer $(everyauth token {EXAMPLE})" URL',
    ],
)
def token(
    session: Session,
    service: ServiceArgument,
    who: WhoArgument = DEFAULT_USER,
    min_ttl: MinTtl = None,
    rejected: Rejected = False,
) -> None:
    """Print a current access token.

    A token that has expired, or is about to, is refreshed first.
    """
    with ambiguous_as(f"everyauth token {shlex.quote(service)} {{}}"):
        credential = credential_of(session, service, read_named(who), requirement_of(session, min_ttl, rejected))
    if session.terminal.as_json:
        session.terminal.json({"accessToken": credential.access_token})
    else:
        session.terminal.data(credential.access_token)
