"""The command tree's root, what every command takes, and what every command is given."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

from everyauth_cli._version import __version__
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.cli.typer_internals import Command, Group
from everyauth_cli.errors import EveryAuthError, LoginRequired, ServiceUnreachable, UsageProblem
from everyauth_cli.everyauth import EveryAuth, now_ms
from everyauth_cli.model import DEFAULT_PROFILE, SANDBOX_PROFILE, Request, Response
from everyauth_cli.settings import Settings, read_settings

EPILOG = "Exit codes: 0 done, 2 usage, 3 nothing or too much matches, 4 log in, 5 the service, 6 the store."


class Output(StrEnum):
    """How data and errors are shown."""

    pretty = "pretty"
    json = "json"


OutputOption = Annotated[
    Output | None,
    typer.Option("-o", "--output", metavar="pretty|json", help="How to show data and errors.", show_default="pretty"),
]
ProfileOption = Annotated[
    str | None, typer.Option("-p", "--profile", help="The namespace of clients and identities.", show_default="default")
]
VerboseOption = Annotated[
    bool | None,
    typer.Option("-v", "--verbose", help="Tell of each request, and of errors in full.", show_default=False),
]
COMMON = {"output": OutputOption, "profile": ProfileOption, "verbose": VerboseOption}


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
            self.settings, warn=self.terminal.warn, around_send=self._watched, shield=finished_first
        )

    def send(self, request: Request) -> Response:
        """Send a request that is none of `EveryAuth`'s own; with --verbose it is told of as those are."""
        from everyauth_cli.transport import send

        return self._watched(send, request)

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
                error.hint = "everyauth sandbox, in another terminal"
            raise

    def _told(self, send: Callable[[Request], Response], request: Request) -> Response:
        started = time.monotonic()
        answer = send(request)
        took = time.monotonic() - started
        asked = request.fields.get("grant_type") or request.fields.get("token_type_hint")
        what = f" ({asked})" if asked else ""
        self.terminal.note(f"{request.method} {request.url}{what}: {answer.status} in {took:.2f} s")
        return answer


def group(name: str, about: str) -> typer.Typer:
    """A group of commands, in the tree."""
    made = typer.Typer(
        name=name, cls=Group, help=about, no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )
    made.info.context_settings = HELP_OPTIONS
    app.add_typer(made, name=name)
    return made


HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    name="everyauth",
    cls=Group,
    help="Get OAuth 2.0 credentials, keep them in the OS keyring, hand out access tokens that are always current.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"everyauth {__version__}")  # noqa: T201 - before any command, so before any terminal
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    output: OutputOption = None,
    profile: ProfileOption = None,
    verbose: VerboseOption = None,
    version: Annotated[  # noqa: ARG001 - shown by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that may stand before the command as well as after it."""
    context.obj = {"output": output, "profile": profile, "verbose": verbose}


def command(parent: typer.Typer, name: str, **typer_options: Any) -> Callable[..., Any]:  # noqa: ANN401 - Typer's
    """Make a function a command: it is given a `Session` first, and gets the common options besides its own."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        def run(context: typer.Context, **arguments: Any) -> None:  # noqa: ANN401
            common: dict[str, Any] = {key: arguments.pop(key) for key in COMMON}
            before = context.obj or {}
            chosen = {key: before.get(key) if value is None else value for key, value in common.items()}
            session = Session(output=chosen["output"], profile=chosen["profile"], verbose=bool(chosen["verbose"]))
            try:
                function(session, **arguments)
            except LoginRequired:
                session.report()
                raise

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = _signature(function)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in run.__signature__.parameters.values()}  # type: ignore[attr-defined]
        parent.command(name, cls=Command, **typer_options)(run)
        return function

    return register


def _signature(function: Callable[..., None]) -> inspect.Signature:
    """The function's own parameters without the session, then the common options."""
    hints = get_type_hints(function, include_extras=True)
    own = [p.replace(annotation=hints[p.name]) for p in list(inspect.signature(function).parameters.values())[1:]]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [inspect.Parameter(n, keyword, default=None, annotation=a) for n, a in COMMON.items()]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return inspect.Signature([context, *own, *common])
