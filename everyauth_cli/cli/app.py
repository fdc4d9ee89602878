"""The root of the command tree, and the decorator that makes a function a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from everyauth_cli.cli.help import help_text
from everyauth_cli.cli.options import COMMON, OutputOption, ProfileOption, QuietOption, VerboseOption
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.topics import TOPICS
from everyauth_cli.cli.typer_internals import Command, Group
from everyauth_cli.errors import ClientNotSet, EveryAuthError, LoginRequired, NotFound
from everyauth_cli.services import EXAMPLE

ABOUT = """Get, keep and refresh OAuth 2.0 access tokens.

Log in once in the browser; the credential is kept in the OS keyring, and every token that is printed is current."""
EXAMPLES = [
    "# Set your client at a service; it asks for the secret",
    f"everyauth service set {EXAMPLE} --client-id ID --client-secret -",
    "# Log in, and print the access token",
    f"everyauth login {EXAMPLE} && everyauth token {EXAMPLE}",
    "# Log in a user of your app, and print the credential",
    f"everyauth login {EXAMPLE} --user user-123",
    "everyauth identity get user-123",
]
PAGES = {"COMMAND --help": "", **{f"help {topic}": about for topic, about in TOPICS.items()}}
LEARN_MORE = "\n".join(
    ["LEARN MORE", *(f"  everyauth {line:<20}{about}".rstrip() for line, about in PAGES.items()), "  man everyauth"]
)


HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="everyauth",
    cls=Group,
    help=ABOUT,
    epilog=help_text(EXAMPLES, after=LEARN_MORE),
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


@app.callback()
def root(
    context: typer.Context,
    output: OutputOption = None,
    profile: ProfileOption = None,
    quiet: QuietOption = None,
    verbose: VerboseOption = None,
    version: Annotated[  # noqa: ARG001 - main.py makes it the command `version`
        bool, typer.Option("--version", help="Show the version.")
    ] = False,
) -> None:
    """Take the options that may come before the command as well as after it."""
    context.obj = {**(context.obj or {}), "output": output, "profile": profile, "quiet": quiet, "verbose": verbose}


def group(name: str, about: str, *, examples: Sequence[str]) -> typer.Typer:
    """Add a group of commands to the tree."""
    made = typer.Typer(
        name=name,
        cls=Group,
        help=about,
        epilog=help_text(examples),
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
        context_settings=HELP_OPTIONS,
    )
    app.add_typer(made, name=name)
    return made


def command(parent: typer.Typer, name: str, *, examples: Sequence[str], hidden: bool = False) -> Callable[..., Any]:
    """Make a function a command: it gets a `Session` first, and takes the common options besides its own.

    A function with a parameter `context` gets Typer's context too. A parameter that is a dataclass holds options that
    belong together: each field is one of them.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        takes_context = "context" in inspect.signature(function).parameters
        together = _options_together(function)

        def run(context: typer.Context, **arguments: Any) -> None:  # noqa: ANN401 - as many types as commands have
            common: dict[str, Any] = {key: arguments.pop(key) for key in COMMON}
            before = context.obj or {}
            chosen = {key: before.get(key) if value is None else value for key, value in common.items()}
            session = Session(
                output=chosen["output"],
                profile=chosen["profile"],
                verbose=bool(chosen["verbose"]),
                quiet=bool(chosen["quiet"]),
                line=before.get("line", ()),
            )
            if takes_context:
                arguments["context"] = context
            for parameter, options in together.items():
                arguments[parameter] = options(**{field.name: arguments.pop(field.name) for field in fields(options)})
            try:
                function(session, **arguments)
            except EveryAuthError as error:
                if isinstance(error, LoginRequired):
                    session.report()
                if isinstance(error, LoginRequired | ClientNotSet | NotFound):
                    near = session.warn_of_unknown_profile()
                    if near and not error.mistyped:
                        error.mistyped = (session.settings.profile, near[0])
                raise session.with_hint_completed(error) from error.__cause__

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = _signature(function)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in run.__signature__.parameters.values()}  # type: ignore[attr-defined]
        parent.command(name, cls=Command, hidden=hidden, epilog=help_text(examples))(run)
        return function

    return register


def _signature(function: Callable[..., None]) -> inspect.Signature:
    """The function's own parameters without the session, then the common options."""
    hints, together = get_type_hints(function, include_extras=True), _options_together(function)
    own: list[inspect.Parameter] = []
    for p in list(inspect.signature(function).parameters.values())[1:]:
        if p.name in together:
            own += _of_fields(together[p.name])
        elif p.name != "context":
            own.append(p.replace(annotation=hints[p.name]))
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [inspect.Parameter(n, keyword, default=None, annotation=a) for n, a in COMMON.items()]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return inspect.Signature([context, *own, *common])


def _options_together(function: Callable[..., None]) -> dict[str, type[Any]]:
    """The function's parameters that hold several options, with the dataclass of each."""
    hints = get_type_hints(function)
    names = [*inspect.signature(function).parameters][1:]
    return {name: hints[name] for name in names if is_dataclass(hints[name])}


def _of_fields(options: type[Any]) -> list[inspect.Parameter]:
    hints, kind = get_type_hints(options, include_extras=True), inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(f.name, kind, default=f.default, annotation=hints[f.name]) for f in fields(options)]
