"""Finds out where a login runs: SSH, WSL, a container, with or without a display."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from everyauth_cli.settings import has_display
from everyauth_cli.store.owners import weakness

SSH_VARIABLES = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
CONTAINER_MARKS = (".dockerenv", "run/.containerenv")
POWERSHELL = "mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe"

NO_LOGIN_UID = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The surroundings that decide whether a browser can open; `browser_variable`: `BROWSER` names one.

    `home_owner` is the user whose home this is, if this is root with another user's home. `wslview` and `powershell`
    are the paths of these programs, which open a browser of Windows from WSL.
    """

    browser_variable: bool = False
    ssh: bool = False
    wsl: bool = False
    wslview: str | None = None
    powershell: str | None = None
    container: bool = False
    display: bool = False
    home_owner: str = ""


def read_surroundings(
    environ: Mapping[str, str] | None = None, *, kernel: str | None = None, root: Path = Path("/")
) -> Surroundings:
    """Read the surroundings of this process; `kernel` is the kernel's release, `root` the root of the file system."""
    import platform

    environ = os.environ if environ is None else environ
    kernel = platform.release() if kernel is None else kernel
    container = bool(environ.get("container")) or any((root / mark).exists() for mark in CONTAINER_MARKS)
    path = environ.get("PATH", os.defpath)
    return Surroundings(
        browser_variable=bool(environ.get("BROWSER")),
        ssh=any(environ.get(name) for name in SSH_VARIABLES),
        # A container's kernel is that of the machine around it.
        wsl="microsoft" in kernel.lower() and not container,
        wslview=shutil.which("wslview", path=path),
        powershell=shutil.which("powershell.exe", path=path) or shutil.which(str(root / POWERSHELL)),
        container=container,
        display=has_display(environ),
        home_owner=_home_owner(environ.get("HOME", "")),
    )


def _home_owner(home: str) -> str:
    if sys.platform == "win32" or os.geteuid() != 0 or not home.startswith("/"):
        return ""
    weak = weakness(home)
    return weak.owner if weak else ""


def friends(environ: Mapping[str, str] | None = None, *, proc: Path = Path("/proc")) -> frozenset[int] | None:
    """Return the users whose programs may bring this login's response; None where the system does not number users.

    These are this user and root, and the person behind `sudo` or `su`, whose browser it may be.
    """
    if sys.platform == "win32":
        return None
    environ = os.environ if environ is None else environ
    numbers = [environ.get("SUDO_UID", ""), environ.get("PKEXEC_UID", ""), _login_uid(proc)]
    return frozenset({0, os.geteuid(), *(int(number) for number in numbers if number.isdecimal())} - {NO_LOGIN_UID})


def _login_uid(proc: Path) -> str:
    try:
        return (proc / "self/loginuid").read_text()
    except OSError:
        return ""
