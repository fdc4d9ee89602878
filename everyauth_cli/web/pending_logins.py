"""Pending logins in cookies of the browsers that started them: encrypted, for ten minutes, redeemable once."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, TypedDict

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import LoginRequest, RecordKey, Secret
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.store.records import Query, Store
from everyauth_cli.store.sealed.sealer import Sealer
from everyauth_cli.web.sealed_values import seal, unseal, web_sealer

LIFETIME_SECONDS = 600
MAX_LOGINS = 5
"""The pending logins that a browser keeps at once; it sends all of them with each request to the app."""
MAX_COOKIE_BYTES = 4096
"""The size of a cookie's name and value that every browser accepts (RFC 6265bis section 5.6)."""
REPLAY_MARKER_KIND = "web-replay-marker"
CLEANUP_LIMIT = 50
"""One login in eight deletes up to this many expired replay markers, faster than they accrue."""


class Cookie(TypedDict):
    """A cookie as the keyword arguments of every framework's `set_cookie`."""

    key: str
    value: str
    max_age: int
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax"]


@dataclass(frozen=True, kw_only=True)
class PendingLogins:
    """The pending logins of one app at one service.

    The sealing key is in the store, so every worker that shares the store can read the cookies of the others. A login
    whose code was redeemed leaves a replay marker in the store until it expires; one that was only started leaves
    nothing. `clock` gives milliseconds since the epoch, `secure` means that the app is served by https.
    """

    store: Store
    profile: str
    clock: Callable[[], int]
    service: str
    redirect_uri: str
    secure: bool

    def add(self, pending: PendingLogin, cookies: Mapping[str, str]) -> list[Cookie]:
        """Return the cookie of a new login, after those that delete the oldest ones if the browser has too many.

        Raises `UsageProblem` if the cookie is too large for a browser, and `StoreError`.
        """
        name, request = self._name(pending.state), pending.request
        sealed = seal(self._sealer, self._associated_data(name, str(request.started_at)), _to_json(pending))
        value = f"{request.started_at}.{sealed}"
        if len(name) + len(value) > MAX_COOKIE_BYTES:
            parts = {"scope": request.scope, "user": request.user, "tenant": request.tenant}
            longest = max(parts, key=lambda part: len(parts[part]))
            raise UsageProblem("the pending login is too large for a cookie", hint=f"use a shorter {longest}")
        is_ours = re.compile(self._prefix() + "[0-9a-f]{32}").fullmatch
        ours = sorted((_started_at(value), name) for name, value in cookies.items() if is_ours(name))
        oldest = ours[: max(0, len(ours) - (MAX_LOGINS - 1))]
        return [*(self._cookie(name, "", 0) for _, name in oldest), self._cookie(name, value, LIFETIME_SECONDS)]

    def find(self, state: Secret[str], cookies: Mapping[str, str]) -> PendingLogin | None:
        """Return the login with that state, if this browser started it at this app."""
        name = self._name(state)
        started_at, _, sealed = cookies.get(name, "").partition(".")
        text = unseal(self._sealer, self._associated_data(name, started_at), sealed) if sealed else None
        try:
            return None if text is None else _from_json(text)
        except (LookupError, TypeError, ValueError):
            return None  # another version of everyauth wrote it

    def has_expired(self, pending: PendingLogin) -> bool:
        return self.clock() >= _expires_at(pending)

    def claim(self, pending: PendingLogin) -> bool:
        """Store the login's replay marker; False if another request has stored it before."""
        key = self._markers._replace(tenant=_sortable(_expires_at(pending)), user=_digest(pending.state))
        # Digests are spread evenly: that of one state in eight begins like this.
        if key.user < "2":
            self._delete_expired_markers()
        return self.store.add(key, {"by": secrets.token_hex(8)})

    def deletion(self, state: Secret[str]) -> Cookie:
        """Return the cookie that makes the browser delete the login with that state."""
        return self._cookie(self._name(state), "", 0)

    def _name(self, state: Secret[str]) -> str:
        """Return the name of a login's own cookie: two tabs do not share one, and on https no subdomain can set it."""
        return self._prefix() + _digest(state)[:32]

    def _prefix(self) -> str:
        # On http a browser does not take the prefix, which demands Secure (RFC 6265bis section 4.1.3.2).
        return "__Host-everyauth-" if self.secure else "everyauth-"

    def _cookie(self, name: str, value: str, max_age: int) -> Cookie:
        return Cookie(
            key=name, value=value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def _associated_data(self, name: str, started_at: str) -> str:
        return json.dumps([self.profile, self.service, self.redirect_uri, name, started_at])

    @cached_property
    def _sealer(self) -> Sealer:
        return web_sealer(self.store, self.profile)

    @property
    def _markers(self) -> RecordKey:
        """The key of all replay markers; each has its expiry before its state, so the expired ones come first."""
        return RecordKey(profile=self.profile, kind=REPLAY_MARKER_KIND, service="")

    def _delete_expired_markers(self) -> None:
        for key, _ in self.store.list(Query(self._markers), limit=CLEANUP_LIMIT):
            if key.tenant <= _sortable(self.clock()):
                self.store.delete(key)


def _to_json(pending: PendingLogin) -> Secret[str]:
    return Secret(json.dumps(_revealed(pending), separators=(",", ":"), ensure_ascii=False))


def _revealed(pending: PendingLogin) -> dict[str, Any]:
    return {
        "request": asdict(pending.request),
        "redirect_uri": pending.redirect_uri,
        "state": pending.state.reveal(),
        "verifier": None if pending.verifier is None else pending.verifier.reveal(),
        "nonce": None if pending.nonce is None else pending.nonce.reveal(),
    }


def _from_json(text: Secret[str]) -> PendingLogin:
    values: Secret[dict[str, Any]] = Secret(json.loads(text.reveal()))
    return PendingLogin(
        request=LoginRequest(**values.reveal()["request"]),
        redirect_uri=values.reveal()["redirect_uri"],
        state=Secret(values.reveal()["state"]),
        verifier=_secret(values, "verifier"),
        nonce=_secret(values, "nonce"),
    )


def _secret(values: Secret[dict[str, Any]], name: str) -> Secret[str] | None:
    return None if values.reveal()[name] is None else Secret(values.reveal()[name])


def _started_at(value: str) -> int:
    """Return the start time in a cookie; 0, the oldest, for a value that is not ours."""
    match = re.match(r"([0-9]{1,15})\.", value)
    return int(match[1]) if match else 0


def _expires_at(pending: PendingLogin) -> int:
    return pending.request.started_at + LIFETIME_SECONDS * 1000


def _sortable(milliseconds: int) -> str:
    return f"{milliseconds:015}"


def _digest(state: Secret[str]) -> str:
    return hashlib.sha256(state.reveal().encode()).hexdigest()
