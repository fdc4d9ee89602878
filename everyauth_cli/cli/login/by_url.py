"""A login at the URL of a server: what is found out about it before the browser opens."""

from __future__ import annotations

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.urls import is_url, origin


def check_url_options(name: str, *, sandbox: bool, assume_pkce: bool) -> None:
    """Refuse options that do not go with a URL, or with none. Raises `UsageProblem`."""
    if is_url(name) and sandbox:
        raise UsageProblem(
            "the sandbox is for services of the catalogue, and not for a URL", hint="everyauth service ls"
        )
    if assume_pkce and not is_url(name):
        raise UsageProblem("--assume-pkce is for the URL of a server", hint="leave it out")


def discovered(session: Session, url: str, *, scope: str | None, assume_pkce: bool) -> bool:
    """Find out how the server at a URL is logged in at; return False if it needs no login, which is shown."""
    service = session.auth.discover(url, scope=scope, assume_pkce=assume_pkce)
    if service is None:
        session.terminal.done(f"{url} needs no login; nothing was stored.")
        if session.terminal.as_json:
            session.terminal.json({"serviceId": url, "loginNeeded": False})
        return False
    if service.issuer and origin(service.issuer) != origin(service.name):
        session.terminal.info(f"{service.name} has its logins at {service.issuer}.")
    return True
