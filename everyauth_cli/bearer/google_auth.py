"""Credentials of Google's own client libraries, with a current access token."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

from google.auth.credentials import Credentials

from everyauth_cli.errors import LifetimeTooShort, RejectedAlthoughNew
from everyauth_cli.model import Secret
from everyauth_cli.store.credential import Credential

MARGIN_MS = 240_000
"""Google's libraries count a token as expired 225 s before it is."""


class GoogleCredentials(Credentials):
    """Credentials of `google-auth` that get the current access token for each request.

    After a 401 the libraries call `refresh`, which gets another token. A token has 4 minutes left at least, as they
    want it, unless the service issues none that lives so long; such a token is current, although `valid` is False.
    """

    def __init__(self, current: Callable[..., Credential]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._current = current

    def before_request(self, request: Any, method: str, url: str, headers: MutableMapping[str, str]) -> None:  # noqa: ANN401, ARG002 - theirs
        self._take()
        self.apply(headers)  # type: ignore[no-untyped-call]

    def refresh(self, request: Any) -> None:  # noqa: ANN401, ARG002 - theirs
        with suppress(RejectedAlthoughNew):
            self._take(rejected=None if self.token is None else Secret(self.token))

    def _take(self, rejected: Secret[str] | None = None) -> None:
        try:
            credential = self._current(rejected=rejected, min_ttl=MARGIN_MS)
        except LifetimeTooShort:
            credential = self._current(rejected=rejected)
        self.token = credential.access_token
        # Theirs are times in UTC that do not say so.
        self.expiry = credential.expires_at and credential.expires_at.replace(tzinfo=None)
