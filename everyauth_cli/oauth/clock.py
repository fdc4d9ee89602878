"""A clock that is wrong, as the cause of a refused assertion: the server's Date shows it (RFC 9110 section 6.6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from everyauth_cli.errors import ClientRejected, InvalidGrant
from everyauth_cli.model import Response, Service
from everyauth_cli.oauth.grant import RepeatedGrant
from everyauth_cli.services.rules import SIGNING_METHODS

SECONDS = 30
"""A clock that is no more wrong than this does not make an assertion invalid."""
MINUTE = 60


@contextmanager
def clock_explained(
    service: Service, response: Response, repeated: RepeatedGrant | None, *, now: int
) -> Iterator[None]:
    """Name a wrong clock in the error of a refused assertion that our key signed at `now` (milliseconds).

    Raises what is raised in its block.
    """
    is_ours = repeated is not None and repeated.is_signed_by_us
    signs_in = service.token_endpoint_auth_method in SIGNING_METHODS
    try:
        yield
    except (InvalidGrant, ClientRejected) as error:
        is_signed = is_ours if isinstance(error, InvalidGrant) else signs_in
        ahead = _seconds_ahead(response, now=now) if is_signed else 0
        if abs(ahead) <= SECONDS:
            raise
        relation = f"{_words(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'}"
        message = f"{error.message}; the clock of this machine is {relation} {service.name}'s"
        raise error.copy(message=message, hint="set the clock of this machine, and try again") from None


def _seconds_ahead(response: Response, *, now: int) -> int:
    """Return by how many seconds our clock is ahead of a response's Date; 0 where it has none that can be read."""
    from email.utils import parsedate_to_datetime

    try:
        return round(now / 1000 - parsedate_to_datetime(response.date or "").timestamp())
    except (ValueError, OverflowError):
        return 0


def _words(seconds: int) -> str:
    return f"{seconds} s" if seconds < 2 * MINUTE else f"{round(seconds / MINUTE)} minutes"
