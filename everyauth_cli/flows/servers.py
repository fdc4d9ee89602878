"""Servers that are known by their URL alone: how each is logged in at, and with which client.

A client that is registered at a service is used only where the catalogue has the host as that service's, or the user
has named it: a server may name any authorization server as its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from everyauth_cli.errors import ClientNotSet, ServiceNotFound, ServiceUnreadable, UsageProblem
from everyauth_cli.flows.clients import Clients
from everyauth_cli.flows.known_servers import FOUND_AT, is_recent
from everyauth_cli.flows.registrations import Registrations, by_hand, check_document
from everyauth_cli.model import Client, Request, Response, Service
from everyauth_cli.oauth.discovery import Discovered, discovery
from everyauth_cli.oauth.metadata import check_pkce, entry_of, states_pkce
from everyauth_cli.services.at_url import login_at, server_name
from everyauth_cli.services.rules import OFFLINE
from everyauth_cli.store.clients import client_key, list_clients, peek_client, read_client
from everyauth_cli.store.identities import identity_key
from everyauth_cli.store.records import Store
from everyauth_cli.urls import host, is_url, origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Discovers servers for the logins of one profile; `clock` gives milliseconds since the epoch."""

    profile: str
    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]

    @property
    def registrations(self) -> Registrations:
        """The clients that need no registration by hand."""
        return Registrations(profile=self.profile, store=self.store, send=self.send, clock=self.clock)

    def discover(
        self,
        url: str,
        *,
        user: str,
        tenant: str = "",
        scope: str | None = None,
        client: str | None = None,
        client_id: str | None = None,
        assume_pkce: bool = False,
        rejected: str | None = None,
    ) -> Service | None:
        """Return the service at a URL, ready for a login; None where none is needed. See `EveryAuth.discover`.

        A scope is given for more access at a server whose login works, so its client is not asked for.
        """
        name = server_name(url)
        if scope is None and not (client or client_id or assume_pkce or rejected):
            recorded = self._recorded(name, user=user, tenant=tenant)
            if recorded is not None:
                return self.clients.offer(recorded)
        document = check_document(server_name(client_id)) if client_id else self.registrations.document()
        found = self.look(name)
        if found is None:
            return None
        entry = _entry(found)
        known = self._known_client(found, client)
        # One user may assume PKCE for their own login alone.
        found_at = 0 if assume_pkce else self.clock()
        ours = _at(name, found, entry, found_at=found_at)
        if known is not None:
            # Where the server says nothing of PKCE, the entry of the service knows.
            with_pkce = {**entry, "pkce": states_pkce(found.metadata) or known.pkce}
            server = {**ours.server, "entry": with_pkce, "client_of": known.name, "is_named": client is not None}
            return self.clients.offer(replace(ours, server=server))
        if not (found.is_assumed or assume_pkce):
            _check_pkce(found)
        scopes = tuple(scope.split()) if scope is not None else tuple(entry.get("scopes", ()))
        is_named, is_known = client_id is not None, scope is not None
        registered = self._document(found, document, is_named=is_named) or self._registrable(found).registered(
            found, scopes, rejected=rejected, is_known=is_known
        )
        return self.clients.offer(_with(ours, registered))

    def _recorded(self, name: str, *, user: str, tenant: str) -> Client | None:
        """Return the record of a server that was found lately, for a user who has no login there; None to ask it anew.

        A second login of the same user is what one tries after a token was rejected or the server has moved, so it
        never goes by the record. Nor does one that would have another client than the record: it needs the metadata.
        """
        stored = read_client(self.store, client_key(self.profile, name))
        if stored is None or not is_recent(stored.client, self.clock()):
            return None
        if self.store.peek(identity_key(self.profile, name, user=user, tenant=tenant)) is not None:
            return None
        # What cannot be used is said after the server was asked: it may have moved to where another client can.
        with suppress(ServiceNotFound, UsageProblem):
            return self._with_present_client(stored.client)
        return None

    def _with_present_client(self, record: Client) -> Client | None:
        """Return a record with the client that a login there has now; None if that is not the record's any more."""
        entry, client_of = record.server["entry"], record.server["client_of"]
        found = Discovered(
            url=record.service, resource=record.server["resource"], metadata=entry, named_issuer=entry["issuer"]
        )
        known = self._known_client(found, None)
        if known is not None or client_of:
            return record if known is not None and known.name == client_of else None
        if is_url(record.client_id):
            return record if record.client_id == self.registrations.document() else None
        registered = self.registrations.reusable(found, entry.get("scopes", ()))
        return _with(record, registered) if registered else None

    def look(self, name: str) -> Discovered | None:
        """Return what discovery finds at a URL; None where no login is needed. Nothing is registered or stored."""
        steps = discovery(name, preferred=self.registrations.issuers())
        try:
            request = next(steps)
            while True:
                request = steps.send(self.send(request))
        except StopIteration as end:
            found: Discovered | None = end.value
            return found

    def _known_client(self, found: Discovered, named: str | None) -> Service | None:
        """Return the service whose registered client may be used: that which the user named, now or before, or mapped.

        Raises `UsageProblem` for one that was named and is registered elsewhere, `ClientNotSet`, `ServiceNotFound`.
        """
        catalogue = self.clients.catalogue
        named = named or self._named_before(found.url)
        if named:
            service = self.clients.filled(named)
            self.clients.get(service)
            if not _is_registered_at(service, found):
                raise _elsewhere(service, found)
            return service
        mapped = catalogue.at_host(host(found.url))
        if mapped is None or self.clients.peek(mapped) is None:
            return None
        return mapped if _is_registered_at(self.clients.filled(mapped.name), found) else None

    def client_for(self, found: Discovered) -> str:
        """Say which client a login would use; nothing is registered. Raises what `discover` does."""
        known, document = self._known_client(found, None), self.registrations.document()
        if known is not None:
            return f"a login uses your client at {known.name}"
        if not found.is_assumed:
            _check_pkce(found)
        if self._document(found, document, is_named=False):
            return f"a login uses your client id metadata document {document}"
        self._registrable(found)
        return f"{found.issuer} registers one by itself"

    def _named_before(self, url: str) -> str | None:
        stored = peek_client(self.store, client_key(self.profile, url))
        server = stored[0].server if stored else {}
        return server["client_of"] if server.get("is_named") else None

    def _document(self, found: Discovered, document: str | None, *, is_named: bool) -> Client | None:
        """Return the client that is the user's document, where the authorization server takes one.

        Raises `UsageProblem` where it takes none and the document is named.
        """
        if found.metadata.get("client_id_metadata_document_supported") is not True:
            if not is_named:
                return None
            raise UsageProblem(
                f"{found.issuer}, the authorization server of {found.url}, takes no client id metadata document",
                hint=f"leave out --client-id: {login_at(found.url)}",
            )
        if document and is_named:
            self.registrations.remember_document(document)
        return self.registrations.client_of_document(found, document) if document else None

    def _registrable(self, found: Discovered) -> Registrations:
        """Return the registrations; raise `ClientNotSet` where the authorization server makes none by itself."""
        if found.metadata.get("registration_endpoint") is None:
            raise self._not_registrable(found)
        return self.registrations

    def _not_registrable(self, found: Discovered) -> ClientNotSet:
        about = f"{found.issuer}, the authorization server of {found.url}, registers no clients by itself"
        for service in self._services_with_client():
            if _is_registered_at(service, found):
                return ClientNotSet(
                    f"{about}; your client at {service.name} is registered there, and is not used for "
                    f"{host(found.url)}, which is not known to be {service.title}'s",
                    hint=f"if you trust {host(found.url)} with your access at {service.name}: "
                    f"{login_at(found.url)} --client {service.name}",
                )
        mapped = self.clients.catalogue.at_host(host(found.url))
        if mapped is not None:
            return ClientNotSet(
                f"{about}; register a client at {mapped.title} first", hint=f"everyauth init {mapped.name}"
            )
        steps, first = by_hand(found)
        return ClientNotSet(f"{about}: {steps}", hint=first)

    def _services_with_client(self) -> list[Service]:
        names = [client.service for client in list_clients(self.store, self.profile)]
        return [service for name in names if not is_url(name) and (service := self._service(name)) is not None]

    def _service(self, name: str) -> Service | None:
        try:
            return self.clients.filled(name)
        except (ServiceNotFound, UsageProblem):
            return None


def _at(name: str, found: Discovered, entry: dict[str, Any], *, found_at: int) -> Client:
    """Return the record of a server, with no client yet."""
    server = {"entry": entry, "client_of": "", "is_named": False, "resource": found.resource, FOUND_AT: found_at}
    return Client(service=name, client_id="", server=server)


def _with(record: Client, registered: Client) -> Client:
    """Return the record of a server with a client of its own."""
    return replace(
        record,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        redirect_uri=registered.redirect_uri,
        server={**record.server, "entry": {**record.server["entry"], **registered.server}},
    )


def _is_registered_at(service: Service, found: Discovered) -> bool:
    """Whether the client of a service is registered at the authorization server that was found."""
    known = {origin(url) for url in (service.authorization_endpoint, service.token_endpoint) if url}
    names = ("authorization_endpoint", "token_endpoint")
    return all(origin(str(found.metadata[name])) in known for name in names)


def _elsewhere(service: Service, found: Discovered) -> UsageProblem:
    registered_at = origin(service.authorization_endpoint or service.token_endpoint)
    return UsageProblem(
        f"the client at {service.name} is registered at {registered_at}, and {found.url} has "
        f"its logins at {found.issuer}; nothing was sent there",
        hint=f"leave out --client {service.name}: {login_at(found.url)}",
    )


def requested_scopes(found: Discovered) -> Sequence[str]:
    """Return the scopes that a login at a server requests unless others are given."""
    scopes: Sequence[str] = _entry(found).get("scopes", ())
    return scopes


def _entry(found: Discovered) -> dict[str, Any]:
    """Return the keys of an entry for a server; only an issuer itself is asked for the account (OpenID Connect)."""
    entry = entry_of(found.metadata)
    # A client that the server has registered authenticates there as it does at the token endpoint.
    entry.pop("revocation_endpoint_auth_method", None)
    entry["pkce"] = True
    # Some servers demand it in this grant too; others ignore what they do not know (RFC 6749 section 3.2).
    entry["device_pkce"] = states_pkce(found.metadata)
    if not found.is_issuer:
        entry.pop("userinfo_endpoint", None)
        offline = [OFFLINE] if OFFLINE in (found.metadata.get("scopes_supported") or ()) else []
        entry["scopes"] = list(dict.fromkeys([*found.scopes, *offline]))
    if found.needs_proof:
        entry["dpop_bound_access_tokens"] = True
    if OFFLINE in entry.get("scopes", ()):
        # OpenID Connect Core section 11: without it the scope is ignored.
        entry["authorization_params"] = {"prompt": "consent"}
    return entry


def _check_pkce(found: Discovered) -> None:
    try:
        check_pkce(found.metadata)
    except ServiceUnreadable as error:
        if "code_challenge_methods_supported" in found.metadata:
            raise
        absent = error.copy(hint="if its documentation says that it does")
        absent.missing_option = "--assume-pkce"
        raise absent from None
