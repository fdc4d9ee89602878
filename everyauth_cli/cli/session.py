"""The session that every command gets: the terminal, the settings, and `EveryAuth` over them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everyauth_cli.cli.events import terminal_for
from everyauth_cli.cli.options import Output
from everyauth_cli.cli.suggestion import Hint, corrected, in_profile, read_hint, repeated
from everyauth_cli.errors import Ambiguous, ConfigurationProblem, EveryAuthError, ServiceUnreachable, UsageProblem
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import DEFAULT_PROFILE, SANDBOX_PROFILE, Request, Response
from everyauth_cli.settings import Settings, read_settings

if TYPE_CHECKING:
    from everyauth_cli.cli.assembly import Assembly
    from everyauth_cli.everyauth import EveryAuth


class Session:
    """The terminal, the settings and `EveryAuth` for one command, each made when it is first needed."""

    def __init__(
        self,
        *,
        output: Output | None,
        profile: str | None,
        verbose: bool,
        quiet: bool = False,
        line: Sequence[str] = (),
    ) -> None:
        self.terminal = terminal_for(line, as_json=output is Output.json, quiet=quiet, complete=self.suggestion)
        self.verbose = verbose
        self._profile = profile
        self._usual_profile = DEFAULT_PROFILE
        self._line = line
        self._started = now_ms()

    @functools.cached_property
    def settings(self) -> Settings:
        settings = read_settings()
        if settings.warning:
            self.terminal.warn(settings.warning)
        self._usual_profile = settings.profile
        return replace(settings, profile=self._profile) if self._profile else settings

    @property
    def auth(self) -> EveryAuth:
        return self._assembly.auth

    def send(self, request: Request) -> Response:
        """Send a request that is not one of `EveryAuth`'s own; with --verbose it is logged like those."""
        return self._assembly.send(request)

    def reach(self, url: str) -> None:
        """Find out whether the server of a URL can be connected to; raises `ServiceUnreachable`."""
        self._assembly.reach(url)

    def report(self, *, all_pending: bool = False) -> None:
        """Send alerts about identities that need a login: those found by this command, or all that are pending."""
        self._assembly.report(since=0 if all_pending else self._started)

    def warn_of_unknown_profile(self) -> list[str]:
        """Warn of a profile that has nothing in it: it may be mistyped; returns the names that are like it."""
        named = self.profile_to_name and not self.in_sandbox
        return self._assembly.warn_of_unknown_profile() if named else []

    @functools.cached_property
    def _assembly(self) -> Assembly:
        # It imports the whole of `EveryAuth`, which a help page and a completion do without.
        from everyauth_cli.cli.assembly import Assembly

        return Assembly(settings=self.settings, terminal=self.terminal, around_send=self._watched)

    @property
    def in_sandbox(self) -> bool:
        """Whether this is the sandbox's profile."""
        return self.settings.profile == SANDBOX_PROFILE

    @property
    def profile_to_name(self) -> str:
        """The profile, if a suggested command has to name it to work in it."""
        profile = self.settings.profile
        return "" if profile == DEFAULT_PROFILE == self._usual_profile else profile

    def suggestion(self, command: str) -> str:
        """Return a command to suggest, with the profile if it has to be named."""
        return in_profile(command, self.profile_to_name)

    def again(self, *more: str, without: Sequence[str] = ()) -> str:
        """Return the command line as it was typed, without some options and their values, and with more words."""
        return repeated(self._line, *more, without=without)

    def with_hint_completed(self, error: EveryAuthError) -> EveryAuthError:
        """Return an error with the profile in the commands that it suggests; nothing else of it changes."""
        try:
            if error.mistyped and (line := corrected(self._line, *error.mistyped)):
                return error.copy(hint=self.suggestion(line))
            if error.missing_option:
                return error.copy(hint=f"{error.hint}: {self.suggestion(self.again(error.missing_option))}")
            if isinstance(error, Ambiguous):
                return Ambiguous(error.who, error.candidates, command=self.suggestion(error.command))
            advice, command = read_hint(error.hint or "")
            return error.copy(hint=str(Hint(advice, self.suggestion(command)))) if command else error
        except ConfigurationProblem:
            # The settings cannot be read, of which the error itself speaks.
            return error

    def for_sandbox(self) -> Session:
        """Return the same session in the sandbox's profile; raises `UsageProblem` when --profile was given."""
        if self._profile:
            raise UsageProblem(
                "--sandbox has a profile of its own, so --profile cannot be given with it",
                hint="leave out --profile; the login is stored in the profile sandbox",
            )
        output = Output.json if self.terminal.as_json else None
        return Session(
            output=output,
            profile=SANDBOX_PROFILE,
            verbose=self.verbose,
            quiet=self.terminal.quiet,
            line=self._line,
        )

    def _watched(self, send: Callable[[Request], Response], request: Request) -> Response:
        try:
            return self._logged(send, request) if self.verbose else send(request)
        except ServiceUnreachable as error:
            if self.in_sandbox and not error.lost:
                raise error.copy(hint="start it in another terminal: everyauth sandbox") from None
            raise

    def _logged(self, send: Callable[[Request], Response], request: Request) -> Response:
        started = time.monotonic()
        response = send(request)
        took = time.monotonic() - started
        kind = request.fields.get("grant_type") or request.fields.get("token_type_hint")
        about = f" ({kind})" if kind else ""
        self.terminal.instruct(f"{request.method} {request.url}{about}: {response.status} in {took:.2f} s")
        return response
