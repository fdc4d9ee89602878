"""The logins that one command begins: one, and another each time that the person comes too late for its URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from everyauth_cli.model import Service
from everyauth_cli.oauth.authorization_code import has_issuer_of, has_state_of
from everyauth_cli.redirect.waiter import Query

if TYPE_CHECKING:
    from everyauth_cli.oauth.authorization_code import PendingLogin

ENOUGH_SECONDS = 10
"""The time that a person needs to open a URL."""


class BegunLogins:
    """The logins that wait for their response, any of which may end the wait.

    `begin` begins one, `authorization_url` returns its URL, and `clock` gives milliseconds since the epoch. The URL of
    a pushed request (RFC 9126) is good for a minute or so, and once.
    """

    def __init__(
        self,
        begin: Callable[[], PendingLogin],
        service: Service,
        *,
        authorization_url: Callable[[PendingLogin], str],
        clock: Callable[[], int],
    ) -> None:
        self._service = service
        self._begin, self._authorization_url, self._clock = begin, authorization_url, clock
        self._logins = [begin()]

    @property
    def url(self) -> str:
        """The authorization URL of the newest login."""
        return self._authorization_url(self._logins[-1])

    @property
    def seconds(self) -> int | None:
        """The time for which that URL is good; None where no end is known."""
        expires_at = self._logins[-1].request_expires_at
        return None if expires_at is None else (expires_at - self._clock()) // 1000

    @property
    def expires(self) -> bool:
        """Whether the URL is good for a while only."""
        return self._logins[-1].request_uri is not None

    def renew(self) -> None:
        """Begin another login if hardly any time is left to open the URL. Raises what `EveryAuth.begin` does."""
        if self.seconds is not None and self.seconds < ENOUGH_SECONDS:
            self._logins.append(self._begin())

    def owns(self, query: Query) -> bool:
        """Whether a query is the authorization response of one of the logins."""
        return any(has_state_of(pending, query) for pending in self._logins)

    def has_issuer(self, query: Query) -> bool:
        """Whether a query names no other issuer than that of these logins, all of which began at the same one."""
        return has_issuer_of(self._service, self._logins[0], query)

    def of(self, query: Query) -> PendingLogin:
        """Return the login that such a query belongs to."""
        return next(pending for pending in self._logins if has_state_of(pending, query))
