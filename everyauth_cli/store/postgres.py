"""Statements to a PostgreSQL server, each bounded in time and whole by itself, over a few connections kept open."""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from everyauth_cli.errors import ConfigurationProblem, StoreError, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.sanitize import printable
from everyauth_cli.store.postgres_session import Session

if TYPE_CHECKING:
    from psycopg import Error

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10.0
KEPT_OPEN = 8

SCHEMA_VERSION = 1
VERSION = "SELECT version FROM everyauth_schema"
# The number is ours ("everyau"): two that start at once make the tables one after the other.
SCHEMA = """
SELECT pg_advisory_xact_lock(28559150732108149);
CREATE TABLE IF NOT EXISTS everyauth_records (
    profile TEXT COLLATE "C", kind TEXT COLLATE "C", service TEXT COLLATE "C", tenant TEXT COLLATE "C",
    username TEXT COLLATE "C", public TEXT NOT NULL,
    PRIMARY KEY (profile, kind, service, tenant, username)
);
CREATE INDEX IF NOT EXISTS everyauth_records_by_user ON everyauth_records (profile, kind, username);
CREATE TABLE IF NOT EXISTS everyauth_sealed (name TEXT COLLATE "C" PRIMARY KEY, cell BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS everyauth_leases (
    name TEXT COLLATE "C" PRIMARY KEY, owner TEXT NOT NULL, deadline TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS everyauth_schema (version INTEGER NOT NULL);
INSERT INTO everyauth_schema SELECT 1 WHERE NOT EXISTS (SELECT FROM everyauth_schema);
"""


class Database:
    """A server's database, connected to when it is first needed; threads may share one, and so may forks.

    Raises `StoreUnavailable` when it does not answer in time or refuses, `StoreError` when what is there is not ours.
    """

    def __init__(self, url: Secret[str], *, shown: str, statement_seconds: float = STATEMENT_SECONDS) -> None:
        self.shown = shown
        self._url = url
        self._seconds = statement_seconds
        self._prepares = True
        self._idle: list[Session] = []
        self._checked = False
        self._pid = os.getpid()
        weakref.finalize(self, _close, self._idle, self._pid)

    def run(
        self, statement: str, values: Sequence[object] = (), *, seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if it has any, within so many seconds or the usual ones.

        Every statement has to be one that may be run twice: it is when the connection turns out to be an old dead one.
        """
        psycopg = self._psycopg
        try:
            if not self._checked:
                self._check_schema()
            return self._run(statement, values, seconds)
        except psycopg.Error as error:
            raise self._explained(error) from None

    def _check_schema(self) -> None:
        try:
            found = self._run(VERSION)
        except self._psycopg.errors.UndefinedTable:
            self._run(SCHEMA, None)
            found = self._run(VERSION)
        if found != [(SCHEMA_VERSION,)]:
            raise StoreError(
                f"{self.shown} was written by another version of everyauth (schema {found})",
                hint="use that version, or choose another database with `everyauth store use`",
            )
        self._checked = True

    def _run(
        self, statement: str, values: Sequence[object] | None = (), seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        seconds = seconds or self._seconds
        while kept := self._take():
            try:
                return self._run_on(kept, statement, values, seconds)
            except self._psycopg.Error:
                # Else the server ended it while it lay idle, as servers and proxies do, or it was of no use.
                if not kept.closed:
                    raise
        return self._run_on(self._connect(), statement, values, seconds)

    def _run_on(
        self, session: Session, statement: str, values: Sequence[object] | None, seconds: float
    ) -> list[tuple[Any, ...]]:
        try:
            # The statements are constants of this package; values travel apart from them.
            return session.run(statement, values, seconds=seconds, prepares=self._prepares)
        except (
            self._psycopg.errors.DuplicatePreparedStatement,
            self._psycopg.errors.InvalidSqlStatementName,
        ):
            # A pooler stands between, under which the next statement may be on another connection to the server.
            self._prepares = False
            session.close()
            raise
        except TimeoutError:
            # Those that are kept may be cut off as well, and each would have to be waited for.
            while kept := self._take():
                kept.close()
            raise StoreUnavailable(
                f"{self.shown} did not answer within {seconds:g} s", hint="see how the server is, and try again"
            ) from None
        finally:
            self._give_back(session)

    def _connect(self) -> Session:
        from psycopg import Connection
        from psycopg.conninfo import conninfo_to_dict
        from psycopg.errors import ProgrammingError

        defaults: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "everyauth"}
        try:
            options = conninfo_to_dict(self._url.reveal())
            return Session(Connection.connect(**{**defaults, **options, "client_encoding": "utf8"}, autocommit=True))
        except ProgrammingError:
            raise ConfigurationProblem(
                f"{self.shown} is no PostgreSQL URL", hint="postgresql://USER@HOST/DATABASE?sslmode=verify-full"
            ) from None

    def _take(self) -> Session | None:
        if self._pid != os.getpid():
            # After a fork both processes hold the same sockets; only the parent may use or close them.
            inherited, self._idle = self._idle, []
            # Last: another thread of the child that sees it takes from the new list.
            self._pid = os.getpid()
            _let_go(inherited)
            weakref.finalize(self, _close, self._idle, self._pid)
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, session: Session) -> None:
        if session.closed or self._pid != os.getpid():
            session.close()
            return
        # Kept first and counted then: threads that count first would all find room for one more.
        self._idle.append(session)
        if len(self._idle) > KEPT_OPEN and (spare := self._take()):
            spare.close()

    @functools.cached_property
    def _psycopg(self) -> ModuleType:
        """The library, loaded when it is first needed and looked for once."""
        try:
            import psycopg
        except ImportError:
            raise StoreUnavailable(
                "PostgreSQL needs the package psycopg, which is not installed",
                hint="pip install 'everyauth-cli[postgres]'",
            ) from None
        return psycopg

    def _explained(self, error: Error) -> StoreError:
        import psycopg

        reason = printable(str(error).strip().partition("\n")[0]) or type(error).__name__
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return StoreUnavailable(
                f"{self.shown} refuses: {reason}",
                hint="let that role make tables once, or grant it all rights on the tables everyauth_*",
            )
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            return StoreUnavailable(
                f"{self.shown} takes no change: {reason}", hint="name the primary server, and a role that may write"
            )
        if isinstance(error, psycopg.errors.DiskFull):
            return StoreUnavailable(
                f"{self.shown} is full: {reason}", hint="make room on the server's disk, then try again"
            )
        if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            return StoreUnavailable(
                f"{self.shown} cannot be used: {reason}",
                hint="see that the server runs and takes that user; a password belongs in PGPASSFILE's file",
            )
        return StoreError(
            f"{self.shown} is not as everyauth made it: {reason}", hint="choose another with `everyauth store use`"
        )


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
