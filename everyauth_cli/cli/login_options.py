"""The options of `everyauth login`."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli.events import OPTION
from everyauth_cli.cli.options import service_names, users

UNATTENDED, AT_URL = "Unattended login", "Login at a URL"
"""Headings in the help of the options that go together."""

LoginArgument = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE",
        autocompletion=service_names,
        help="A service name (see `everyauth service ls`), or the URL of a server.",
    ),
]
UserToStore = Annotated[
    str,
    typer.Option(
        "--user", metavar="USER", autocompletion=users, help="The user to store the login for, by a name of yours."
    ),
]
TenantOption = Annotated[
    str | None, typer.Option("-t", "--tenant", metavar="TENANT", help="The user's tenant.", show_default="the user")
]
TagOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag to find it by; may be repeated.")
]
ScopeThisTime = Annotated[
    str | None,
    typer.Option(
        "--scope",
        metavar="SCOPES",
        help="The scopes to request this time; at a URL, besides those it has.",
        show_default="as set",
    ),
]
ResourceOption = Annotated[
    str | None,
    typer.Option(
        "--resource",
        metavar="URI",
        help="Request tokens for this API alone, where the service issues such tokens (RFC 8707).",
        show_default="that of the stored login",
    ),
]
TimeoutOption = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="Maximum time to wait for the browser or the code.",
        show_default="300s, or a code's lifetime",
    ),
]
NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Print the URL instead of opening a browser or showing a code.")
]
DeviceOption = Annotated[
    bool | None,
    typer.Option(
        "--device/--no-device",
        help="Log in with a code that you enter on any device.",
        show_default="where no browser opens",
    ),
]
EventsOption = Annotated[bool, typer.Option(OPTION, help="Report on stderr for a program, as one JSON object a line.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replace the stored account.")]
ClientCredentialsOption = Annotated[
    bool,
    typer.Option(
        "--client-credentials",
        help="Get a token for the client itself, not for a user.",
        rich_help_panel=UNATTENDED,
    ),
]
JwtBearerOption = Annotated[
    bool,
    typer.Option(
        "--jwt-bearer",
        help="Get a token for an assertion that your client's private key signs (RFC 7523).",
        rich_help_panel=UNATTENDED,
    ),
]
SubjectOption = Annotated[
    str | None,
    typer.Option(
        "--subject",
        metavar="WHO",
        help="With --jwt-bearer, the user that the token is for, by the name that the service knows.",
        show_default="your client",
        rich_help_panel=UNATTENDED,
    ),
]
IdentityTokenOption = Annotated[
    str | None,
    typer.Option(
        "--identity-token-from",
        metavar="SOURCE",
        help="Get a token for the identity token of this CI job or workload: github, gitlab, file:PATH, env:NAME, or - "
        "for standard input. With --client-credentials it takes the place of the client's secret, with --idp that of "
        "the user's login.",
        rich_help_panel=UNATTENDED,
    ),
]
ExchangeOption = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="SERVICE",
        autocompletion=service_names,
        help="Get a token in exchange for that of the user's login at this service, or of the identity with this id "
        "(RFC 8693).",
        rich_help_panel=UNATTENDED,
    ),
]
IdpOption = Annotated[
    str | None,
    typer.Option(
        "--idp",
        metavar="SERVICE",
        autocompletion=service_names,
        help="Log in by way of your company's identity provider: the service at which the user has logged in, or the "
        "id of the identity there.",
        rich_help_panel=UNATTENDED,
    ),
]
AudienceOption = Annotated[
    str | None,
    typer.Option(
        "--audience",
        metavar="AUDIENCE",
        help="With --exchange, the audience of the token to get. With --identity-token-from github, that of the "
        "identity token, by default the issuer that it is sent to.",
        show_default=False,
        rich_help_panel=UNATTENDED,
    ),
]
DpopOption = Annotated[
    bool,
    typer.Option(
        "--dpop",
        help="Bind the tokens to a key that is kept here (DPoP): in Python httpx_auth and requests_auth sign requests "
        "with it, and no other program can use the tokens.",
    ),
]
SandboxOption = Annotated[
    bool,
    typer.Option("--sandbox", help="Log in at the sandbox, with nothing registered; stored in profile sandbox."),
]
ClientOption = Annotated[
    str | None,
    typer.Option(
        "--client",
        metavar="NAME",
        autocompletion=service_names,
        help="Log in at a URL with your client at this service, now and later; the server gets your access there.",
        rich_help_panel=AT_URL,
    ),
]
DocumentOption = Annotated[
    str | None,
    typer.Option(
        "--client-id",
        metavar="URL",
        help="Log in at a URL with the client id metadata document that you host; see `everyauth service metadata`.",
        rich_help_panel=AT_URL,
    ),
]
AssumePkceOption = Annotated[
    bool,
    typer.Option(
        "--assume-pkce",
        help="Log in at a URL whose server does not say that it supports PKCE.",
        rich_help_panel=AT_URL,
    ),
]
