"""The options and arguments that several commands take."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from everyauth_cli.cli.completers import service_names, services_and_users, users
from everyauth_cli.cli.help import COMMON as COMMON_OPTIONS


class Output(StrEnum):
    """How data and errors are shown."""

    pretty = "pretty"
    json = "json"


OutputOption = Annotated[
    Output | None,
    typer.Option(
        "-o",
        "--output",
        metavar="pretty|json",
        help="How to show data and errors.",
        show_default="pretty",
        rich_help_panel=COMMON_OPTIONS,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--profile",
        help="The namespace of clients and identities.",
        show_default="default",
        rich_help_panel=COMMON_OPTIONS,
    ),
]
VerboseOption = Annotated[
    bool | None,
    typer.Option(
        "-v",
        "--verbose",
        help="Tell of each request, and of errors in full.",
        show_default=False,
        rich_help_panel=COMMON_OPTIONS,
    ),
]
COMMON = {"output": OutputOption, "profile": ProfileOption, "verbose": VerboseOption}


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERVICE] WHO",
        autocompletion=services_and_users,
        help="WHO is a user or an idn- id; SERVICE where the user has several.",
        show_default=False,
    ),
]
ServiceArgument = Annotated[
    str, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="As `service ls` has it.")
]
WhoArgument = Annotated[str, typer.Argument(metavar="WHO", autocompletion=users, help="A user or an idn- id.")]
ServiceOption = Annotated[
    str | None, typer.Option("--service", autocompletion=service_names, help="Only of this service.")
]
UserOption = Annotated[str | None, typer.Option("--user", autocompletion=users, help="Only of this user.")]
MinTtl = Annotated[
    str | None,
    typer.Option("--min-ttl", metavar="DURATION", help="The life that the token must have left, such as 10m."),
]
Rejected = Annotated[
    bool,
    typer.Option("--rejected", help="A token on stdin was refused (401): refresh if it is still the stored one."),
]
LocalOption = Annotated[bool, typer.Option("--local", help="Only delete it here; revoke nothing at the service.")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
