"""Chooses whether a browser can open here, and opens it in a process without our secrets and streams."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.cli.login.surroundings import Surroundings
from everyauth_cli.settings import child_environment

SCRIPT = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserChoice:
    """The program that opens a browser ("" for Python's `webbrowser`) and the browser's name, or why none opens.

    `cause` is the beginning of a sentence, and empty where the user wants none to open.
    """

    opener: str | None = None
    browser: str = ""
    cause: str = ""

    @property
    def reason(self) -> str:
        """Why no browser opens, as a sentence."""
        return f"{self.cause}, so no browser is opened." if self.cause else ""


def choose_browser(surroundings: Surroundings) -> BrowserChoice:
    """Choose the browser to open here, if any."""
    if surroundings.home_owner:
        # A browser runs what is in its home: extensions, settings of the desktop.
        return BrowserChoice(cause=f"This is root with the home of {surroundings.home_owner}")
    if surroundings.browser_variable:
        return BrowserChoice(opener="", browser="the browser in BROWSER")
    if surroundings.ssh:
        return BrowserChoice(cause="This is an SSH session")
    if surroundings.wsl and (opener := surroundings.wslview or surroundings.powershell):
        return BrowserChoice(opener=opener, browser="the Windows browser")
    if surroundings.display:
        return BrowserChoice(opener="", browser="your browser")
    return BrowserChoice(cause="This is a container" if surroundings.container else "There is no display")


def open_browser(opener: str, url: str, *, on_failure: Callable[[], None]) -> None:
    """Open a URL and return at once, since some browsers run until they are closed.

    `on_failure` is called, maybe in another thread, if the URL cannot be opened.
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
        # Without -P a webbrowser.py in the working directory would be run.
        return [sys.executable, "-P", "-c", SCRIPT, url]
    if opener.endswith(".exe"):
        # No shell may interpret an & in the URL: neither cmd.exe nor PowerShell parses an encoded, quoted command.
        script = "Start-Process '{}'".format(url.replace("'", "''"))
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        return [opener, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]
    return [opener, url]
