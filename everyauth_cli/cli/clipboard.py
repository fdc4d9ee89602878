"""Copies a text to the clipboard, where this machine has one."""

from __future__ import annotations

import shutil
import subprocess
import sys

from everyauth_cli.settings import child_environment, has_display

SECONDS = 2.0
WAYLAND, X11 = ["wl-copy"], ["xclip", "-selection", "clipboard"]
DARWIN, WINDOWS = ["pbcopy"], ["clip.exe"]


def copy_to_clipboard(text: str) -> bool:
    """Copy a text that is no secret, and return whether that was possible."""
    environment = child_environment()
    argv = _program(environment)
    if argv is None:
        return False
    try:
        done = subprocess.run(  # noqa: S603 - one of the programs above
            argv,
            input=text.encode(),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _program(environment: dict[str, str]) -> list[str] | None:
    if sys.platform == "darwin":
        candidates = [DARWIN]
    elif environment.get("WAYLAND_DISPLAY"):
        candidates = [WAYLAND, X11]
    else:
        candidates = [X11] if has_display(environment) else [WINDOWS]
    return next((argv for argv in candidates if shutil.which(argv[0], path=environment.get("PATH"))), None)
