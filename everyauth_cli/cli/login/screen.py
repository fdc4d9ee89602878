"""The lines that a login shows while it waits for the browser."""

from __future__ import annotations

from everyauth_cli.cli.login.begun import BegunLogins
from everyauth_cli.cli.login.browser import BrowserChoice
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import Service
from everyauth_cli.redirect.waiter import RedirectWaiter
from everyauth_cli.urls import is_loopback

SHORT_LIFETIME = 60
"""Seconds; a code whose lifetime is no longer gets a notice to the user."""

PASTE_INVITATION = (
    "Then paste here the address that your browser ends at, even if that page shows an error, and press Enter. "
    "It will not be shown."
)
"""The pasted line is not shown, and the browser may be on any machine."""


class LoginScreen:
    """The lines of one login: few, and the URL where no browser opens or a person asks for it."""

    def __init__(
        self,
        terminal: Terminal,
        waiter: RedirectWaiter,
        logins: BegunLogins,
        *,
        service: Service,
        browser: BrowserChoice,
    ) -> None:
        self._terminal, self._waiter, self._logins = terminal, waiter, logins
        self._service, self._browser = service, browser
        self._shown = False

    def begin(self, *, pastes: bool) -> None:
        """Say what opens, and how to go on without a browser."""
        terminal, title = self._terminal, self._service.title
        if self._browser.opener is None:
            self._begin_without_browser(pastes=pastes)
        elif not pastes:
            terminal.instruct(f"Opening {self._browser.browser} to log in to {title}. If it does not open, visit:")
            self._show_url_to_open()
        else:
            self._warn_of_paste(f" Copy its address and paste it here.{self._hurry}")
            terminal.instruct(f"Opening {self._browser.browser} for {title}. No browser here? Press Enter.")

    def show_url(self) -> None:
        """Show the URL to open on any machine, and ask for the one that the browser ends at.

        Once is enough, but for a URL that expires: in its place another one is shown.
        """
        if self._shown and not self._logins.expires:
            return
        try:
            self._logins.renew()
        except EveryAuthError as error:
            self._terminal.warn(f"{error.message}; press Enter to try again")
            return
        url = self._logins.url
        place = "in a browser on this machine" if is_loopback(url) else "on any machine"
        self._terminal.instruct(f"Open this {place}{self._in_time}:")
        self._terminal.instruct("")
        self._terminal.instruct(url)
        self._terminal.instruct("")
        if not self._shown:
            self._terminal.instruct(f"{PASTE_INVITATION}{self._hurry}")
        self._shown = True

    @property
    def _in_time(self) -> str:
        seconds = self._logins.seconds
        return "" if seconds is None else f" within {seconds} s (press Enter for another one)"

    def _begin_without_browser(self, *, pastes: bool) -> None:
        terminal, reason = self._terminal, self._browser.reason
        if pastes:
            if reason:
                terminal.warn(reason)
            self._warn_of_paste()
            self.show_url()
            return
        if reason and not terminal.can_ask:
            terminal.instruct(f"{reason} A login to {self._service.title} would start at:")
        else:
            terminal.instruct(f"To log in to {self._service.title}, open this in a browser on this machine:")
        self._show_url_to_open()

    def _show_url_to_open(self) -> None:
        """Show the URL where no key can be pressed for another one."""
        self._terminal.instruct(self._logins.url)
        if (seconds := self._logins.seconds) is not None:
            self._terminal.instruct(f"Open it within {seconds} s; the service does not accept it later.")

    def _warn_of_paste(self, how: str = "") -> None:
        """Say beforehand that the browser will end at a page that does not load."""
        if not self._waiter.listens:
            place, title = self._waiter.redirect_uri.partition("?")[0], self._service.title
            self._terminal.instruct(
                f"{title} sends you back to {place}, where nothing answers. That is right: your browser will end at an "
                f"error page.{how}"
            )

    @property
    def _hurry(self) -> str:
        lifetime = self._service.code_lifetime
        is_short = lifetime is not None and lifetime <= SHORT_LIFETIME
        return f" Paste it at once: its code expires after {lifetime} s." if is_short else ""
