"""Assembles `EveryAuth` for a command, and sends its alerts; session.py imports it once a command needs either."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import EveryAuthError
from everyauth_cli.everyauth import EveryAuth, Send
from everyauth_cli.flows.alerts import Reporter, receiver
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.refresh import Patience
from everyauth_cli.model import Request, Response
from everyauth_cli.sender import send_request, transport
from everyauth_cli.settings import Settings
from everyauth_cli.store.profiles import list_profiles

NOTICE_SECONDS = 5.0
"""Seconds after which a command that waits for a service says so."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """`EveryAuth` over the settings, which warns on the terminal; `around_send` watches each request."""

    settings: Settings
    terminal: Terminal
    around_send: Callable[[Send, Request], Response]

    @functools.cached_property
    def auth(self) -> EveryAuth:
        return EveryAuth.from_settings(
            self.settings,
            warn=self.terminal.warn,
            around_send=self.around_send,
            shield=finished_first,
            # A command has nothing else to do, and what it waits for is stored in any case.
            patience=Patience(seconds=None, notice_after=NOTICE_SECONDS, notice=self.terminal.info),
        )

    def send(self, request: Request) -> Response:
        """Send a request that is not one of `EveryAuth`'s own."""
        return self.around_send(send_request, request)

    def reach(self, url: str) -> None:
        """Connect to the server of a URL and send nothing; raises `ServiceUnreachable`."""
        transport().reach(url)

    def warn_of_unknown_profile(self) -> list[str]:
        """Warn of the profile if it has no clients and no identities; returns the names that are like it."""
        name = self.settings.profile
        try:
            known = list_profiles(self.auth.store)
        except EveryAuthError:
            return []
        if name in known:
            return []
        similar = difflib.get_close_matches(name, known, 3, 0.6)
        advice = f"did you mean {' or '.join(similar)}?" if similar else "see `everyauth profile ls`"
        self.terminal.warn(f'the profile "{name}" has no clients and no identities; {advice}')
        return similar

    def report(self, *, since: int) -> None:
        """Send alerts about identities that have needed a login since then, in milliseconds since the epoch.

        An alert that cannot be delivered is a warning, and stays pending for the next run.
        """
        try:
            deliver = receiver(self.settings, self.send)
            if deliver is None:
                return
            reporter = Reporter(store=self.auth.store, profile=self.settings.profile, deliver=deliver, clock=now_ms)
            failures = reporter.report(since=since)
        except EveryAuthError as error:
            failures = [error]
        for failure in failures:
            self.terminal.warn(f"an alert was not delivered; the next run tries again: {failure.message}")
