"""The examination of a server by its URL: what its discovery finds, and each rule that it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from everyauth_cli.cli.doctor.findings import Finding, attention, failure, good
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, ServiceUnreadable, UsageProblem
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.server_examination import ServerExamination, examine_server
from everyauth_cli.flows.servers import Servers, requested_scopes
from everyauth_cli.services.at_url import login_at
from everyauth_cli.urls import is_url


def examine_url(session: Session, url: str) -> list[Finding]:
    """Run the discovery of a login at a URL and return what it finds. Raises `UsageProblem`, `StoreError`."""
    if not is_url(url):
        raise UsageProblem(f'"{url}" is no URL, and doctor examines a server by its URL', hint="everyauth doctor")
    auth = session.auth
    servers = Servers(
        profile=session.settings.profile, store=auth.store, clients=auth.clients, send=session.send, clock=now_ms
    )
    return [*_findings(session, examine_server(servers, url))]


def _findings(session: Session, seen: ServerExamination) -> Iterator[Finding]:
    found = seen.found
    if found is not None:
        yield good("login", f"{seen.url} has its logins at {found.issuer}")
        if scopes := requested_scopes(found):
            yield good("scopes", f"a login requests {' '.join(scopes)}")
    elif seen.refused is None:
        yield good("login", f"{seen.url} needs no login")
    if seen.client:
        yield good("client", seen.client)
    for fault in seen.faults:
        finding = attention("server", fault.rule)
        yield replace(finding, mended_by=fault.host, meanwhile=fault.meanwhile)
    if seen.refused is not None:
        finding = failure(session, "login", _of_login(seen.refused, seen.url))
        option = seen.refused.missing_option
        meanwhile = f"no login begins without {option}" if option else "no login begins"
        is_fault = isinstance(seen.refused, ServiceUnreadable)
        yield replace(finding, mended_by=seen.last_host, meanwhile=meanwhile) if is_fault else finding


def _of_login(error: EveryAuthError, url: str) -> EveryAuthError:
    """Return an error whose missing option is one of the login, and not of this command."""
    if not error.missing_option:
        return error
    renamed = error.copy(hint=f"{login_at(url)} {error.missing_option}")
    renamed.missing_option = ""
    return renamed
