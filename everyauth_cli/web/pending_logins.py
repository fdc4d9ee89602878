"""Pending logins in cookies of the browsers that started them: encrypted, for ten minutes, redeemable once."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypedDict

from everyauth_cli.errors import LoginFailed
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.oauth.dpop import packed, unpacked
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.store.records import Query, Store
from everyauth_cli.store.sealed.sealer import Sealer
from everyauth_cli.web.sealed_values import seal, unseal, web_sealer

LIFETIME_SECONDS = 600
MAX_LOGINS = 5
"""The pending logins that a browser keeps at once; it sends all of them with each request to the app."""
SLOTS = 10
"""The names of the cookies. Logins that begin at once, each before the cookies of the others came, take no more."""
REPLAY_MARKER_KIND = "web-replay-marker"
DIGEST_BYTES = 16
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLogin:
    """The part of a pending login that a cookie keeps: its own secrets, and digests of all that the server knows."""

    cookie: str
    state: Secret[str]
    started_at: int
    verifier: Secret[str] | None
    nonce: Secret[str] | None
    proof_key: Secret[str] | None
    user_digest: str
    terms_digest: str

    def is_of(self, user: str, tenant: str) -> bool:
        return self.user_digest == _digest(user, tenant)

    def restored(self, begun: PendingLogin) -> PendingLogin:
        """Return the pending login; `begun` is one that the same user would begin now.

        Raises `LoginFailed` where the app or the client has changed since.
        """
        if _terms_digest(begun.request) != self.terms_digest:
            raise LoginFailed(f"the client, endpoint or scope of {begun.request.service} changed; log in again")
        request = replace(begun.request, started_at=self.started_at, proof_key=self.proof_key)
        return replace(begun, request=request, state=self.state, verifier=self.verifier, nonce=self.nonce)


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

        However many logins begin, all these cookies together stay below 4 KB. Raises `StoreError`.
        """
        ours = sorted((_started_at(cookies[name]), name) for name in self._names if name in cookies)
        dropped = [name for _, name in ours[: max(0, len(ours) - (MAX_LOGINS - 1))]]
        free = [name for name in self._names if name in dropped or name not in cookies]
        # Chosen by the state: of logins that begin at once in one browser, hardly one takes the place of another.
        name = free[int(_state_digest(pending.state), 16) % len(free)]
        deletions = [self.deletion(other) for other in dropped if other != name]
        return [*deletions, self._cookie(name, self._sealed(name, pending), LIFETIME_SECONDS)]

    def find(self, state: Secret[str], cookies: Mapping[str, str]) -> KeptLogin | None:
        """Return the login with that state, if this browser started it at this app."""
        found = (self._unsealed(name, state, cookies[name]) for name in self._names if name in cookies)
        return next(filter(None, found), None)

    def has_expired(self, kept: KeptLogin) -> bool:
        return self.clock() >= _expires_at(kept)

    def claim(self, kept: KeptLogin) -> bool:
        """Store the login's replay marker; False if another request has stored it before."""
        key = self._markers._replace(tenant=_sortable(_expires_at(kept)), user=_state_digest(kept.state))
        # Digests are spread evenly: that of one state in eight begins like this.
        if key.user < "2":
            self._delete_expired_markers()
        return self.store.add(key, {"by": secrets.token_hex(8)})

    def deletion(self, name: str) -> Cookie:
        """Return the cookie that makes the browser delete the one with that name."""
        return self._cookie(name, "", 0)

    @cached_property
    def _names(self) -> Sequence[str]:
        # On https no subdomain can set it; on http a browser does not take the prefix, which demands Secure
        # (RFC 6265bis section 4.1.3.2).
        prefix = "__Host-everyauth-login-" if self.secure else "everyauth-login-"
        return [f"{prefix}{number}" for number in range(SLOTS)]

    def _cookie(self, name: str, value: str, max_age: int) -> Cookie:
        return Cookie(
            key=name, value=value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def _sealed(self, name: str, pending: PendingLogin) -> str:
        started_at = str(pending.request.started_at)
        sealed = seal(self._sealer, self._associated_data(name, pending.state, started_at), _to_json(pending))
        return f"{started_at}.{sealed}"

    def _unsealed(self, name: str, state: Secret[str], value: str) -> KeptLogin | None:
        started_at, _, sealed = value.partition(".")
        text = unseal(self._sealer, self._associated_data(name, state, started_at), sealed) if sealed else None
        try:
            return None if text is None else _from_json(text, name, state, int(started_at))
        except (LookupError, TypeError, ValueError):
            return None  # another version of everyauth wrote it

    def _associated_data(self, name: str, state: Secret[str], started_at: str) -> str:
        return json.dumps([self.profile, self.service, self.redirect_uri, name, _state_digest(state), started_at])

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
    return Secret(json.dumps(_revealed(pending), separators=(",", ":")))


def _revealed(pending: PendingLogin) -> list[str | None]:
    return [
        None if pending.verifier is None else pending.verifier.reveal(),
        None if pending.nonce is None else pending.nonce.reveal(),
        _digest(pending.request.user, pending.request.tenant),
        _terms_digest(pending.request),
        None if pending.request.proof_key is None else packed(pending.request.proof_key).reveal(),
    ]


def _from_json(text: Secret[str], name: str, state: Secret[str], started_at: int) -> KeptLogin:
    values: Secret[list[Any]] = Secret(json.loads(text.reveal()))
    proof_key = _secret(values, 4)
    return KeptLogin(
        cookie=name,
        state=state,
        started_at=started_at,
        verifier=_secret(values, 0),
        nonce=_secret(values, 1),
        user_digest=values.reveal()[2],
        terms_digest=values.reveal()[3],
        proof_key=unpacked(proof_key) if proof_key else None,
    )


def _secret(values: Secret[list[Any]], index: int) -> Secret[str] | None:
    return None if values.reveal()[index] is None else Secret(values.reveal()[index])


def _terms_digest(request: LoginRequest) -> str:
    """Return a digest of what must be the same when the login ends."""
    server = (request.token_endpoint, request.issuer)
    terms = (request.service, request.client_id, *server, request.scope, request.resource)
    return _digest(*terms, *request.tags.items())


def _digest(*values: object) -> str:
    return base64url.encode(hashlib.sha256(json.dumps(values).encode()).digest()[:DIGEST_BYTES])


def _started_at(value: str) -> int:
    """Return the start time in a cookie; 0, the oldest, for a value that is not ours."""
    match = re.match(r"([0-9]{1,15})\.", value)
    return int(match[1]) if match else 0


def _expires_at(kept: KeptLogin) -> int:
    return kept.started_at + LIFETIME_SECONDS * 1000


def _sortable(milliseconds: int) -> str:
    return f"{milliseconds:015}"


def _state_digest(state: Secret[str]) -> str:
    return hashlib.sha256(state.reveal().encode()).hexdigest()
