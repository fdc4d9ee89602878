"""A login at the URL of a server: what is found out about it before the browser opens."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.urls import is_url, origin


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOptions:
    """The options of a login at a URL; `EveryAuth.discover` says what each means."""

    client: str | None
    client_id: str | None
    assume_pkce: bool

    def check(self, name: str, *, sandbox: bool) -> None:
        """Refuse options that do not go with a URL, with none, or with each other. Raises `UsageProblem`."""
        if is_url(name) and sandbox:
            raise UsageProblem(
                "the sandbox is for services of the catalogue, and not for a URL", hint="everyauth service ls"
            )
        options = {"--client": self.client, "--client-id": self.client_id, "--assume-pkce": self.assume_pkce}
        given = [option for option, value in options.items() if value]
        if given and not is_url(name):
            raise UsageProblem(f"{given[0]} is for the URL of a server", hint="leave it out")
        if self.client and self.client_id:
            raise UsageProblem("--client and --client-id both name a client", hint="give one of them")


def discovered(session: Session, url: str, options: UrlOptions, *, scope: str | None) -> bool:
    """Find out how the server at a URL is logged in at; return False if it needs no login, which is shown."""
    service = session.auth.discover(url, scope=scope, **asdict(options))
    if service is None:
        session.terminal.done(f"{url} needs no login; nothing was stored.")
        if session.terminal.as_json:
            session.terminal.json({"serviceId": url, "loginNeeded": False})
        return False
    if service.issuer and origin(service.issuer) != origin(service.name):
        session.terminal.info(f"{service.name} has its logins at {service.issuer}.")
    return True
