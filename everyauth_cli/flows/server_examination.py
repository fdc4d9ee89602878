"""Examines a server by its URL: runs discovery alone, and tells what is wrong and what a login would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.flows.servers import Servers
from everyauth_cli.model import Request, Response
from everyauth_cli.oauth.discovery import Discovered
from everyauth_cli.oauth.server_faults import Fault, find_faults
from everyauth_cli.services.at_url import server_name
from everyauth_cli.urls import host


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerExamination:
    """The outcome of an examination; `found` is None where no login is needed, or where discovery was `refused`.

    `last_host` is that of the last request. `client` says which client a login would use; it is empty where there is
    none, for which `refused` gives the reason.
    """

    url: str
    found: Discovered | None
    faults: Sequence[Fault]
    last_host: str
    client: str = ""
    refused: EveryAuthError | None = None


def examine_server(servers: Servers, url: str) -> ServerExamination:
    """Run the discovery of a login at a URL, and nothing more. Raises `UsageProblem` for a URL that cannot be used."""
    name = server_name(url)
    sent: list[tuple[Request, Response]] = []
    hosts = [host(name)]

    def send(request: Request) -> Response:
        hosts.append(host(request.url))
        sent.append((request, response := servers.send(request)))
        return response

    found, client, refused = None, "", None
    try:
        found = replace(servers, send=send).look(name)
        client = servers.client_for(found) if found else ""
    except EveryAuthError as error:
        refused = error
    faults = find_faults(name, sent, found)
    return ServerExamination(url=name, found=found, faults=faults, last_host=hosts[-1], client=client, refused=refused)
