"""The options of `init` and `service set` that say what a client is."""

from __future__ import annotations

from typing import Annotated

import typer

ScopeOption = Annotated[
    str | None, typer.Option("--scope", metavar="SCOPES", help="The scopes to request at a login, in one argument.")
]
ClientIdOption = Annotated[
    str | None, typer.Option("--client-id", "--clientId", metavar="ID", help="The client id of your registration.")
]
ClientSecretOption = Annotated[
    str | None,
    typer.Option(
        "--client-secret",
        "--clientSecret",
        metavar="SECRET",
        help="The client secret; - asks for it, or reads standard input.",
    ),
]
PrivateKeyOption = Annotated[
    str | None,
    typer.Option(
        "--private-key",
        metavar="FILE",
        help="A private key (PEM or JWK) in place of the secret; - reads standard input. See `service key`.",
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, metavar="PORT", help="The port of the redirect URI, if it is not 28282."),
]
RedirectUriOption = Annotated[
    str | None,
    typer.Option(
        "--redirect-uri",
        metavar="URI",
        help="The redirect URI that you registered, if it is another; for https you paste the URL of the response.",
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="KEY=VALUE", help="A parameter that the service needs; may be repeated."),
]
