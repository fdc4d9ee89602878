"""Servers that are known by their URL alone: how each is logged in at, and a client that it registers by itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from everyauth_cli.errors import ClientNotSet, ServiceError, ServiceUnreadable
from everyauth_cli.flows.clients import Clients
from everyauth_cli.model import DEFAULT_PORT, Client, Request, Response, Service
from everyauth_cli.oauth.discovery import Discovered, discovery
from everyauth_cli.oauth.metadata import auth_methods, check_pkce, entry_of
from everyauth_cli.oauth.registration import (
    INVALID_CLIENT_METADATA,
    INVALID_REDIRECT_URI,
    Registration,
    read_registration,
    registration_request,
)
from everyauth_cli.services.at_url import server_name
from everyauth_cli.services.rules import OFFLINE, ClientAuthMethod
from everyauth_cli.store.clients import StoredClient, read_client, registration_key, save_client
from everyauth_cli.store.records import Query, Store
from everyauth_cli.urls import REDIRECT_HOSTS, host, slug

SECOND_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Discovers servers for the logins of one profile; `clock` gives milliseconds since the epoch."""

    profile: str
    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]

    def discover(self, url: str, *, scope: str | None = None, assume_pkce: bool = False) -> Service | None:
        """Return the service at a URL, ready for a login; None where none is needed. See `EveryAuth.discover`."""
        name = server_name(url)
        found = self._discovered(name)
        if found is None:
            return None
        if not (found.is_assumed or assume_pkce):
            _check_pkce(found)
        entry = _entry(found)
        scopes = tuple(scope.split()) if scope is not None else tuple(entry.get("scopes", ()))
        registered = self._registered(found, scopes)
        entry |= registered.server
        server = {"entry": entry, "client_of": "", "resource": found.resource, "redirect_name": slug(found.issuer)}
        client = Client(
            service=name,
            client_id=registered.client_id,
            client_secret=registered.client_secret,
            redirect_uri=registered.redirect_uri,
            server=server,
        )
        return self.clients.offer(client)

    def _discovered(self, name: str) -> Discovered | None:
        steps = discovery(name, preferred=self._issuers())
        try:
            request = next(steps)
            while True:
                request = steps.send(self.send(request))
        except StopIteration as end:
            found: Discovered | None = end.value
            return found

    def _issuers(self) -> Container[str]:
        """Return the issuers that have registered a client for us."""
        entries = self.store.entries(Query(registration_key(self.profile, "")))
        return {entry.key.service for entry in entries}

    def _registered(self, found: Discovered, scopes: Sequence[str]) -> Client:
        """Return the client that the issuer registered for us, registering one unless it can still be used.

        The lock lets one of many processes do it.
        """
        key = registration_key(self.profile, found.issuer)
        with self.store.lock(key):
            stored = read_client(self.store, key)
            if stored is not None and self._is_usable(stored.client, scopes):
                return stored.client
            client = self._register(found, (*scopes, *found.all_scopes))
            save_client(self.store, key, StoredClient(client=client, version=stored.version if stored else None))
            return client

    def _is_usable(self, client: Client, scopes: Iterable[str]) -> bool:
        """Whether a registration has not expired, and allows these scopes (RFC 7591 section 2)."""
        expires_at = client.params.get("secret_expires_at")
        is_valid = not expires_at or self.clock() < int(expires_at) * SECOND_MS
        return is_valid and (client.scope is None or set(scopes) <= {*client.scope.split()})

    def _register(self, found: Discovered, scopes: Sequence[str]) -> Client:
        endpoint = found.metadata.get("registration_endpoint")
        if endpoint is None:
            raise _not_registrable(found)
        known = tuple(dict.fromkeys(scopes))
        tried = [(REDIRECT_HOSTS[0], ClientAuthMethod.NONE)]
        while True:
            uri = f"http://{tried[-1][0]}:{DEFAULT_PORT}/callback/{slug(found.issuer)}"
            request = registration_request(endpoint, redirect_uri=uri, scopes=known, method=tried[-1][1])
            try:
                registration = read_registration(found.issuer, self.send(request))
            except ServiceError as error:
                another = _another(found, tried[-1], error)
                if another is None or another in tried:
                    raise _refused(found, error) from None
                tried.append(another)
                continue
            return _client(found, registration, redirect_uri=uri, scopes=known)


def _entry(found: Discovered) -> dict[str, Any]:
    """Return the keys of an entry for a server; only an issuer itself is asked for the account (OpenID Connect)."""
    entry = entry_of(found.metadata)
    # A client that the server has registered authenticates there as it does at the token endpoint.
    entry.pop("revocation_endpoint_auth_method", None)
    entry["pkce"] = True
    if found.is_issuer:
        return entry
    entry.pop("userinfo_endpoint", None)
    offline = [OFFLINE] if OFFLINE in (found.metadata.get("scopes_supported") or ()) else []
    entry["scopes"] = list(dict.fromkeys([*found.scopes, *offline]))
    if offline:
        # OpenID Connect Core section 11: without it the scope is ignored.
        entry["authorization_params"] = {"prompt": "consent"}
    return entry


def _client(found: Discovered, registration: Registration, *, redirect_uri: str, scopes: Sequence[str]) -> Client:
    """Return the client of a registration as it is stored; its `server` has the keys of an entry that it decides."""
    params = {"secret_expires_at": str(registration.secret_expires_at)} if registration.secret_expires_at else {}
    return Client(
        service=found.issuer,
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        scope=" ".join(scopes) or None,
        redirect_uri=redirect_uri,
        params=params,
        server={"token_endpoint_auth_method": registration.method.value},
    )


Attempt = tuple[str, ClientAuthMethod]
"""The host of the redirect URI and the authentication that a registration asks for."""


def _another(found: Discovered, tried: Attempt, error: ServiceError) -> Attempt | None:
    """Return another attempt that may be accepted after this one was refused with that error."""
    if error.error == INVALID_REDIRECT_URI:
        return next(name for name in REDIRECT_HOSTS if name != tried[0]), tried[1]
    methods = auth_methods(found.metadata)
    if error.error == INVALID_CLIENT_METADATA and methods and ClientAuthMethod.NONE not in methods:
        return tried[0], methods[0]
    return None


def _check_pkce(found: Discovered) -> None:
    try:
        check_pkce(found.metadata)
    except ServiceUnreadable as error:
        if "code_challenge_methods_supported" in found.metadata:
            raise
        absent = error.copy(hint="if its documentation says that it does")
        absent.missing_option = "--assume-pkce"
        raise absent from None


def _not_registrable(found: Discovered) -> ClientNotSet:
    return ClientNotSet(
        f"{found.issuer}, the authorization server of {found.url}, registers no clients by itself: register an app "
        f"there with the redirect URI http://{REDIRECT_HOSTS[0]}:{DEFAULT_PORT}/callback/{_short(found.issuer)}",
        hint=f"describe it: everyauth service add {_short(found.issuer)} --issuer {shlex.quote(found.issuer)}",
    )


def _short(issuer: str) -> str:
    return host(issuer).replace(".", "-")


def _refused(found: Discovered, error: ServiceError) -> ServiceError:
    return error.copy(message=f"{error.message}; it is the authorization server of {found.url}")
