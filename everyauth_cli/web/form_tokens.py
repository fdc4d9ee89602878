"""CSRF tokens and flash messages of the connections page, encrypted and valid for one hour."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from everyauth_cli.model import Secret
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.sealer import Sealer
from everyauth_cli.web.sealed_values import seal, unseal, web_sealer

LIFETIME_SECONDS = 3600


class Purpose(StrEnum):
    """The use of a token, which is also the name of the form field or query parameter that brings it back."""

    CSRF_TOKEN = "csrf_token"
    FLASH = "flash"


@dataclass(frozen=True, kw_only=True)
class FormTokens:
    """The tokens of one page for one user in one tenant; a token of another page, user or purpose is invalid.

    `url` is the page's; `clock` gives milliseconds since the epoch.
    """

    store: Store
    profile: str
    clock: Callable[[], int]
    url: str
    user: str
    tenant: str

    def issue(self, purpose: Purpose, *values: str) -> str:
        """Return a token that carries the values. Raises `StoreError`, `ConfigurationProblem`."""
        expires_at = self.clock() + LIFETIME_SECONDS * 1000
        return seal(self._sealer, self._name(purpose), Secret(json.dumps([expires_at, *values])))

    def read(self, purpose: Purpose, token: str) -> list[str] | None:
        """Return the values of a token; None if it is invalid or has expired."""
        text = unseal(self._sealer, self._name(purpose), token) if token else None
        if text is None:
            return None
        expires_at, *values = json.loads(text.reveal())
        return values if self.clock() < expires_at else None

    @cached_property
    def _sealer(self) -> Sealer:
        return web_sealer(self.store, self.profile)

    def _name(self, purpose: Purpose) -> str:
        return json.dumps({purpose: [self.profile, self.url, self.user, self.tenant]})
