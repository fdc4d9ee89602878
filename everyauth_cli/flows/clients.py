"""The clients registered at services: those in the store, overridden by the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from everyauth_cli.errors import ConfigurationProblem, ServiceUnreadable
from everyauth_cli.flows.client_errors import not_in_sandbox, not_set, scope_of_preset, set_at_url, set_in_sandbox
from everyauth_cli.flows.client_keys import ChangeKeys, check_has_key, keeps_key, takes_key, with_key
from everyauth_cli.flows.host_pinning import check_hosts, moves, origins_of
from everyauth_cli.model import SANDBOX_PROFILE, Client, RecordKey, Secret, Service
from everyauth_cli.oauth.localhost_client import LOCALHOST, of_grant
from everyauth_cli.services.at_sandbox import at_sandbox, sandbox_params
from everyauth_cli.services.at_url import never_registered, server_name, service_of
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.placeholders import fill
from everyauth_cli.services.redirect_uri import check_redirect_uri
from everyauth_cli.services.rules import Parameter
from everyauth_cli.store.clients import (
    StoredClient,
    client_key,
    list_clients,
    peek_client,
    read_client,
    registration_key,
    save_client,
)
from everyauth_cli.store.records import Store
from everyauth_cli.urls import is_url

Override = Callable[[str], tuple[str | None, Secret[str] | None]]
"""Returns the client id and the client secret that the environment gives for a service, each None if it does not."""


class Clients:
    """Reads and changes the clients of one profile."""

    def __init__(self, store: Store, catalogue: Catalogue, *, profile: str, override: Override) -> None:
        self._store = store
        self.catalogue = catalogue.with_urls(self._at_url)
        self._profile = profile
        self._offered: dict[str, Client] = {}
        self._sandboxed = profile == SANDBOX_PROFILE
        # A real client must not be sent to the sandbox.
        self._override = (lambda _: (None, None)) if self._sandboxed else override

    def get(self, service: Service, *, redirect_uri: str | None = None, redirects: bool = True) -> Client:
        """Return the client of a service with its secret; the environment takes precedence over the store.

        `redirect_uri` is the one that the error names for registration, where it is not the client's own; it names none
        for a grant that never `redirects`.
        Raises `ClientNotSet` when there is none, `HostChanged` when it was set for other origins than the service has.
        """
        return self._usable(service, self._stored(service), redirect_uri=redirect_uri, redirects=redirects)

    def registered(
        self, name: str, *, redirect_uri: str | None = None, redirects: bool = True, client_id: str = ""
    ) -> tuple[Service, Client]:
        """Return the service of that name, as `filled` does, and its client, from one reading of the store.

        `client_id` is that of the login or grant that it is for, where that has begun.
        """
        service, stored = self._found(name)
        service = self._filled(service, stored.client if stored else None)
        client = self._usable(service, stored, redirect_uri=redirect_uri, redirects=redirects)
        return with_key(service, client), of_grant(client, client_id)

    def offer(self, client: Client) -> Service:
        """Take what discovery found of a server, with a client for it, for the login that follows; stores nothing.

        What is stored serves the present grant until `adopt` replaces it. Raises `ServiceUnreadable` where the server
        says what no entry can.
        """
        try:
            service = service_of(client, self.catalogue)
        except ConfigurationProblem as error:
            raise ServiceUnreadable(error.message) from None
        self._offered[client.service] = replace(client, origins=client.origins or origins_of(service))
        return service

    def adopt(self, name: str) -> None:
        """Store what was offered for a server, since its login is kept now."""
        client = self._offered.get(name)
        if client is None:
            return
        key = client_key(self._profile, name)
        with self._store.lock(key):
            stored = read_client(self._store, key)
            save_client(self._store, key, StoredClient(client=client, version=stored.version if stored else None))
        del self._offered[name]

    def _at_url(self, url: str) -> Service:
        """Return the service at a URL that was logged in at, from metadata alone: nothing is sent to it."""
        name = server_name(url)
        offered = self._offered.get(name)
        peeked = (offered, False) if offered else peek_client(self._store, client_key(self._profile, name))
        if peeked is None:
            raise never_registered(name)
        return service_of(peeked[0], self.catalogue)

    def _found(self, name: str) -> tuple[Service, StoredClient | None]:
        """Return a service and its stored client; a server's URL is looked up in the store, verified."""
        if not is_url(name):
            service = self.catalogue.get(name)
            return service, self._stored(service)
        name = server_name(name)
        offered = self._offered.get(name)
        found = StoredClient(client=offered) if offered else read_client(self._store, client_key(self._profile, name))
        if found is None:
            raise never_registered(name)
        service = service_of(found.client, self.catalogue)
        return service, self._stored(service) if service.client_of else found

    def _stored(self, service: Service) -> StoredClient | None:
        offered = self._offered.get(service.name)
        if offered and not service.client_of:
            return StoredClient(client=offered)
        return read_client(self._store, self._key(service))

    def _key(self, service: Service) -> RecordKey:
        """Return the key of the client that serves a service: a preset uses the one of its service."""
        return client_key(self._profile, service.registered_at.name)

    def _usable(
        self, service: Service, stored: StoredClient | None, *, redirect_uri: str | None, redirects: bool
    ) -> Client:
        client_id, client_secret = self._override(service.registered_at.name)
        client = stored.client if stored else no_client(service)
        if service.redirect.makes_client and not client.client_id:
            client = replace(client, client_id=LOCALHOST)
        if self._sandboxed and client.sandbox_url is None:
            raise not_in_sandbox(service)
        if not (client_id or client.client_id):
            known = replace(client, redirect_uri=redirect_uri or client.redirect_uri)
            raise not_set(service, known, redirects=redirects)
        if client_id not in (None, client.client_id):
            # A stored secret belongs to the stored client id; it is not sent with another one.
            client = replace(client, client_id=client_id, client_secret=client_secret, private_keys=())
        else:
            self._check_hosts(service, client)
        if client_secret and not takes_key(service):
            keys = client.private_keys if keeps_key(service) else ()
            client = replace(client, client_secret=client_secret, private_keys=keys)
        return check_has_key(service, client)

    def _check_hosts(self, service: Service, client: Client) -> None:
        """Check that a stored client is pinned to the service's present origins; pin URLs that are not pinned yet."""
        check_hosts(service, client, has_secret=client.client_secret is not None)
        origins = origins_of(service)
        if origins.keys() <= client.origins.keys():
            return
        key = self._key(service)
        with self._store.lock(key):
            stored = read_client(self._store, key)
            if stored is not None:
                bound = replace(stored.client, origins={**origins, **stored.client.origins})
                save_client(self._store, key, replace(stored, client=bound))

    def peek(self, service: Service) -> tuple[Client, bool] | None:
        """Return the client without its secret, and whether it has one; not verified, reads metadata only."""
        client_id, client_secret = self._override(service.registered_at.name)
        stored = peek_client(self._store, self._key(service))
        if stored is None and client_id is None:
            return (replace(no_client(service), client_id=LOCALHOST), False) if service.redirect.makes_client else None
        client, has_secret = stored or (no_client(service), False)
        has_secret = has_secret and client_id in (None, client.client_id)
        return replace(client, client_id=client_id or client.client_id), has_secret or client_secret is not None

    def ids(self, names: Sequence[str]) -> dict[str, str]:
        """Return the client ids of those of these services that have one; reads metadata only."""
        stored = {client.service: client.client_id for client in list_clients(self._store, self._profile)}
        ids = {name: self._override(name)[0] or stored.get(name) for name in names}
        return {name: client_id for name, client_id in ids.items() if client_id}

    def filled(self, name: str) -> Service:
        """Return the service of that name with its placeholders filled from the client's parameters.

        Those that an authorization response fills have their defaults; see `with_callback`.
        In the sandbox's profile all of its endpoints are the sandbox's.
        Raises `ServiceNotFound`, `ConfigurationProblem` when a placeholder has no value yet, and `ClientNotSet` in the
        sandbox's profile before a login there.
        """
        service = self.catalogue.get(name)
        if not (self._sandboxed or service.params or is_url(name)):
            return service
        service, stored = self._found(name)
        return self._filled(service, stored.client if stored else None)

    def _filled(self, service: Service, client: Client | None) -> Service:
        if self._sandboxed:
            if client is None or client.sandbox_url is None:
                raise not_in_sandbox(service)
            return at_sandbox(service, client.sandbox_url)
        is_set = client is not None or self._override(service.registered_at.name)[0] is not None
        if not is_set and any(p.default is None for p in service.params):
            raise not_set(service, no_client(service))
        return with_callback(fill(service, client.params if client else {}), {}) if service.params else service

    def set(
        self,
        service: Service,
        *,
        client_id: str | None = None,
        client_secret: Secret[str] | None = None,
        scope: str | None = None,
        port: int | None = None,
        redirect_uri: str | None = None,
        params: Mapping[str, str] | None = None,
        change_keys: ChangeKeys | None = None,
    ) -> Client:
        """Change the values that are given; an empty secret or redirect URI and the port 0 remove the stored one.

        A redirect URI has its own port, so of the two the last one given is stored. A new secret is pinned to the
        service's present origins; so is the stored one when a given parameter changes them.
        Raises `ConfigurationProblem` for a parameter that the service does not have, `UsageProblem` for a redirect
        URI at which no login could end, for the scope of a preset that has its own, and in the sandbox's profile.
        """
        self._check_is_set_here(service)
        if scope is not None and has_own_scopes(service):
            raise scope_of_preset(service, scope)
        if redirect_uri:
            port = 0
            check_redirect_uri(service, redirect_uri)
        elif port:
            redirect_uri = ""
        for name, value in (params or {}).items():
            check_param(service, name, value)
        key = self._key(service)
        with self._store.lock(key):
            stored = read_client(self._store, key) or StoredClient(client=no_client(service))
            before = stored.client
            client = replace(
                before,
                client_id=before.client_id if client_id is None else client_id,
                client_secret=(before.client_secret if client_secret is None else client_secret) or None,
                scope=before.scope if scope is None else scope,
                port=(before.port if port is None else port) or None,
                redirect_uri=(before.redirect_uri if redirect_uri is None else redirect_uri) or None,
                params={**before.params, **(params or {})},
                private_keys=change_keys(before.private_keys) if change_keys else before.private_keys,
            )
            given = client_secret or any(key not in before.private_keys for key in client.private_keys[:1])
            changed = given if before.client_secret else given or client_id
            client = replace(client, origins=_pinned(service, before, client, changed=bool(changed)))
            save_client(self._store, key, replace(stored, client=client))
        return client

    def _check_is_set_here(self, service: Service) -> None:
        if self._sandboxed:
            raise set_in_sandbox(service)
        if is_url(service.name):
            raise set_at_url(service)

    def set_sandbox(
        self,
        service: Service,
        *,
        sandbox_url: str,
        client_id: str,
        client_secret: Secret[str],
        private_key: Secret[str] | None = None,
    ) -> None:
        """Replace a service by a sandbox, with the client that the sandbox knows; in the sandbox's profile only."""
        assert self._sandboxed
        client = Client(
            service=service.registered_at.name,
            client_id=client_id,
            client_secret=client_secret,
            private_keys=(private_key,) if private_key and keeps_key(service) else (),
            sandbox_url=sandbox_url,
            params=sandbox_params(service),
        )
        key = self._key(service)
        with self._store.lock(key):
            stored = read_client(self._store, key)
            save_client(self._store, key, StoredClient(client=client, version=stored.version if stored else None))

    def delete(self, service: str) -> bool:
        """Delete the client of a service, at a URL the issuer's registration too; return False when there was none."""
        key = client_key(self._profile, service)
        with self._store.lock(key):
            known = self._store.peek(key) is not None
            if known and is_url(service):
                issuer = self._at_url(service).issuer or ""
                self._store.delete(registration_key(self._profile, issuer))
            self._store.delete(key)
        return known


def no_client(service: Service) -> Client:
    """Return what is known of our client where none is set."""
    return Client(service=service.registered_at.name, client_id="")


def default_scope(service: Service, client: Client) -> str:
    """Return the scope that a login requests unless it is given one: a preset's own, the client's, or the entry's."""
    of_client = None if has_own_scopes(service) else client.scope
    return of_client or service.scope_separator.join(service.scopes)


def needs_scope(service: Service, client: Client) -> bool:
    """Return whether the service would refuse a login for want of a scope; the sandbox does not."""
    return service.scope_required and not client.sandbox_url and not default_scope(service, client)


def has_own_scopes(service: Service) -> bool:
    """Return whether it is a preset whose scopes are not those of the client that it uses."""
    return "scopes" in service.preset_keys


def missing_params(service: Service, params: Mapping[str, str]) -> list[Parameter]:
    """Return the parameters of a service that need a value and have none among these."""
    return [parameter for parameter in service.params if parameter.default is None and parameter.name not in params]


def _pinned(service: Service, before: Client, client: Client, *, changed: bool) -> Mapping[str, str]:
    """Return the origins to pin a client to: the service's present ones when its secret or id changed.

    An unchanged secret follows the parameters, except to a URL that had moved elsewhere before.
    """
    now = origins_of(_partly_filled(service, client))
    if changed:
        return now
    elsewhere = {key for key, _, _ in moves(_partly_filled(service, before), before.origins)}
    return {**before.origins, **{key: name for key, name in now.items() if key not in elsewhere}}


def _partly_filled(service: Service, client: Client) -> Service:
    try:
        return fill(service, client.params)
    except ConfigurationProblem:
        return service
