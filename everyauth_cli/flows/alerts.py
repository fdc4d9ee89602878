"""Tells a command or a webhook of the user's choosing that an identity is gone, at least once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any
from urllib.parse import urlsplit

from everyauth_cli.errors import AlertFailed, EveryAuthError
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import Identity, Request, Response, Secret
from everyauth_cli.sanitize import printable, redact
from everyauth_cli.settings import Settings, child_environment
from everyauth_cli.store.identities import find_unreported, key_of, read_identity, save_identity
from everyauth_cli.store.records import Store

LOGIN_REQUIRED = "identity.login_required"
TEST = "test"
COMMAND_SECONDS = 10.0
ROUND_MS = 60_000
"""After which no further report is begun: a receiver that hangs must not hold up a timer's run for each of many."""

Deliver = Callable[[Mapping[str, Any]], None]
"""Brings an event, which is JSON, to where alerts go; raises `AlertFailed`."""


def event(what: str, identity: Identity) -> dict[str, Any]:
    """An event as it is told, the public half of an identity in it."""
    return {"eventId": event_id(identity), "event": what, "identity": as_json(identity)}


def event_id(identity: Identity) -> str:
    """The same for every report of one end of one identity, whoever makes it, so that a receiver can drop doubles."""
    since = identity.login_required.since if identity.login_required else 0
    return "evt-" + hashlib.sha256(f"{identity.id} {since}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Reports what is gone in one profile, and notes what was reported. `clock` gives milliseconds since the epoch."""

    store: Store
    profile: str
    deliver: Deliver
    clock: Callable[[], int]

    def report(self, *, since: int = 0) -> list[EveryAuthError]:
        """Report what has gone since that moment and was not reported yet; what fails stays for the next time."""
        failures, began = list[EveryAuthError](), self.clock()
        for identity in pending(self.store, self.profile, since=since):
            if self.clock() - began > ROUND_MS:
                break
            try:
                self.deliver(event(LOGIN_REQUIRED, identity))
                self._note(identity)
            except EveryAuthError as error:
                failures.append(error)
        return failures

    def _note(self, identity: Identity) -> None:
        key = key_of(self.profile, identity)
        with self.store.lock(key):
            stored = read_identity(self.store, key)
            ended = stored.identity.login_required if stored else None
            # After a new login there is nothing to note it at.
            if stored and ended and identity.login_required and ended.since == identity.login_required.since:
                reported = replace(stored.identity, login_required=replace(ended, reported_at=self.clock()))
                save_identity(self.store, key, replace(stored, identity=reported))


def pending(store: Store, profile: str, *, since: int = 0) -> list[Identity]:
    """The identities of a profile that have gone since that moment, and whose end was not reported."""
    return [identity for _, identity in find_unreported(store, profile, since=since)]


def receiver(settings: Settings, send: Callable[[Request], Response]) -> Deliver | None:
    """What the settings say alerts go to, None where they go nowhere."""
    if settings.alert_command:
        return to_command(settings.alert_command)
    return to_webhook(settings.alert_webhook, send) if settings.alert_webhook else None


def to_command(argv: Sequence[str], *, seconds: float = COMMAND_SECONDS) -> Deliver:
    """A command that is given each event on standard input: no shell, no secret in its environment."""

    def deliver(told: Mapping[str, Any]) -> None:
        # A file, because a pipe would stay open as long as anything that the command has left behind.
        with tempfile.TemporaryFile() as output:
            try:
                code = _run(argv, json.dumps(told).encode(), output, seconds)
            except subprocess.TimeoutExpired:
                raise AlertFailed(f"{argv[0]} did not end within {seconds:g} s, and was ended") from None
            except OSError as error:
                raise AlertFailed(f"{argv[0]} cannot be run: {error.strerror}", hint="everyauth alerts set") from None
            if code != 0:
                raise AlertFailed(f"{argv[0]} ended with exit code {code}{_said(output)}", hint="everyauth alerts test")

    return deliver


def to_webhook(url: Secret[str], send: Callable[[Request], Response]) -> Deliver:
    """A URL that each event is posted to as JSON; any answer of 2xx says that it has arrived."""
    parts = urlsplit(url.reveal())
    # Who knows the path of a webhook can post there, so only the host is ever shown.
    origin = f"{parts.scheme}://{parts.netloc}"
    rest = Secret(url.reveal().removeprefix(origin))

    def deliver(told: Mapping[str, Any]) -> None:
        try:
            answer = send(Request(url=origin, rest=rest, document=told))
        except EveryAuthError as error:
            raise AlertFailed(f"the webhook was not reached: {error.message}") from None
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
            raise AlertFailed(f"the webhook at {parts.hostname} answers HTTP {answer.status}")

    return deliver


def _run(argv: Sequence[str], told: bytes, output: IO[bytes], seconds: float) -> int:
    with subprocess.Popen(  # noqa: S603 - the command that the user chose, without a shell
        argv,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=child_environment(),
        # A group of its own, which is ended as a whole, and which Ctrl-C does not reach.
        start_new_session=True,
    ) as process:
        try:
            process.communicate(told, timeout=seconds)
        except BaseException:
            _end(process)
            raise
        return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _said(output: IO[bytes]) -> str:
    """The last that a command has said, for whoever has to find out why it failed."""
    output.seek(max(output.seek(0, os.SEEK_END) - 300, 0))
    said = printable(redact(output.read().decode(errors="replace")))
    return f": {said}" if said else ""
