"""Pending logins in the cookies of the browsers that began them: sealed, for ten minutes, to be taken once."""

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
from everyauth_cli.store import Store
from everyauth_cli.store.sealing import Sealer
from everyauth_cli.web.sealed_values import opened, sealed, web_sealer

LIFETIME_SECONDS = 600
MOST = 5
"""How many a browser keeps at once: all of them are sent with each request to the app."""
LARGEST = 4096
"""Bytes of a cookie's name and value that a browser keeps at least (RFC 6265bis section 5.6)."""
USED_KIND = "web-used"
FORGOTTEN = 50
"""How many marks one login in eight forgets at most: more than eight logins leave."""


class Cookie(TypedDict):
    """A cookie in the words that `set_cookie` of each framework has for it."""

    key: str
    value: str
    max_age: int
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax"]


@dataclass(frozen=True, kw_only=True)
class PendingLogins:
    """Those at one service of one app; `clock` gives milliseconds since the epoch, `secure` says that it is https.

    The key that seals them is in the store, so all workers that share the store open each other's. A login that was
    taken leaves a mark there until it is over; one that was only begun leaves nothing.
    """

    store: Store
    profile: str
    clock: Callable[[], int]
    service: str
    redirect_uri: str
    secure: bool

    def put(self, pending: PendingLogin, cookies: Mapping[str, str]) -> list[Cookie]:
        """The cookie of a login that was begun, and what makes room for it among those that the browser sent.

        Raises `UsageProblem` when the browser would not keep it, and `StoreError`.
        """
        name, request = self._name(pending.state), pending.request
        box = sealed(self._sealer, self._bound_to(name, str(request.started_at)), _to_json(pending))
        value = f"{request.started_at}.{box}"
        if len(name) + len(value) > LARGEST:
            parts = {"scope": request.scope, "user": request.user, "tenant": request.tenant}
            longest = max(parts, key=lambda part: len(parts[part]))
            raise UsageProblem("the pending login is too large for a cookie", hint=f"make do with a shorter {longest}")
        is_ours = re.compile(self._prefix() + "[0-9a-f]{32}").fullmatch
        ours = sorted((_started(value), name) for name, value in cookies.items() if is_ours(name))
        oldest = ours[: max(0, len(ours) - (MOST - 1))]
        return [*(self._cookie(name, "", 0) for _, name in oldest), self._cookie(name, value, LIFETIME_SECONDS)]

    def find(self, state: Secret[str], cookies: Mapping[str, str]) -> PendingLogin | None:
        """The login of that state, if this browser began it here."""
        name = self._name(state)
        started, _, box = cookies.get(name, "").partition(".")
        text = opened(self._sealer, self._bound_to(name, started), box) if box else None
        try:
            return None if text is None else _from_json(text)
        except (LookupError, TypeError):
            return None  # another version of everyauth wrote it

    def is_over(self, pending: PendingLogin) -> bool:
        """Whether it was begun too long ago."""
        return self.clock() >= _until(pending)

    def take(self, pending: PendingLogin) -> bool:
        """Take a login; whether nobody has before."""
        key = self._marks._replace(tenant=_sortable(_until(pending)), user=_digest(pending.state))
        # Digests are spread evenly: that of one state in eight begins like this.
        if key.user < "2":
            self._forget_marks()
        return self.store.index.add(key, {"by": secrets.token_hex(8)})

    def cleared(self, state: Secret[str]) -> Cookie:
        """What makes the browser forget the login of that state."""
        return self._cookie(self._name(state), "", 0)

    def _name(self, state: Secret[str]) -> str:
        """The name of a login's own cookie: two tabs do not share one, and on https no subdomain can set it."""
        return self._prefix() + _digest(state)[:32]

    def _prefix(self) -> str:
        # On http a browser does not take the prefix, which demands Secure (RFC 6265bis section 4.1.3.2).
        return "__Host-everyauth-" if self.secure else "everyauth-"

    def _cookie(self, name: str, value: str, max_age: int) -> Cookie:
        return Cookie(
            key=name, value=value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def _bound_to(self, name: str, started: str) -> str:
        return json.dumps([self.profile, self.service, self.redirect_uri, name, started])

    @cached_property
    def _sealer(self) -> Sealer:
        return web_sealer(self.store, self.profile)

    @property
    def _marks(self) -> RecordKey:
        """The key of all marks; that of each has its end before its state, so those that are over come first."""
        return RecordKey(profile=self.profile, kind=USED_KIND, service="")

    def _forget_marks(self) -> None:
        for key, _ in self.store.index.find(self._marks, limit=FORGOTTEN):
            if key.tenant <= _sortable(self.clock()):
                self.store.index.delete(key)


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


def _started(value: str) -> int:
    """When the login of a cookie was begun; what is no cookie of ours is the oldest."""
    match = re.match(r"([0-9]{1,15})\.", value)
    return int(match[1]) if match else 0


def _until(pending: PendingLogin) -> int:
    return pending.request.started_at + LIFETIME_SECONDS * 1000


def _sortable(moment: int) -> str:
    return f"{moment:015}"


def _digest(state: Secret[str]) -> str:
    return hashlib.sha256(state.reveal().encode()).hexdigest()
