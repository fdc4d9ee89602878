"""The public keys of a service's issuer (JWKS, RFC 7517), cached in the store for a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from everyauth_cli.errors import ServiceError
from everyauth_cli.model import ACCEPT_JSON, RecordKey, Request, Response, Secret, Service
from everyauth_cli.oauth.response_body import read_object
from everyauth_cli.store.records import Store, VersionConflict
from everyauth_cli.urls import check_url, is_loopback

LIFETIME_MS = 24 * 60 * 60 * 1000
DISCOVERY = "/.well-known/openid-configuration"

Keys = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    """Fetches the issuer's keys and caches them as metadata, since they are public.

    `clock` gives milliseconds since the epoch.
    """

    store: Store
    send: Callable[[Request], Response]
    clock: Callable[[], int]

    def cached(self, service: Service) -> Keys | None:
        """Return the cached keys, unless they are a day old or came from another URL than is configured now."""
        record = self.store.get(_key(service)) if self.store.backend.caches else None
        cache = record.metadata if record else {}
        keys, fetched_at = cache.get("keys"), cache.get("fetched_at")
        if cache.get("source") != _source(service) or not isinstance(keys, list) or not isinstance(fetched_at, int):
            return None
        return _objects(keys) if 0 <= self.clock() - fetched_at < LIFETIME_MS else None

    def fetch(self, service: Service) -> Keys | None:
        """Fetch the keys that are published now; None when that is not possible."""
        try:
            url = service.jwks_uri or self._discovered(service)
            keys = _objects(self._get(url)["keys"]) if url else []
        except (ServiceError, ValueError, LookupError, TypeError, RecursionError):
            return None
        if not keys:
            return None
        self._cache(service, {"source": _source(service), "keys": keys, "fetched_at": self.clock()})
        return keys

    def _cache(self, service: Service, cache: Mapping[str, Any]) -> None:
        if not self.store.backend.caches:
            return
        record = self.store.get(_key(service))
        # Another process may have fetched them too.
        with suppress(VersionConflict):
            self.store.save(_key(service), cache, Secret({}), version=record.version if record else None)

    def _discovered(self, service: Service) -> str | None:
        """Fetch the issuer's metadata and return its `jwks_uri` (OpenID Connect Discovery section 4)."""
        if service.issuer is None:
            return None
        metadata = self._get(service.issuer.rstrip("/") + DISCOVERY)
        url = check_url(str(metadata["jwks_uri"]))
        # Only an issuer on this machine may send requests to this machine.
        local = is_loopback(url) and not is_loopback(service.issuer)
        return url if metadata["issuer"] == service.issuer and not local else None

    def _get(self, url: str) -> dict[str, Any]:
        response = self.send(Request(url=url, method="GET", headers=ACCEPT_JSON))
        if response.status != 200:  # noqa: PLR2004 - RFC 9110 section 15.3.1
            raise ValueError(response.status)
        return read_object(response.body.reveal(), response.content_type) or {}


def _objects(keys: Sequence[Any]) -> list[Mapping[str, Any]]:
    return [key for key in keys if isinstance(key, dict)]


def _key(service: Service) -> RecordKey:
    return RecordKey(profile="", kind="keys", service=service.registered_at.name)


def _source(service: Service) -> str | None:
    return service.jwks_uri or service.issuer
