"""The process's output streams: their encoding, and writing to one that is full or closed."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from everyauth_cli.errors import EveryAuthError, UsageProblem


def prepare_streams() -> None:
    """Let the process's output write an escape for a character that its encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def is_utf8(stream: TextIO) -> bool:
    """Whether a stream writes UTF-8, which JSON is (RFC 8259 section 8.1); what is no file takes any text."""
    return not stream.encoding or codecs.lookup(stream.encoding).name == "utf-8"


def unwritten(error: OSError) -> EveryAuthError:
    why = error.strerror or type(error).__name__
    return EveryAuthError(f"cannot write to standard output: {why}", hint="send it to another file or disk")


def drop(stream: TextIO) -> None:
    """Send what is left in a stream's buffer to nowhere; Python would try again at exit, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def typed(read: Callable[[], str]) -> str:
    """Read text from standard input; raises `UsageProblem` when it is not UTF-8."""
    problem = UsageProblem("standard input has bytes that are not text", hint="send it as UTF-8")
    try:
        text = read()
        text.encode()
    except UnicodeError:
        raise problem from None
    return text
