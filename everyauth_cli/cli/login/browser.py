"""Chooses whether a browser can open here, and opens it in a process that gets none of our secrets and streams."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.settings import Surroundings, child_environment

SCRIPT = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What opens a browser (a program, or Python's `webbrowser` for "") and which one it is; or why none opens."""

    opener: str | None = None
    browser: str = ""
    reason: str = ""


def choose(around: Surroundings) -> Choice:
    """Which browser to open here, if any."""
    if around.browser_variable:
        return Choice(opener="", browser="the browser that BROWSER names")
    if around.ssh:
        return Choice(reason="You are here over SSH, so no browser is opened.")
    if around.wsl and (opener := around.wslview or around.powershell):
        return Choice(opener=opener, browser="the browser of Windows")
    if around.display:
        return Choice(opener="", browser="your browser")
    where = "This is a container" if around.container else "There is no display here"
    return Choice(reason=f"{where}, so no browser can be opened.")


def open_browser(opener: str, url: str, *, on_failure: Callable[[], None]) -> None:
    """Open a URL; returns at once, since some browsers run until they are closed.

    `on_failure` is called, maybe in another thread, when nothing could be opened.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - chosen above
            _command(opener, url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            start_new_session=True,
        )
    except OSError:
        on_failure()
    else:
        threading.Thread(target=_watch, args=(process, on_failure), daemon=True).start()


def _watch(process: subprocess.Popen[bytes], on_failure: Callable[[], None]) -> None:
    if process.wait():
        on_failure()


def _command(opener: str, url: str) -> list[str]:
    if not opener:
        # -P, or a webbrowser.py in the directory where the login was typed would be run.
        return [sys.executable, "-P", "-c", SCRIPT, url]
    if opener.endswith(".exe"):
        # An & in the URL must meet no shell: neither cmd.exe nor PowerShell reads what is encoded and quoted.
        script = "Start-Process '{}'".format(url.replace("'", "''"))
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        return [opener, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]
    return [opener, url]
