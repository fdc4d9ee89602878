"""Sends the user to the service, and waits for the authorization response: by redirect to loopback or by paste."""

from __future__ import annotations

from contextlib import nullcontext
from urllib.parse import urlsplit

from everyauth_cli.cli.login.begun import BegunLogins
from everyauth_cli.cli.login.browser import BrowserChoice, open_browser
from everyauth_cli.cli.login.paste import can_paste, pasting
from everyauth_cli.cli.login.screen import LoginScreen
from everyauth_cli.cli.login.surroundings import friends
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import LoginFailed
from everyauth_cli.model import Client, Service
from everyauth_cli.redirect.waiter import Query, RedirectWaiter
from everyauth_cli.services.redirect_uri import on_loopback, redirect_uri

ANY_PORT = "http://127.0.0.1:0"


def redirect_waiter(
    terminal: Terminal, service: Service, client: Client, *, opens_browser: bool, seconds: float
) -> RedirectWaiter:
    """Return the waiter for the client's redirect URI: a server on loopback, or for any other URI a paste.

    A browser that is opened is led to the service by a server in any case. `seconds` is the time to wait for another
    login that has the port. Raises `LoginFailed` if only a paste could bring the response and this is no terminal.
    """
    uri = redirect_uri(service, client)
    is_ours = on_loopback(uri)
    if not is_ours and not can_paste(terminal):
        raise LoginFailed(
            f"a login to {service.name} ends at {uri}, so its URL has to be pasted, but this is not a terminal",
            hint="run it at a terminal, or register a redirect URI on loopback: "
            f"everyauth service set {service.name} --redirect-uri ''",
        )
    if not is_ours and not opens_browser:
        return RedirectWaiter(uri)
    # It imports http.server, which neither the help nor completion needs.
    from everyauth_cli.redirect.server import RedirectServer

    parts = urlsplit(uri if is_ours else ANY_PORT)
    return RedirectServer(
        parts.path,
        host=parts.hostname or service.redirect.loopback_host,
        port=parts.port or 0,
        service=service.name,
        ends_at="" if is_ours else uri,
        friends=friends(),
        on_ignored=lambda about: terminal.info(f"Ignored {about}; still waiting."),
        on_turn=lambda other: _wait_for_turn(terminal, other, port=parts.port, seconds=seconds),
        turn_seconds=seconds,
    )


def _wait_for_turn(terminal: Terminal, other: str, *, port: int | None, seconds: float) -> None:
    terminal.info(f"Waiting for the login at {other} to end, which uses port {port} too (Ctrl-C stops this one) ...")
    terminal.event("waiting", **{"for": "port"}, port=port, seconds=seconds)


def wait_for_response(
    terminal: Terminal,
    waiter: RedirectWaiter,
    logins: BegunLogins,
    *,
    service: Service,
    browser: BrowserChoice,
    command_line: str,
    may_use_code: bool,
    seconds: float,
) -> Query:
    """Print the authorization URL, open it if a browser is chosen, and wait for the authorization response.

    `command_line` is the command that repeats this login, which `may_use_code` if its browser fails. Raises
    `LoginFailed`, at once if neither a browser nor a user at a terminal can open the URL.
    """
    pastes, url = can_paste(terminal), logins.url
    here = f"if you can open the URL on this machine: {command_line} --no-browser"
    elsewhere = f"log in with a code on any device: {command_line} --device"
    screen = LoginScreen(terminal, waiter, logins, service=service, browser=browser)
    with pasting(terminal, waiter, authorization_url=url, on_enter=screen.show_url) if pastes else nullcontext():
        screen.begin(pastes=pastes)
        if browser.reason and not terminal.can_ask:
            raise LoginFailed(
                f"cannot log in to {service.name} here: no browser can be opened, and this is not a terminal",
                hint=here,
            )
        lifetime = {} if logins.seconds is None else {"expiresIn": logins.seconds}
        terminal.event("url", url=url, opened=browser.opener is not None, **lifetime)
        terminal.event("waiting", **{"for": "browser"}, redirectUri=waiter.redirect_uri, seconds=seconds)
        if browser.opener is not None:
            # Other users can read the command line of a browser, and the state is in the authorization URL.
            start = waiter.start_page(url)
            open_browser(
                browser.opener,
                start,
                on_failure=lambda: _not_opened(terminal, screen, waiter, hint=elsewhere if may_use_code else here),
            )
        return waiter.wait(seconds)


def _not_opened(terminal: Terminal, screen: LoginScreen, waiter: RedirectWaiter, *, hint: str) -> None:
    if waiter.ended:
        return
    if terminal.can_ask:
        terminal.warn("the browser could not be opened")
        screen.show_url()
    else:
        waiter.fail(LoginFailed("the browser could not be opened, and this is not a terminal", hint=hint))
