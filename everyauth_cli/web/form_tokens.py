"""Notes that a page gives a user's browser for the page's own later requests: sealed, for an hour."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from everyauth_cli.model import Secret
from everyauth_cli.store import Store
from everyauth_cli.store.sealing import Sealer
from everyauth_cli.web.sealed_values import opened, sealed, web_sealer

LIFETIME_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Those of the page at `url` to one user in one tenant; nobody else can write one, and it is good for no other.

    `clock` gives milliseconds since the epoch.
    """

    store: Store
    profile: str
    clock: Callable[[], int]
    url: str
    user: str
    tenant: str

    def write(self, purpose: str, *words: str) -> str:
        """A note as a form or a query may hold it. Raises `StoreError`, `ConfigurationProblem`."""
        until = self.clock() + LIFETIME_SECONDS * 1000
        return sealed(self._sealer, self._name(purpose), Secret(json.dumps([until, *words])))

    def read(self, purpose: str, note: str) -> list[str] | None:
        """The words of a note; None where it is none of these, or too old."""
        text = opened(self._sealer, self._name(purpose), note) if note else None
        if text is None:
            return None
        until, *words = json.loads(text.reveal())
        return words if self.clock() < until else None

    @cached_property
    def _sealer(self) -> Sealer:
        return web_sealer(self.store, self.profile)

    def _name(self, purpose: str) -> str:
        return json.dumps({purpose: [self.profile, self.url, self.user, self.tenant]})
