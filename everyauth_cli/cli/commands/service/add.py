"""`everyauth service add`: a service that the catalogue lacks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.session import Session


@command(group, "add")
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="A name of your choice: a-z, 0-9 and -.")],
    authorization_endpoint: Annotated[str, typer.Option("--authorize-url", help="The authorization endpoint.")],
    token_endpoint: Annotated[str, typer.Option("--token-url", help="The token endpoint.")],
    scope: Annotated[str | None, typer.Option("--scope", help="The scopes to ask for by default.")] = None,
    token_endpoint_auth_method: Annotated[
        str | None, typer.Option("--client-auth", help="How the client shows who it is: post (default), basic or none.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="The issuer of its logins and id tokens, which both are checked for.")
    ] = None,
    authorize_param: Annotated[
        list[str] | None,
        typer.Option(
            "--authorize-param", metavar="KEY=VALUE", help="A further parameter of the authorization request."
        ),
    ] = None,
    revocation_endpoint: Annotated[
        str | None, typer.Option("--revoke-url", help="The revocation endpoint (RFC 7009), if there is one.")
    ] = None,
    docs: Annotated[str | None, typer.Option("--docs", help="A link to the documentation.")] = None,
) -> None:
    """Add a service that the catalogue lacks; the file that is written can be edited."""
    entry: dict[str, Any] = {
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": token_endpoint,
        "revocation_endpoint": revocation_endpoint,
        "scopes": scope.split() if scope else None,
        "token_endpoint_auth_method": token_endpoint_auth_method,
        "issuer": issuer,
        "authorization_params": read_pairs(authorize_param, "--authorize-param") if authorize_param else None,
        "docs": docs,
    }
    path = session.auth.catalogue.add(name, {key: value for key, value in entry.items() if value is not None})
    session.terminal.note(f"Added {name} in {path}.")
    session.terminal.note(f"Now: everyauth service set {name} --client-id ID --client-secret -")
