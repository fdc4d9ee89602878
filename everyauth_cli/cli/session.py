"""The session that every command gets: the terminal, the settings, and `EveryAuth` over them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace

from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.options import Output
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import EveryAuthError, ServiceUnreachable, UsageProblem
from everyauth_cli.everyauth import EveryAuth, now_ms, send_request
from everyauth_cli.flows.refresh import Patience
from everyauth_cli.model import DEFAULT_PROFILE, SANDBOX_PROFILE, Request, Response
from everyauth_cli.settings import Settings, read_settings

NOTICE_SECONDS = 5.0
"""After which a command that waits for a service says so."""


class Session:
    """What a command works with: the terminal, the settings, and `EveryAuth` over them, each made when needed."""

    def __init__(self, *, output: Output | None, profile: str | None, verbose: bool) -> None:
        self.terminal = Terminal(as_json=output is Output.json)
        self.verbose = verbose
        self._profile = profile
        self._started = now_ms()

    @functools.cached_property
    def settings(self) -> Settings:
        settings = read_settings()
        return replace(settings, profile=self._profile) if self._profile else settings

    @functools.cached_property
    def auth(self) -> EveryAuth:
        return EveryAuth.from_settings(
            self.settings,
            warn=self.terminal.warn,
            around_send=self._watched,
            shield=finished_first,
            # A command has nothing else to do, and what it waits for is stored in any case.
            patience=Patience(seconds=None, notice_after=NOTICE_SECONDS, notice=self.terminal.note),
        )

    def send(self, request: Request) -> Response:
        """Send a request that is none of `EveryAuth`'s own; with --verbose it is told of as those are."""
        return self._watched(send_request, request)

    def report(self, *, all_pending: bool = False) -> None:
        """Report what this command has found to be gone, if alerts go anywhere; or else all that was not reported.

        What cannot be reported is warned of, and stays for the next run.
        """
        from everyauth_cli.flows.alerts import Reporter, receiver

        try:
            deliver = receiver(self.settings, self.send)
            if deliver is None:
                return
            reporter = Reporter(store=self.auth.store, profile=self.settings.profile, deliver=deliver, clock=now_ms)
            failures = reporter.report(since=0 if all_pending else self._started)
        except EveryAuthError as error:
            failures = [error]
        for failure in failures:
            self.terminal.warn(f"an alert was not delivered, and is tried again by the next run: {failure.message}")

    @property
    def in_sandbox(self) -> bool:
        """Whether this is the profile of the sandbox."""
        return self.settings.profile == SANDBOX_PROFILE

    @property
    def profile_to_name(self) -> str:
        """The profile, where a command that is to work in it has to name it."""
        return "" if self.settings.profile == DEFAULT_PROFILE else self.settings.profile

    def led_to_sandbox(self) -> Session:
        """The same in the profile of the sandbox; raises `UsageProblem` when another was asked for."""
        if self._profile:
            raise UsageProblem(
                "--sandbox has a profile of its own, so --profile cannot be given with it",
                hint="leave --profile out; what comes of it is under --profile sandbox",
            )
        output = Output.json if self.terminal.as_json else None
        return Session(output=output, profile=SANDBOX_PROFILE, verbose=self.verbose)

    def _watched(self, send: Callable[[Request], Response], request: Request) -> Response:
        try:
            return self._told(send, request) if self.verbose else send(request)
        except ServiceUnreachable as error:
            if self.in_sandbox and not error.lost:
                raise error.copy(hint="everyauth sandbox, in another terminal") from None
            raise

    def _told(self, send: Callable[[Request], Response], request: Request) -> Response:
        started = time.monotonic()
        answer = send(request)
        took = time.monotonic() - started
        asked = request.fields.get("grant_type") or request.fields.get("token_type_hint")
        what = f" ({asked})" if asked else ""
        self.terminal.note(f"{request.method} {request.url}{what}: {answer.status} in {took:.2f} s")
        return answer
