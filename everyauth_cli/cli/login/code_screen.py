"""The lines that a login with a device code shows while the user enters it elsewhere."""

from __future__ import annotations

from everyauth_cli.cli.clipboard import copy_to_clipboard
from everyauth_cli.cli.durations import span
from everyauth_cli.cli.qr_code import show_qr_code
from everyauth_cli.cli.style import Style
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.oauth.device_authorization import DeviceAuthorization
from everyauth_cli.urls import is_loopback

ROUND_MS = 2000
"""The most that the request has taken of the code's lifetime, which is shown as the service stated it."""
OTHER_LINES = 7
"""The lines of this screen besides the QR code."""


class CodeScreen:
    """The lines of one code: where it is entered, the code itself, and for how long it is valid."""

    def __init__(self, terminal: Terminal, codes: DeviceAuthorization, *, seconds: float | None) -> None:
        self._terminal, self._codes, self._seconds = terminal, codes, seconds

    def begin(self, *, reason: str) -> None:
        """Show the code; `reason` is the beginning of a sentence that says why one is used."""
        terminal, codes = self._terminal, self._codes
        is_here = is_loopback(codes.verification_uri)
        place = "in a browser on this machine" if is_here else "on any device"
        if reason:
            terminal.info(f"{reason}, so log in with a code{'' if is_here else f' {place}'}.")
        terminal.instruct(f"Open {codes.verification_uri} {place}, and enter the code:")
        terminal.instruct("")
        terminal.show(f"    {codes.user_code}", style=Style.heading)
        terminal.instruct("")
        is_scanned = not (is_here or terminal.as_json) and self._show_qr_code()
        if codes.verification_uri_complete and not is_scanned:
            terminal.instruct("Or open this, and check that the page shows the same code:")
            terminal.instruct(codes.verification_uri_complete)
        copied = terminal.can_ask and copy_to_clipboard(codes.user_code)
        bound = "" if self._seconds is None else f" {span(round(self._seconds * 1000))}"
        terminal.instruct(f"The code is {'in the clipboard, and ' * copied}valid for {self._left}. Waiting{bound} ...")

    def remind(self) -> None:
        """Say what is waited for, to a user who has pressed Enter."""
        self._terminal.instruct(f"Still waiting: the code {self._codes.user_code} is valid for {self._left}.")

    def _show_qr_code(self) -> bool:
        codes = self._codes
        complete = codes.verification_uri_complete
        about = "Or scan this, and check that the page shows the same code:" if complete else "Or scan this:"
        return show_qr_code(self._terminal, complete or codes.verification_uri, about=about, other_lines=OTHER_LINES)

    @property
    def _left(self) -> str:
        return span(self._codes.expires_at - now_ms() + ROUND_MS)
