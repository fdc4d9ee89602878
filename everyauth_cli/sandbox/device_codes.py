"""The codes of the device authorization grant (RFC 8628): issued, decided on a page, and polled for."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from everyauth_cli.sandbox.client_authentication import required
from everyauth_cli.sandbox.grants import Grant, OAuthError, is_proved_by

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, and no letters that look alike (RFC 8628 section 6.1)."""
HALF = 4
SLOWER_SECONDS = 5
TOLERANCE_MS = 100
"""A poll may be early by this: the clocks of two processes are read one after the other."""


@dataclass(slots=True, kw_only=True)
class DeviceCode:
    """A device code: its request, the decision of the user, and the pace at which it may be polled for.

    Times are milliseconds since the epoch. A code without a `grant` is not decided; `denied` says how it was.
    """

    device_code: str = field(repr=False)
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    code_challenge: str | None
    expires_at: int
    interval: int
    polled_at: int
    grant: Grant | None = None
    denied: bool = False

    @property
    def is_decided(self) -> bool:
        return self.denied or self.grant is not None


class DeviceCodes:
    """The device codes of one service; `lifetime` and `interval` are seconds. Any thread may call any method."""

    def __init__(self, *, clock: Callable[[], int], lifetime: int, interval: int) -> None:
        self.lifetime, self.interval = lifetime, interval
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, DeviceCode] = {}

    def issue(self, client_id: str, scopes: tuple[str, ...], *, code_challenge: str | None = None) -> DeviceCode:
        """Issue the codes of a request (RFC 8628 section 3.2)."""
        letters = "".join(secrets.choice(ALPHABET) for _ in range(2 * HALF))
        now = self._clock()
        code = DeviceCode(
            device_code=secrets.token_urlsafe(32),
            user_code=f"{letters[:HALF]}-{letters[HALF:]}",
            client_id=client_id,
            scopes=scopes,
            code_challenge=code_challenge,
            expires_at=now + self.lifetime * 1000,
            interval=self.interval,
            polled_at=now,
        )
        with self._lock:
            self._codes[code.device_code] = code
        return code

    def of_user_code(self, user_code: str) -> DeviceCode:
        """Return the code that waits for a user's decision, however the user typed it; raises `OAuthError`."""
        typed, now = _letters(user_code), self._clock()
        with self._lock:
            waiting = [code for code in self._codes.values() if not code.is_decided and now < code.expires_at]
        found = next((code for code in waiting if _letters(code.user_code) == typed), None)
        if found is None:
            raise OAuthError("invalid_request", "There is no such code, or it has expired or was used before.")
        return found

    def allow(self, user_code: str, *, user: str) -> None:
        """Grant a request for `user`; raises `OAuthError`."""
        code = self.of_user_code(user_code)
        code.grant = Grant(id=str(uuid.uuid4()), client_id=code.client_id, user=user, scopes=code.scopes)

    def deny(self, user_code: str) -> None:
        """Deny a request; raises `OAuthError`."""
        self.of_user_code(user_code).denied = True

    def redeemed(self, client_id: str, form: Mapping[str, str]) -> Grant:
        """Return what a user has granted for a poll, once; raises `OAuthError` (RFC 8628 section 3.5)."""
        value = required(form, "device_code")
        with self._lock:
            code = self._codes.get(value)
            if code is None or code.client_id != client_id:
                raise OAuthError("invalid_grant", "The device code is not valid.")
            self._check_pace(code)
            if self._clock() >= code.expires_at:
                raise OAuthError("expired_token", "The device code has expired.")
            if code.denied:
                raise OAuthError("access_denied", "The user denied the request.")
            if code.grant is None:
                raise OAuthError("authorization_pending", "The user has not decided yet.")
            if not is_proved_by(code.code_challenge, form.get("code_verifier", "")):
                raise OAuthError("invalid_grant", "The code_verifier does not match the code_challenge.")
            del self._codes[value]
            return code.grant

    def _check_pace(self, code: DeviceCode) -> None:
        now = self._clock()
        early, code.polled_at = code.polled_at + code.interval * 1000 - now, now
        if early > TOLERANCE_MS:
            code.interval += SLOWER_SECONDS
            raise OAuthError("slow_down", "The client polls too fast.", interval=code.interval)


def _letters(user_code: str) -> str:
    return "".join(letter for letter in user_code.upper() if letter in ALPHABET)
