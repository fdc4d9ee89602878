"""`everyauth service add`: add a service that the catalogue lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.discover import discover
from everyauth_cli.services.rules import BasicEncoding, ClientAuthMethod
from everyauth_cli.urls import host

AuthMethodOption = Annotated[
    ClientAuthMethod | None,
    typer.Option(
        "--client-auth",
        metavar="METHOD",
        help="Client authentication at the token endpoint: client_secret_basic (default), client_secret_post or none.",
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
    typer.Option(
        "--issuer",
        metavar="URL",
        help="The issuer; its logins and id tokens are checked for it. Without the endpoints they are read from its "
        "metadata.",
    ),
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
    examples=[
        "everyauth service add acme --issuer https://auth.acme.example",
        "everyauth service add acme --authorize-url URL --token-url URL",
    ],
)
def add(
    session: Session,
    name: Annotated[
        str, typer.Argument(metavar="SERVICE", help="A name of your choice: a-z, 0-9 and -; or the URL of an issuer.")
    ],
    authorization_endpoint: Annotated[
        str | None, typer.Option("--authorize-url", metavar="URL", help="The authorization endpoint.")
    ] = None,
    token_endpoint: Annotated[
        str | None, typer.Option("--token-url", metavar="URL", help="The token endpoint.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="SCOPES", help="The scopes to request by default, in one argument.")
    ] = None,
    token_endpoint_auth_method: AuthMethodOption = None,
    client_secret_basic_encoding: EncodingOption = BasicEncoding.FORM,
    issuer: IssuerOption = None,
    authorize_param: AuthorizeParamOption = None,
    revocation_endpoint: RevokeOption = None,
    account_endpoint: AccountOption = None,
    docs: Annotated[str | None, typer.Option("--docs", metavar="URL", help="A link to the documentation.")] = None,
) -> None:
    """Add a service that the catalogue lacks.

    From an issuer alone it reads the server's metadata (RFC 8414, OpenID Connect Discovery). It writes a file, whose
    path it shows and which you can edit.
    """
    if "://" in name:
        name, issuer = _name_of(name), name
    # A name that cannot be had is no reason to ask a server anything.
    registry_of(session).catalogue.check_new(name)
    encoding = None if client_secret_basic_encoding is BasicEncoding.FORM else client_secret_basic_encoding.value
    given: dict[str, Any] = {
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": token_endpoint,
        "revocation_endpoint": revocation_endpoint,
        "account_endpoint": account_endpoint,
        "scopes": scope.split() if scope else None,
        "token_endpoint_auth_method": token_endpoint_auth_method.value if token_endpoint_auth_method else None,
        "client_secret_basic_encoding": encoding,
        "issuer": issuer,
        "authorization_params": read_pairs(authorize_param, "--authorize-param") if authorize_param else None,
        "docs": docs,
    }
    entry = {key: value for key, value in given.items() if value is not None}
    found = _found(session, issuer, entry)
    # The document's spelling of the issuer is the one that responses and id tokens name.
    entry = {**found, **entry, **({"issuer": found["issuer"]} if "issuer" in found else {})}
    if account_endpoint:
        entry.pop("userinfo_endpoint", None)
    _add(session, name, entry)


def _add(session: Session, name: str, entry: Mapping[str, Any]) -> None:
    path = registry_of(session).catalogue.add(name, entry)
    if session.terminal.as_json:
        session.terminal.json({"id": name, "path": str(path)})
    session.terminal.info(f"Added {name} in {path}.")
    if entry["token_endpoint_auth_method"] == ClientAuthMethod.PRIVATE_KEY_JWT:
        session.terminal.advise("Next", f"everyauth service key {name}")
        return
    secret = "" if entry["token_endpoint_auth_method"] == ClientAuthMethod.NONE else " --client-secret -"
    session.terminal.advise("Next", f"everyauth service set {name} --client-id ID{secret}")


def _found(session: Session, issuer: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of the issuer's metadata, or the defaults where the endpoints are given."""
    if {"authorization_endpoint", "token_endpoint"} <= given.keys():
        return {"token_endpoint_auth_method": ClientAuthMethod.CLIENT_SECRET_BASIC.value}
    if issuer is None:
        raise UsageProblem(
            "neither an issuer nor both endpoints are given",
            hint="everyauth service add NAME --issuer URL",
        )
    return discover(issuer, session.send)


def _name_of(url: str) -> str:
    """Return a name for the service at a URL: its host, with a hyphen for each dot."""
    return host(url).replace(".", "-")
