"""Opens the user's browser in a process of its own, which gets none of our secrets and none of our streams."""

from __future__ import annotations

import subprocess
import sys

from everyauth_cli.settings import child_environment

SCRIPT = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"


def open_browser(url: str) -> None:
    """Open a URL; returns at once, since some browsers run until they are closed."""
    subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", SCRIPT, url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )
