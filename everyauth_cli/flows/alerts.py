"""Reports to a command or a webhook of the user's choice that an identity needs a login, at least once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from everyauth_cli.errors import AlertFailed, EveryAuthError
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import Identity, Request, Response, Secret
from everyauth_cli.private_files import check_owners
from everyauth_cli.sanitize import printable, redact
from everyauth_cli.settings import Settings, child_environment
from everyauth_cli.store.identities import find_unreported, key_of, read_identity, save_identity
from everyauth_cli.store.records import Store

COMMAND_SECONDS = 10.0
LONGEST_RUN_MS = 60_000
"""After this time no further report is begun, so that a receiver that hangs delays a timer's run once, not often."""

Deliver = Callable[[Mapping[str, Any]], None]
"""Delivers an event, which is JSON, to where alerts go; raises `AlertFailed`."""


class AlertEvent(StrEnum):
    """An event that is reported."""

    LOGIN_REQUIRED = "identity.login_required"
    TEST = "test"


def event(name: AlertEvent, identity: Identity) -> dict[str, Any]:
    """Return an event as JSON, with the identity's metadata."""
    return {"eventId": event_id(identity), "event": name, "identity": as_json(identity)}


def event_id(identity: Identity) -> str:
    """Return the same id for every report of one ended grant, so that a receiver can drop duplicates."""
    import hashlib  # not at start-up: OpenSSL behind it costs a third of a bare Python

    since = identity.login_required.since if identity.login_required else 0
    return "evt-" + hashlib.sha256(f"{identity.id} {since}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Reports the ended grants of one profile, and marks them as reported.

    `clock` gives milliseconds since the epoch.
    """

    store: Store
    profile: str
    deliver: Deliver
    clock: Callable[[], int]

    def report(self, *, since: int = 0) -> list[EveryAuthError]:
        """Report the grants that ended since that time (milliseconds) and were not reported; return the failures.

        A report that fails is repeated by the next run.
        """
        failures, began = list[EveryAuthError](), self.clock()
        for identity in pending(self.store, self.profile, since=since):
            if self.clock() - began > LONGEST_RUN_MS:
                break
            try:
                self.deliver(event(AlertEvent.LOGIN_REQUIRED, identity))
                self._mark(identity)
            except EveryAuthError as error:
                failures.append(error)
        return failures

    def _mark(self, identity: Identity) -> None:
        key = key_of(self.profile, identity)
        with self.store.lock(key):
            stored = read_identity(self.store, key)
            ended = stored.identity.login_required if stored else None
            # A new login has removed the mark.
            if stored and ended and _is_same_end(stored.identity, identity):
                reported = replace(stored.identity, login_required=replace(ended, reported_at=self.clock()))
                save_identity(self.store, key, replace(stored, identity=reported))


def _is_same_end(one: Identity, other: Identity) -> bool:
    ends = one.login_required, other.login_required
    return ends[0] is not None and ends[1] is not None and ends[0].since == ends[1].since


def pending(store: Store, profile: str, *, since: int = 0) -> list[Identity]:
    """Return the identities of a profile whose grant ended since that time, and whose end was not reported."""
    return [identity for _, identity in find_unreported(store, profile, since=since)]


def receiver(settings: Settings, send: Callable[[Request], Response]) -> Deliver | None:
    """Return the function that delivers alerts as the settings say, None where they go nowhere."""
    if settings.alert_command:
        return to_command(settings.alert_command)
    return to_webhook(settings.alert_webhook, send) if settings.alert_webhook else None


def to_command(argv: Sequence[str], *, seconds: float = COMMAND_SECONDS) -> Deliver:
    """Deliver each event to a command's standard input: no shell, no secret in its environment."""

    def deliver(document: Mapping[str, Any]) -> None:
        _check_owners(argv[0])
        import tempfile  # with random, it takes long to import, and most commands send no alert

        # A file, because a pipe would stay open as long as anything that the command leaves running.
        with tempfile.TemporaryFile() as output:
            try:
                code = _run(argv, json.dumps(document).encode(), output, seconds)
            except subprocess.TimeoutExpired:
                raise AlertFailed(f"{argv[0]} was killed: it did not end within {seconds:g} s") from None
            except OSError as error:
                raise AlertFailed(f"{argv[0]} cannot be run: {error.strerror}", hint="everyauth alerts set") from None
            if code != 0:
                raise AlertFailed(f"{argv[0]} ended with exit code {code}{_tail(output)}", hint="everyauth alerts test")

    return deliver


def to_webhook(url: Secret[str], send: Callable[[Request], Response]) -> Deliver:
    """Post each event to a URL as JSON; any 2xx response acknowledges it (RFC 9110 section 15.3)."""
    parts = urlsplit(url.reveal())
    # The path of a webhook is what allows to post there, so only the host is ever shown.
    origin = f"{parts.scheme}://{parts.netloc}"
    rest = Secret(url.reveal().removeprefix(origin))

    def deliver(document: Mapping[str, Any]) -> None:
        try:
            response = send(Request(url=origin, rest=rest, document=document))
        except EveryAuthError as error:
            raise AlertFailed(f"the webhook was not reached: {error.message}") from None
        if not 200 <= response.status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
            raise AlertFailed(f"the webhook at {parts.hostname} answered HTTP {response.status}")

    return deliver


def _check_owners(command: str) -> None:
    """Check that only root can change a command that root runs. Raises `ConfigurationProblem`."""
    if sys.platform != "win32" and os.geteuid() == 0:
        check_owners(Path(shutil.which(command) or command))


def _run(argv: Sequence[str], document: bytes, output: IO[bytes], seconds: float) -> int:
    with subprocess.Popen(  # noqa: S603 - the command that the user chose, without a shell
        argv,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=child_environment(),
        # A process group of its own, which is killed as a whole, and which Ctrl-C does not reach.
        start_new_session=True,
    ) as process:
        try:
            process.communicate(document, timeout=seconds)
        except BaseException:
            _kill(process)
            raise
        return process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _tail(output: IO[bytes]) -> str:
    """Return the last output of a command, which tells the user why it failed."""
    output.seek(max(output.seek(0, os.SEEK_END) - 300, 0))
    text = printable(redact(output.read().decode(errors="replace")))
    return f": {text}" if text else ""
