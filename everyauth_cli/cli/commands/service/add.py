"""`everyauth service add`: add a service that the catalogue lacks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.session import Session


@command(
    group,
    "add",
    examples=["everyauth service add acme --authorize-url URL --token-url URL"],
)
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="A name of your choice: a-z, 0-9 and -.")],
    authorization_endpoint: Annotated[
        str, typer.Option("--authorize-url", metavar="URL", help="The authorization endpoint.")
    ],
    token_endpoint: Annotated[str, typer.Option("--token-url", metavar="URL", help="The token endpoint.")],
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="SCOPES", help="The scopes to request by default, in one argument.")
    ] = None,
    token_endpoint_auth_method: Annotated[
        str | None,
        typer.Option(
            "--client-auth",
            metavar="METHOD",
            help="Client authentication: client_secret_post (default), client_secret_basic or none.",
        ),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option("--issuer", metavar="URL", help="The issuer; its logins and id tokens are checked for it."),
    ] = None,
    authorize_param: Annotated[
        list[str] | None,
        typer.Option(
            "--authorize-param",
            metavar="KEY=VALUE",
            help="A further parameter of the authorization request; may be repeated.",
        ),
    ] = None,
    revocation_endpoint: Annotated[
        str | None,
        typer.Option("--revoke-url", metavar="URL", help="The revocation endpoint (RFC 7009), if it has one."),
    ] = None,
    docs: Annotated[str | None, typer.Option("--docs", metavar="URL", help="A link to the documentation.")] = None,
) -> None:
    """Add a service that the catalogue lacks.

    It writes a file, whose path it shows and which you can edit.
    """
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
    path = registry_of(session).catalogue.add(name, {key: value for key, value in entry.items() if value is not None})
    session.terminal.info(f"Added {name} in {path}.")
    session.terminal.info(f"Next: everyauth service set {name} --client-id ID --client-secret -")
