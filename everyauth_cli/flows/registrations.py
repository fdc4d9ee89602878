"""Clients that need no registration by hand: those that an issuer registers (RFC 7591), and one that is a document.

A client id metadata document is at a URL of the user's, which is the client id.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from everyauth_cli.errors import ServiceError, ServiceUnreachable, UsageProblem
from everyauth_cli.model import DEFAULT_PORT, Client, Request, Response
from everyauth_cli.oauth.discovery import Discovered
from everyauth_cli.oauth.metadata import auth_methods, takes_device_codes
from everyauth_cli.oauth.registration import (
    INVALID_CLIENT_METADATA,
    INVALID_REDIRECT_URI,
    Registration,
    is_unknown,
    preflight_request,
    read_registration,
    registration_request,
)
from everyauth_cli.services.at_url import login_at
from everyauth_cli.services.rules import ClientAuthMethod
from everyauth_cli.store.clients import StoredClient, peek_client, read_client, registration_key, save_client
from everyauth_cli.store.records import Query, Store
from everyauth_cli.urls import REDIRECT_HOSTS, host, is_url, slug

SECOND_MS = 1000
DOCUMENT = "client-id-metadata-document"
"""The key of the record that remembers the URL of the user's document; no issuer is called so."""
DOCUMENT_PATH = "/callback/cimd"
"""The path of its redirect URI: a document lists finitely many."""


class Attempt(NamedTuple):
    """The host of the redirect URI and the authentication that a registration asks for, and the grant of `device`s."""

    host: str
    method: ClientAuthMethod
    device: bool


def redirect_uri_of(path: str, *, host: str = REDIRECT_HOSTS[0]) -> str:
    """Return a redirect URI on loopback that is registered with its port."""
    return f"http://{host}:{DEFAULT_PORT}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrations:
    """The clients of one profile by the issuer that registered them; `clock` gives milliseconds since the epoch."""

    profile: str
    store: Store
    send: Callable[[Request], Response]
    clock: Callable[[], int]

    def issuers(self) -> Container[str]:
        """Return the issuers that have registered a client for us."""
        entries = self.store.entries(Query(registration_key(self.profile, "")))
        return {entry.key.service for entry in entries}

    def document(self) -> str | None:
        """Return the URL of the client id metadata document that the user named last."""
        known = peek_client(self.store, registration_key(self.profile, DOCUMENT))
        return known[0].client_id if known else None

    def remember_document(self, url: str) -> None:
        """Remember the URL of a client id metadata document for later logins."""
        client = Client(service=DOCUMENT, client_id=url, redirect_uri=redirect_uri_of(DOCUMENT_PATH))
        self._save(client)

    def client_of_document(self, found: Discovered, url: str) -> Client:
        """Return the client that is a document."""
        return Client(
            service=found.issuer,
            client_id=url,
            redirect_uri=redirect_uri_of(DOCUMENT_PATH),
            server={"token_endpoint_auth_method": ClientAuthMethod.NONE.value},
        )

    def registered(self, found: Discovered, scopes: Sequence[str], *, rejected: str | None, is_known: bool) -> Client:
        """Return the client that the issuer registered for us, registering one unless it can still be used.

        A `rejected` one cannot, nor one that the issuer has forgotten, for which it is asked unless it `is_known` to
        work. The lock lets one of many processes do it.
        """
        key = registration_key(self.profile, found.issuer)
        with self.store.lock(key):
            client = self.reusable(found, scopes, rejected=rejected, is_known=is_known)
            return client or self._save(self._register(found, (*scopes, *found.all_scopes)))

    def reusable(
        self, found: Discovered, scopes: Sequence[str], *, rejected: str | None = None, is_known: bool = False
    ) -> Client | None:
        """Return the client of `registered` if there is one already that can still be used; none is registered."""
        stored = read_client(self.store, registration_key(self.profile, found.issuer))
        client = stored.client if stored and stored.client.client_id != rejected else None
        if client is None or not self._is_usable(client, scopes):
            return None
        return client if is_known or not self._is_forgotten(found, client, scopes) else None

    def _save(self, client: Client) -> Client:
        key = registration_key(self.profile, client.service)
        stored = read_client(self.store, key)
        save_client(self.store, key, StoredClient(client=client, version=stored.version if stored else None))
        return client

    def _is_usable(self, client: Client, scopes: Iterable[str]) -> bool:
        """Whether a registration has not expired, and allows these scopes (RFC 7591 section 2)."""
        expires_at = client.params.get("secret_expires_at")
        is_valid = not expires_at or self.clock() < int(expires_at) * SECOND_MS
        return is_valid and (client.scope is None or set(scopes) <= {*client.scope.split()})

    def _is_forgotten(self, found: Discovered, client: Client, scopes: Sequence[str]) -> bool:
        """Whether the issuer has no such client any more: its own error would leave a person without a way back."""
        request = preflight_request(
            str(found.metadata["authorization_endpoint"]),
            client_id=client.client_id,
            redirect_uri=client.redirect_uri or "",
            scopes=scopes,
            resource=found.resource,
        )
        try:
            return is_unknown(self.send(request))
        except ServiceError:
            # That says nothing of the client.
            return False

    def _register(self, found: Discovered, scopes: Sequence[str]) -> Client:
        known = tuple(dict.fromkeys(scopes))
        tried = [Attempt(REDIRECT_HOSTS[0], ClientAuthMethod.NONE, takes_device_codes(found.metadata))]
        while True:
            host, method, device = tried[-1]
            uri = redirect_uri_of(f"/callback/{slug(found.issuer)}", host=host)
            endpoint = str(found.metadata["registration_endpoint"])
            request = registration_request(endpoint, redirect_uri=uri, scopes=known, method=method, device=device)
            try:
                registration = read_registration(found.issuer, self.send(request), redirect_uri=uri)
            except ServiceError as error:
                others = (attempt for attempt in _others(found, tried[-1], error) if attempt not in tried)
                if (another := next(others, None)) is None:
                    raise _refused(found, error) from None
                tried.append(another)
                continue
            return _client(found, registration, redirect_uri=uri, scopes=known)


def check_document(url: str) -> str:
    """Return the URL of a client id metadata document after checking it: https, with a path. Raises `UsageProblem`."""
    # `check_url` has been passed by whoever calls this; plain http is for loopback alone there.
    if not is_url(url) or not url.startswith("https://") or url.count("/") < 3 or url.endswith("/"):  # noqa: PLR2004
        raise UsageProblem(
            f'"{url}" cannot be a client id metadata document: it is an https URL with a path',
            hint="https://HOST/everyauth.json",
        )
    return url


def document_of(url: str) -> dict[str, object]:
    """Return the client id metadata document to host at a URL."""
    return {
        "client_id": url,
        "client_name": "everyauth",
        "application_type": "native",
        "redirect_uris": [redirect_uri_of(DOCUMENT_PATH, host=host) for host in REDIRECT_HOSTS],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": ClientAuthMethod.NONE.value,
    }


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


def _others(found: Discovered, tried: Attempt, error: ServiceError) -> Iterator[Attempt]:
    """Yield other attempts that may be accepted after this one was refused with that error."""
    if error.error == INVALID_REDIRECT_URI:
        yield tried._replace(host=next(name for name in REDIRECT_HOSTS if name != tried.host))
    if error.error != INVALID_CLIENT_METADATA:
        return
    methods = auth_methods(found.metadata)
    if methods and ClientAuthMethod.NONE not in methods:
        yield tried._replace(method=methods[0])
    # A server may have the grant for other clients alone.
    yield tried._replace(device=False)


def _refused(found: Discovered, error: ServiceError) -> ServiceError:
    message = f"{error.message}; it is the authorization server of {found.url}"
    if isinstance(error, ServiceUnreachable):
        return error.copy(message=message)
    steps, first = by_hand(found)
    return error.copy(message=f"{message}: {steps}", hint=first)


def by_hand(found: Discovered) -> tuple[str, str]:
    """Say how to get a client at an issuer that registers none, and the first command of it."""
    short = host(found.issuer).replace(".", "-")
    uri = redirect_uri_of(f"/callback/{short}")
    steps = (
        f"register an app there with the redirect URI {uri}, add it as a service, set its client, and log in with it: "
        f"{login_at(found.url)} --client {short}"
    )
    return steps, f"first: everyauth service add {short} --issuer {shlex.quote(found.issuer)}"
