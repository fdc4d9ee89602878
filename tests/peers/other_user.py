"""Programs of another user of this machine, which only root can run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def as_nobody(*command: str | Path) -> list[str | Path]:
    """Return the words of a command that the user nobody runs; skips where that is not possible."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can run programs as another user")
    return [*NOBODY, *command]


def python_of_nobody(program: str, *arguments: str) -> list[str | Path]:
    """Return the words of a Python program that the user nobody runs, with the system's Python."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("there is no Python that every user may run")
    return as_nobody(python, "-c", program, *arguments)


def run_as_nobody(program: str, *arguments: str) -> str:
    """Run a Python program as the user nobody, and return its output."""
    command = python_of_nobody(program, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", timeout=60).stdout
