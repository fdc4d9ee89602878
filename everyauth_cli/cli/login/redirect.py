"""The way of a login: out to a browser, here or elsewhere, and back to a listener on loopback or by a paste."""

from __future__ import annotations

from contextlib import nullcontext
from urllib.parse import urlsplit

from everyauth_cli.cli.login.browser import Choice, open_browser
from everyauth_cli.cli.login.paste import can_paste, pasting
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import LoginFailed
from everyauth_cli.flows.clients import on_loopback, redirect_uri
from everyauth_cli.model import Client, Service
from everyauth_cli.redirect.waiter import Query, RedirectWaiter

SHORT_LIFETIME = 60
"""A code that lives for no more than these seconds leaves no time to lose."""

INVITATION = (
    "The browser may be on any machine: paste here the address that it ends at (it is not shown), "
    "even if no page comes up there, and press Enter."
)


def arrival_at(terminal: Terminal, service: Service, client: Client) -> RedirectWaiter:
    """Where the answer comes back to: a listener on loopback, or the terminal alone.

    Raises `LoginFailed` when nobody is at the terminal that it would be.
    """
    uri = redirect_uri(service, client)
    if not on_loopback(uri):
        if not can_paste(terminal):
            raise LoginFailed(
                f"a login at {service.name} ends at {uri}, so its answer has to be pasted, and nobody is at a terminal",
                hint="run it at a terminal, or register a redirect URI on loopback: "
                f"everyauth service set {service.name} --redirect-uri ''",
            )
        return RedirectWaiter(uri)
    from everyauth_cli.redirect.server import RedirectServer

    parts = urlsplit(uri)
    return RedirectServer(
        parts.path,
        host=parts.hostname or service.loopback_host,
        port=parts.port or 0,
        service=service.name,
        on_unverified=lambda said: terminal.note(
            f"Somebody says that a login failed ({said}), without saying which: not verified, so the login goes on."
        ),
    )


def answer(
    terminal: Terminal,
    arrival: RedirectWaiter,
    url: str,
    *,
    service: Service,
    choice: Choice,
    login: str,
    seconds: float,
) -> Query:
    """Say where to log in, open a browser if one is chosen, and wait for the answer; `login` is the command for it.

    Raises `LoginFailed`, at once when nobody is there to open the URL.
    """
    pastes = can_paste(terminal)
    with pasting(terminal, arrival, authorization_url=url) if pastes else nullcontext():
        terminal.note(_beginning(terminal, service, choice, pastes=pastes))
        terminal.note(url)
        if choice.reason and not terminal.can_ask:
            raise LoginFailed(
                f"nobody can log in to {service.name} here: no browser opens, and nobody is at a terminal",
                hint=f"{login} --no-browser, if somebody will open the address on this machine",
            )
        if terminal.stderr.isatty():
            terminal.note(_waiting(service, arrival, pastes=pastes))
        if choice.opener is not None:
            open_browser(choice.opener, url, on_failure=lambda: _not_opened(terminal, arrival, login=login))
        return arrival.wait(seconds)


def _beginning(terminal: Terminal, service: Service, choice: Choice, *, pastes: bool) -> str:
    if choice.opener is not None:
        return f"Opening {choice.browser} to log in to {service.title}. If it does not come up, open:"
    if choice.reason and not terminal.can_ask:
        return f"{choice.reason} A login at {service.title} would begin at:"
    where = "any browser" if pastes else "a browser on this machine"
    return f"{choice.reason} To log in to {service.title}, open this in {where}:".lstrip()


def _waiting(service: Service, arrival: RedirectWaiter, *, pastes: bool) -> str:
    waits = f"Waiting for {service.title} to come back (Ctrl-C ends it) ..."
    if not arrival.listens:
        waits = f"It ends at {arrival.redirect_uri}, where everyauth does not listen (Ctrl-C ends it) ..."
    if not pastes:
        return waits
    life = service.code_lifetime
    hurry = f" Its code lives only {life} s, so paste it at once." if life and life <= SHORT_LIFETIME else ""
    return f"{waits}\n{INVITATION}{hurry}"


def _not_opened(terminal: Terminal, arrival: RedirectWaiter, *, login: str) -> None:
    if arrival.ended:
        return
    if terminal.can_ask:
        terminal.note("The browser could not be opened; open the address above yourself.")
    else:
        arrival.give_up(
            LoginFailed(
                "the browser could not be opened, and nobody is at a terminal",
                hint=f"{login} --no-browser, if somebody will open the address on this machine",
            )
        )
