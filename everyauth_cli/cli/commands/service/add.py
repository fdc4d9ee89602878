"""`everyauth service add`: add a service that the catalogue lacks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.session import Session
from everyauth_cli.services.rules import BasicEncoding, ClientAuthMethod

AuthMethodOption = Annotated[
    ClientAuthMethod,
    typer.Option(
        "--client-auth",
        metavar="METHOD",
        help="Client authentication at the token endpoint: client_secret_basic, client_secret_post or none.",
    ),
]
EncodingOption = Annotated[
    BasicEncoding,
    typer.Option(
        "--basic-encoding",
        metavar="form|raw",
        help="How client_secret_basic sends the secret: form-encoded (RFC 6749), or raw.",
    ),
]
IssuerOption = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="The issuer; its logins and id tokens are checked for it."),
]
AuthorizeParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--authorize-param",
        metavar="KEY=VALUE",
        help="A further parameter of the authorization request; may be repeated.",
    ),
]
RevokeOption = Annotated[
    str | None,
    typer.Option("--revoke-url", metavar="URL", help="The revocation endpoint (RFC 7009), if it has one."),
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        "--account-url",
        metavar="URL",
        help="An endpoint that names the account of a token, such as OpenID Connect's UserInfo.",
    ),
]


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
    token_endpoint_auth_method: AuthMethodOption = ClientAuthMethod.CLIENT_SECRET_BASIC,
    client_secret_basic_encoding: EncodingOption = BasicEncoding.FORM,
    issuer: IssuerOption = None,
    authorize_param: AuthorizeParamOption = None,
    revocation_endpoint: RevokeOption = None,
    account_endpoint: AccountOption = None,
    docs: Annotated[str | None, typer.Option("--docs", metavar="URL", help="A link to the documentation.")] = None,
) -> None:
    """Add a service that the catalogue lacks.

    It writes a file, whose path it shows and which you can edit.
    """
    encoding = None if client_secret_basic_encoding is BasicEncoding.FORM else client_secret_basic_encoding.value
    entry: dict[str, Any] = {
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": token_endpoint,
        "revocation_endpoint": revocation_endpoint,
        "account_endpoint": account_endpoint,
        "scopes": scope.split() if scope else None,
        "token_endpoint_auth_method": token_endpoint_auth_method.value,
        "client_secret_basic_encoding": encoding,
        "issuer": issuer,
        "authorization_params": read_pairs(authorize_param, "--authorize-param") if authorize_param else None,
        "docs": docs,
    }
    path = registry_of(session).catalogue.add(name, {key: value for key, value in entry.items() if value is not None})
    session.terminal.info(f"Added {name} in {path}.")
    secret = "" if token_endpoint_auth_method is ClientAuthMethod.NONE else " --client-secret -"
    session.terminal.advise("Next", f"everyauth service set {name} --client-id ID{secret}")
