"""Runs a command line and turns its errors into output and an exit code: the one error boundary."""

from __future__ import annotations

import errno
import gc
from collections.abc import Sequence

import typer

from everyauth_cli.cli.completion import print_candidates
from everyauth_cli.cli.events import INTERRUPTED, terminal_for
from everyauth_cli.cli.line import profile_in, wants_json, words_of
from everyauth_cli.cli.streams import prepare_streams
from everyauth_cli.cli.suggestion import Hint, corrected, in_profile, read_hint
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.cli.tree import command_in, instead_of, spelled_out, tree
from everyauth_cli.cli.typer_internals import is_help, mistyped, parser_error, usage_message
from everyauth_cli.errors import EveryAuthError, UsageProblem

ParserError = parser_error()
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
COMPLETION = "__complete"
"""The first word of a completion script's command line; it is not in the tree, where the help would list it."""


def run(args: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    prepare_streams()
    terminal = terminal_for(args, as_json=wants_json(args))
    return terminal.finish(_code(terminal, args))


def cannot_write(error: OSError) -> int:
    """Say that stdout cannot be written, and return the exit code."""
    return Terminal().cannot_write(error)


def _code(terminal: Terminal, args: Sequence[str]) -> int:
    try:
        _check_text(args)
        code = _call(args)
    except EveryAuthError as error:
        _trace(terminal, args)
        terminal.error(error)
        return error.exit_code
    except ParserError as error:
        return _usage(terminal, error, args)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the boundary
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            # Typer prints the help itself; the stores explain their own.
            return terminal.cannot_write(error)
        _trace(terminal, args)
        terminal.error(
            EveryAuthError(f"internal error: {type(error).__name__}", hint="run it again with --verbose to see where")
        )
        return EveryAuthError.exit_code
    if code == INTERRUPTED:
        # Some versions of Typer make it an exit code.
        terminal.interrupted()
    return code


def _call(args: Sequence[str]) -> int:
    if args[:1] == [COMPLETION]:
        print_candidates(*args[1:])
        return 0
    args = spelled_out(args)
    root = tree(args)
    # The garbage collector was off while modules were imported; it need not look at them again.
    gc.freeze()
    gc.enable()
    return root(args=list(args), prog_name="everyauth", standalone_mode=False, obj={"line": args}) or 0


def _check_text(args: Sequence[str]) -> None:
    """Refuse arguments that are not UTF-8, which no file, database or service takes; raises `UsageProblem`."""
    if any(not arg.isascii() and any("\ud800" <= character <= "\udfff" for character in arg) for arg in args):
        raise UsageProblem("the command line has bytes that are not UTF-8", hint="check the terminal's encoding")


def _usage(terminal: Terminal, error: Exception, args: Sequence[str]) -> int:
    if is_help(error):
        terminal.page(usage_message(error))
        return 0
    word = mistyped(error)
    # A command alone may still need its arguments.
    again = corrected(args, *word) if word and len(words_of(args)) != 1 else ""
    advice, command = read_hint(instead_of(args) or again or f"{command_in(args)} --help")
    hint = Hint(advice, in_profile(command, profile_in(args)))
    terminal.error(UsageProblem(usage_message(error), hint=str(hint)))
    return UsageProblem.exit_code


def _trace(terminal: Terminal, args: Sequence[str]) -> None:
    if {"-v", "--verbose"} & set(args):
        terminal.trace()
