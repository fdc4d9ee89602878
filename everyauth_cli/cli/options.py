"""The options and arguments that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any

import typer

from everyauth_cli.cli.help import COMMON as COMMON_OPTIONS


def completer(name: str) -> Callable[..., Any]:
    """Complete by a function of completers.py, which imports the catalogue and the store, once a shell asks for it."""

    def complete(context: typer.Context, incomplete: str) -> Any:  # noqa: ANN401 - candidates, as Typer takes them
        return getattr(import_module("everyauth_cli.cli.completers"), name)(context, incomplete)

    return complete


service_names, users, services_and_users, profiles = map(
    completer, ("service_names", "users", "services_and_users", "profiles")
)


class Output(StrEnum):
    """Formats of data and errors."""

    pretty = "pretty"
    json = "json"


OutputOption = Annotated[
    Output | None,
    typer.Option(
        "-o",
        "--output",
        metavar="pretty|json",
        help="Format of data and errors.",
        show_default="pretty",
        rich_help_panel=COMMON_OPTIONS,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--profile",
        metavar="PROFILE",
        autocompletion=profiles,
        help="Namespace of clients and identities, if not `default`.",
        show_default=False,
        rich_help_panel=COMMON_OPTIONS,
    ),
]
VerboseOption = Annotated[
    bool | None,
    typer.Option(
        "-v",
        "--verbose",
        help="Log every HTTP request and show full errors.",
        show_default=False,
        rich_help_panel=COMMON_OPTIONS,
    ),
]
QuietOption = Annotated[
    bool | None,
    typer.Option(
        "-q",
        "--quiet",
        help="Print data, warnings and errors alone.",
        show_default=False,
        rich_help_panel=COMMON_OPTIONS,
    ),
]
COMMON = {"output": OutputOption, "profile": ProfileOption, "quiet": QuietOption, "verbose": VerboseOption}

ServiceArgument = Annotated[
    str,
    typer.Argument(metavar="SERVICE", autocompletion=service_names, help="A service name; see `everyauth service ls`."),
]
WhoArgument = Annotated[
    str, typer.Argument(metavar="WHO", autocompletion=users, help="A user, or the id of an identity (`idn-...`).")
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERVICE] WHO",
        autocompletion=services_and_users,
        help="WHO is a user or the id of an identity (`idn-...`). Give SERVICE if the user has identities at several.",
        show_default=False,
    ),
]
ServiceOption = Annotated[
    str | None,
    typer.Option("--service", metavar="SERVICE", autocompletion=service_names, help="Only identities of this service."),
]
UserOption = Annotated[
    str | None, typer.Option("--user", metavar="USER", autocompletion=users, help="Only identities of this user.")
]
MinTtl = Annotated[
    str | None,
    typer.Option("--min-ttl", metavar="DURATION", help="Minimum remaining lifetime, for example 10m."),
]
Rejected = Annotated[
    bool,
    typer.Option(
        "--rejected",
        help="Read from stdin a token that the service rejected (401), and refresh it if it is the stored one.",
    ),
]
LocalOption = Annotated[bool, typer.Option("--local", help="Delete it here without revoking it at the service.")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.")]
