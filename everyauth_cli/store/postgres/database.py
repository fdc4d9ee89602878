"""Statements to a PostgreSQL server, each bounded in time and whole by itself, over a few connections kept open."""

from __future__ import annotations

import functools
import os
import time
import weakref
from collections.abc import Callable
from typing import Any

from psycopg import Error, errors
from psycopg.conninfo import conninfo_to_dict

from everyauth_cli.errors import ConfigurationProblem, StoreError, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.sanitize import printable, without_secrets
from everyauth_cli.store.at_once import check_may_wait
from everyauth_cli.store.postgres.schema import OWNERS, SCHEMA, VERSION, check_owners, check_version
from everyauth_cli.store.postgres.session import Session
from everyauth_cli.store.table import Values
from everyauth_cli.urls import LOOPBACK_HOSTS

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10.0
MOST_OPEN = 8
"""Connections of one process at most; a server takes a hundred, of all processes together."""

PAUSE = 0.1
WAIT = 0.002
ALONE = "LOCK TABLE everyauth_records IN SHARE MODE"
VERIFIED = "verify-full"

# SQLSTATEs. Those of a server that is going away, or only reads since another took its place (25006):
MOVED_AWAY = ("25006", "57P01", "57P02", "57P03")
# of a statement that others were in the way of, and was undone:
IN_THE_WAY = ("40001", "40P01")
# and of one that was prepared on another connection of a pooler.
NOT_PREPARED = ("26000", "42P05")
# A server that refuses a connection gives its reason in words alone; these pass.
PASSING = ("too many", "remaining connection slots", "starting up", "shutting down", "not yet accepting connections")


class PostgresDatabase:
    """A server's database, connected to when it is first needed; threads may share one, and so may forks.

    `warn` gets one warning of a server that is not verified. Raises `StoreUnavailable` when it does not answer in time
    or refuses, `StoreError` when its tables are not ours.
    """

    by_user = ""
    exists = True  # as far as is known without a statement

    def __init__(
        self,
        url: Secret[str],
        *,
        shown: str,
        statement_seconds: float = STATEMENT_SECONDS,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.shown = shown
        self._url = url
        self._seconds = statement_seconds
        self._warn = warn
        self._prepares = True
        self._checked = False
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._idle: list[Session] = []
        self._slots: list[None] = [None] * MOST_OPEN
        # Last: another thread of a fork that sees it takes from the new list.
        self._pid = os.getpid()
        weakref.finalize(self, _close, self._idle, self._pid)

    def run(self, statement: str, values: Values = (), *, seconds: float | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if it has any, within so many seconds or the usual ones.

        Every statement has to be one that may be run twice: it is after a lost response.
        """
        return self._done(statement, values, seconds)[0]

    def change(self, statement: str, values: Values = (), *, lasting: bool = True) -> int:  # noqa: ARG002 - the server's
        return self._done(statement, values, None)[1]

    def change_alone(self, statement: str, values: Values = ()) -> None:
        """Run a statement when no change of a record is under way: who begins one later sees what it changed."""
        self._done(statement, values, None, after=ALONE)

    def _done(
        self, statement: str, values: Values, seconds: float | None, *, after: str | None = None
    ) -> tuple[list[Any], int]:
        check_may_wait()
        try:
            if not self._checked:
                self._check_schema()
            return self._attempted(_with_places(statement), values, seconds, after=after)
        except Error as error:
            raise self._explained(error) from None

    def _check_schema(self) -> None:
        check_owners(self.shown, self._attempted(OWNERS)[0])
        try:
            found = self._attempted(VERSION)[0]
        except errors.UndefinedTable:
            self._attempted(SCHEMA, None)
            found = self._attempted(VERSION)[0]
        check_version(self.shown, found)
        self._checked = True

    def _attempted(
        self, statement: str, values: Values | None = (), seconds: float | None = None, *, after: str | None = None
    ) -> tuple[list[Any], int]:
        """Run it, again where others were in the way, and once on a new session where the server has moved away."""
        until = time.monotonic() + (seconds or self._seconds)
        moved = False
        while True:
            session = None
            try:
                session = self._acquire(until)
                try:
                    return session.run(statement, values, seconds=max(0.0, until - time.monotonic()), after=after)
                finally:
                    self._release(session)
            except TimeoutError:
                raise self._out_of_time(seconds) from None
            except Error as error:
                state = error.sqlstate
                if state in IN_THE_WAY and time.monotonic() < until:
                    time.sleep(PAUSE)
                elif state in NOT_PREPARED and self._prepares:
                    # A pooler is in between, under which the next statement may be on another connection.
                    self._prepares = False
                    self._close_idle()
                elif moved or not _has_ended(error, session):
                    raise
                else:
                    # The others that are kept lead to the same server.
                    moved = True
                    self._close_idle()

    def _out_of_time(self, seconds: float | None) -> StoreUnavailable:
        # Those that are kept may be cut off as well, and each would have to be waited for.
        self._close_idle()
        return StoreUnavailable(
            f"{self.shown} did not answer within {seconds or self._seconds:g} s",
            hint="see how the server is, and try again",
        )

    def _acquire(self, until: float) -> Session:
        """A session of one thread's own, waited for where as many as may be are in use. Raises `TimeoutError`."""
        if self._pid != os.getpid():
            # After a fork both processes hold the same sockets; only the parent may use or close them.
            inherited = self._idle
            self._begin_anew()
            _let_go(inherited)
        # A list, which threads take from one at a time; a semaphore costs as much as a statement's other half.
        while not self._slots or not _taken(self._slots):
            if time.monotonic() >= until:
                raise TimeoutError
            time.sleep(WAIT)
        try:
            return self._take() or self._connect(until)
        except BaseException:
            self._slots.append(None)
            raise

    def _release(self, session: Session) -> None:
        self._give_back(session)
        self._slots.append(None)

    def _take(self) -> Session | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, session: Session) -> None:
        if session.closed or self._pid != os.getpid():
            session.close()
        else:
            self._idle.append(session)

    def _close_idle(self) -> None:
        while kept := self._take():
            kept.close()

    def _connect(self, until: float) -> Session:
        while True:
            try:
                return self._connected(until)
            except Error as error:
                # Too many others are connected, or it has only begun to start.
                if time.monotonic() + PAUSE >= until or not any(words in str(error) for words in PASSING):
                    raise
            time.sleep(PAUSE)

    def _connected(self, until: float) -> Session:
        try:
            session = Session.connect(**self._options, autocommit=True)
        except errors.ProgrammingError:
            raise self._meaningless() from None
        if not self._prepares or self._is_behind_pooler(session, until):
            session.prepare_threshold = None
        return session

    def _is_behind_pooler(self, session: Session, until: float) -> bool:
        """Whether another process answers than the one that was connected to.

        Under a pooler a statement that was prepared by its name may be another's on the server's next connection.
        """
        rows, _ = session.run("SELECT pg_backend_pid()", (), seconds=max(0.0, until - time.monotonic()))
        return bool(rows[0][0] != session.info.backend_pid)

    @functools.cached_property
    def _options(self) -> dict[str, Any]:
        """The options of a connection. Raises `ConfigurationProblem` for a URL that means nothing."""
        defaults: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "everyauth"}
        try:
            options = {**defaults, **conninfo_to_dict(self._url.reveal()), "client_encoding": "utf8"}
        except errors.ProgrammingError:
            raise self._meaningless() from None
        if not _is_verified(options):
            self._warn(
                f"{self.shown} is not verified: whoever is between could read and change what is sent; "
                "add ?sslmode=verify-full"
            )
        return options

    def _meaningless(self) -> ConfigurationProblem:
        return ConfigurationProblem(
            f"{self.shown} is not a PostgreSQL URL", hint="postgresql://USER@HOST/DATABASE?sslmode=verify-full"
        )

    def _explained(self, error: Error) -> StoreError:
        secrets = [self._options.get("password"), self._options.get("sslpassword")]
        text = without_secrets(str(error), *(Secret(str(value)) for value in secrets if value))
        reason = printable(text.strip().partition("\n")[0]) or type(error).__name__
        if isinstance(error, errors.InsufficientPrivilege):
            return StoreUnavailable(
                f"{self.shown} refuses: {reason}",
                hint="let that role make tables once, or grant it all rights on the tables everyauth_*",
            )
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return StoreUnavailable(
                f"{self.shown} takes no change: {reason}", hint="name the primary server, and a role that may write"
            )
        if isinstance(error, errors.DiskFull):
            return StoreUnavailable(
                f"{self.shown} is full: {reason}", hint="make room on the server's disk, then try again"
            )
        if isinstance(error, (errors.OperationalError, errors.InterfaceError)):
            return StoreUnavailable(
                f"{self.shown} cannot be used: {reason}",
                hint="see that the server runs and takes that user; a password belongs in PGPASSFILE's file",
            )
        return StoreError(
            f"{self.shown} is not as everyauth made it: {reason}", hint="choose another: everyauth store use URL"
        )


def _taken(slots: list[None]) -> bool:
    try:
        slots.pop()
    except IndexError:
        return False
    return True


@functools.cache
def _with_places(statement: str) -> str:
    return statement.replace("?", "%s")


def encoded(part: str) -> str:
    """A part of a key as PostgreSQL can hold it: its texts hold any character but the null one."""
    return part.replace("%", "%25").replace("\0", "%00")


def decoded(part: str) -> str:
    return part.replace("%00", "\0").replace("%25", "%")


def _has_ended(error: Error, session: Session | None) -> bool:
    """Whether a session ended, or leads to a server that another has taken the place of."""
    return error.sqlstate in MOVED_AWAY or (session is not None and session.closed)


def _is_verified(options: dict[str, Any]) -> bool:
    """Whether no other host can be in between: on this machine, or by the server's certificate and name."""
    hosts = str(options.get("host") or options.get("hostaddr") or "").split(",")
    local = all(host in ("", *LOOPBACK_HOSTS) or host.startswith(("/", "@")) for host in hosts)
    return local or options.get("sslmode") == VERIFIED


def _let_go(inherited: list[Session]) -> None:
    """Close a parent's connections in its child, without a word to the server: it would end them for the parent."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for session in inherited:
        if not session.closed:
            os.dup2(nowhere, session.fileno())
            session.close()
    os.close(nowhere)


def _close(idle: list[Session], pid: int) -> None:
    while idle and pid == os.getpid():
        idle.pop().close()
