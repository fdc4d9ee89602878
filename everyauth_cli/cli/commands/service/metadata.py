"""`everyauth service metadata`: print a client id metadata document to host."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.registrations import check_document, document_of
from everyauth_cli.services.at_url import server_name


@command(group, "metadata", examples=["everyauth service metadata https://me.example/app.json"])
def metadata(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="The URL at which you will host it.")],
) -> None:
    """Print a client id metadata document to host.

    Host it at that URL, without a redirect, as application/json. The URL is then your client id at every server that
    takes such documents: everyauth login URL --client-id URL.
    """
    document = document_of(check_document(server_name(url)))
    session.terminal.json(document)
