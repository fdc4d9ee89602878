"""The man page, made from the command tree: `python -m everyauth_cli.cli.man` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typer.main import get_command

from everyauth_cli.cli.tree import tree
from everyauth_cli.services.catalogue import EXAMPLE

Node = Any
"""A command or a parameter: Typer's types of these are not public."""

DESCRIPTION = """\
`everyauth` logs a person in at a service (OAuth 2.0 authorization code flow with PKCE, in the browser), keeps what was
granted in the keyring of the operating system, or sealed in a file, and prints access tokens that are current: one that
has expired, or is about to, is refreshed first.

A <service> is an API with an authorization server, as the catalogue describes it. A <client> is your registration
there. An <identity> is what one user granted at one service: it is named by the user, by service and user, or by its
id.

Data goes to standard output, all else to standard error. Lists are tables on a terminal and lines with tabs in a pipe.
"""

EXIT_STATUS = {
    "0": "Done.",
    "1": "A fault of everyauth itself.",
    "2": "Usage: a bad option or value, a configuration that cannot be understood, a client that is not set.",
    "3": "Nothing matches, or several do; these are listed.",
    "4": "A login is needed: nobody logged in, the grant is gone, or a login failed, if only for want of a browser and "
    "a terminal.",
    "5": "The service could not be reached, or refused, or its answer was not understood.",
    "6": "The store is missing, locked, busy or damaged, or its key does not fit.",
    "130": "Interrupted.",
}

ENVIRONMENT = {
    "EVERYAUTH_HOME": "The one directory for configuration and data, in place of those under `FILES`.",
    "EVERYAUTH_STORE": "The store: `keyring:`, `sqlite://`, `sqlite:///path` or `postgresql://...`. It goes before "
    "what `everyauth store use` remembers.",
    "EVERYAUTH_PROFILE": "The namespace of clients and identities; `--profile` goes before it.",
    "EVERYAUTH_KEY_FILE": "A file with the sealing key of a `sqlite:` or `postgresql:` store.",
    "EVERYAUTH_KEY": "The sealing key itself, where there is no such file.",
    "EVERYAUTH_<SERVICE>_CLIENT_ID": "The client id for a service, in place of the stored one. <SERVICE> is its name "
    "in capitals, with _ for each -.",
    "EVERYAUTH_<SERVICE>_CLIENT_SECRET": "The client secret for a service, likewise.",
    "BROWSER": "The browser that `everyauth login` opens, even over SSH, where it opens none unasked.",
    "NO_COLOR": "When set, tables have no colour.",
    "PYTHON_KEYRING_BACKEND": "The back end of Python's keyring library to use, in place of the one it would choose.",
}

FILES = {
    "~/.config/everyauth/config.toml": "The store that was chosen, where its sealing key is, and where alerts go.",
    "~/.config/everyauth/services/<NAME>.toml": "Your own services, and keys that go before those of the catalogue.",
    "~/.config/everyauth/sealing.key": "The sealing key, where no keyring could take it.",
    "~/.local/share/everyauth/index.db": "The public halves of identities whose secrets are in the keyring.",
    "~/.local/share/everyauth/log/<SERVICE>.jsonl": "What happened at a service; `everyauth service log` shows it.",
    "~/.local/share/everyauth/everyauth.db": "The store `sqlite://`.",
}
FILES_MOVED = """\
`XDG_CONFIG_HOME` and `XDG_DATA_HOME` move these; macOS and Windows have places of their own.
"""

OPTIONS = "These may stand before the command; all but `--version` may stand after it as well."

EXAMPLES = {
    "Say who you are at a service; the secret is asked for:": 'everyauth service set {service} --scope "read write" '
    "--clientId ID --clientSecret -",
    "Log a user of yours in:": "everyauth login {service} --user user-123",
    "Get that user's credential as JSON, current at this moment:": "everyauth identity get user-123",
    "Log in yourself and print the access token:": "everyauth login {service} && everyauth token {service}",
}


def man_page() -> str:
    """The man page as roff; it holds no date and no version, so it changes only when the commands do."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    root = get_command(tree())
    yield '.\\" Made from the command tree: python -m everyauth_cli.cli.man'
    yield '.TH EVERYAUTH 1 "" everyauth "User Commands"'
    yield from (".SH NAME", f"everyauth \\- {roff(_headline(root))}")
    yield from (".SH SYNOPSIS", roff("`everyauth` [<OPTIONS>] <COMMAND> [<ARGUMENTS>]"))
    yield from (".SH DESCRIPTION", *_prose(DESCRIPTION))
    yield from (".SH OPTIONS", roff(OPTIONS), *_parameters(root.get_params(_context(root))))
    yield ".SH COMMANDS"
    common = {option for param in root.params for option in param.opts}
    for path, command in _commands(root, "everyauth"):
        yield from _command(path, command, common)
    yield from (".SH EXIT STATUS", *_tagged(EXIT_STATUS))
    yield from (".SH ENVIRONMENT", *_tagged(ENVIRONMENT))
    yield from (".SH FILES", *_tagged(FILES), ".PP", *_prose(FILES_MOVED))
    yield ".SH EXAMPLES"
    for about, line in EXAMPLES.items():
        yield from (".PP", roff(about), ".PP", ".RS 4", ".EX", roff(line.format(service=EXAMPLE)), ".EE", ".RE")


def _commands(group: Node, path: str) -> Iterator[tuple[str, Node]]:
    """The commands that do something, each with the words that name it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def _command(path: str, command: Node, common: set[str]) -> Iterator[str]:
    params = [param for param in command.params if not common.intersection(param.opts)]
    words = [_metavar(param) for param in params if param.param_type_name == "argument"]
    options = "[<OPTIONS>]" if len(params) > len(words) else ""
    yield f".SS {roff(' '.join(filter(None, (path, *words, options))))}"
    yield roff(command.help)
    yield from _parameters(params)


def _parameters(params: Sequence[Node]) -> Iterator[str]:
    for param in params:
        if param.param_type_name == "argument":
            tag = _metavar(param)
        else:
            # Typer keeps the names of --help in a set, so they come in any order.
            options = sorted(param.opts, key=lambda option: option.startswith("--"))
            tag = ", ".join(f"`{option}`" for option in options)
            tag += "" if param.is_flag else f" {_metavar(param)}"
        yield from (".TP", roff(tag), roff(f"{param.help}{_default(param)}"))


def _metavar(param: Node) -> str:
    """What stands for a parameter's value: as it was declared, else its name."""
    return re.sub(r"[A-Za-z]+", r"<\g<0>>", param.metavar or param.name.upper().replace("_", "-"))


def _default(param: Node) -> str:
    """The default in brackets, when there is one that says something."""
    if param.required and param.param_type_name == "option":
        return " (required)"
    default = getattr(param, "show_default", None)
    if not isinstance(default, str):
        default = param.default
    return "" if default in (None, False) else f" (default: {default})"


def _tagged(entries: Mapping[str, str]) -> Iterator[str]:
    for tag, about in entries.items():
        yield from (".TP", roff(re.sub(r"[^<>]+(?![^<]*>)", r"`\g<0>`", tag)), roff(about))


def _prose(text: str) -> Iterator[str]:
    paragraphs = text.strip().split("\n\n")
    for at, paragraph in enumerate(paragraphs):
        if at:
            yield ".PP"
        yield from map(roff, paragraph.splitlines())


def roff(text: str) -> str:
    """A line of text as roff; what stands in backquotes is bold, and what stands in <> is in italics."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    text = re.sub(r"<([A-Za-z-]+)>", r"\\fI\1\\fR", text)
    return re.sub(r"^\.", r"\\&.", text)


def _headline(root: Node) -> str:
    """The help of all, in the form that NAME has: no capital, no full stop."""
    return str(root.help[0].lower() + root.help[1:].removesuffix("."))


def _context(root: Node) -> Node:
    return root.make_context("everyauth", [], resilient_parsing=True)


if __name__ == "__main__":
    print(man_page(), end="")  # noqa: T201 - to a file, when the page is made anew
