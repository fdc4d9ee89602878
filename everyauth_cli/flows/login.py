"""Logging in: begin a login, redeem its authorization code, and keep what was granted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from everyauth_cli.errors import (
    ConfigurationProblem,
    InvalidGrant,
    LoginFailed,
    LoginTimedOut,
    ServiceError,
    UsageProblem,
)
from everyauth_cli.event_log import Action, Record, ignore, recorded, redacted
from everyauth_cli.flows.account import Accounts
from everyauth_cli.flows.account_endpoint import AccountEndpoint
from everyauth_cli.flows.clients import Clients, default_scope, needs_scope
from everyauth_cli.flows.granted import Grant, check_account, identity_of
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.flows.host_pinning import bound_names, granted_origins
from everyauth_cli.flows.jwks import IssuerKeys
from everyauth_cli.flows.known_servers import doubted_on_failure
from everyauth_cli.flows.proofs import Sender
from everyauth_cli.flows.pushing import pushed
from everyauth_cli.flows.refresh_run import refreshed
from everyauth_cli.flows.selector import OWN_TAGS, check_texts
from everyauth_cli.model import (
    Client,
    Identity,
    RecordKey,
    Request,
    Response,
    Secret,
    Service,
    Token,
)
from everyauth_cli.oauth import authorization_code, localhost_client
from everyauth_cli.oauth.authorization_code import AuthorizationResponse, PendingLogin, read_response
from everyauth_cli.oauth.dpop import binding, new_key
from everyauth_cli.oauth.login_request import LoginRequest, Terms
from everyauth_cli.oauth.resource_indicator import check_resource, for_resource
from everyauth_cli.oauth.token_endpoint import (
    added_fields,
    code_request,
    long_lived_request,
    missing_scopes,
    read_token,
)
from everyauth_cli.services.callback import read_callback, with_callback
from everyauth_cli.store.identities import StoredIdentity, identity_key, read_identity, save_identity
from everyauth_cli.store.records import Store

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFlow:
    """Begins logins in one profile and keeps what they grant.

    `clock` gives milliseconds since the epoch; `warn` receives what a user should know about a login that succeeded.
    """

    profile: str
    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    warn: Callable[[str], None]
    record: Record = ignore

    def prepare(self, terms: Terms, *, redirect_uri: str) -> PendingLogin:
        """Make a login with the authorization code flow (RFC 6749 section 4.1), and send nothing."""
        service, client = self.registered(terms, redirect_uri=redirect_uri)
        if service.authorization_endpoint is None:
            raise ConfigurationProblem(
                f"{service.title} has no login in the browser",
                hint=login_command(service.name, user=terms.user, tenant=terms.tenant),
            )
        check_has_scope(service, client, terms.scope)
        scope = default_scope(service, client) if terms.scope is None else terms.scope
        client = localhost_client.for_login(client, redirect_uri=redirect_uri, scope=scope)
        request = self.request(service, client, terms)
        return authorization_code.begin(service, request, redirect_uri=redirect_uri)

    def push(self, pending: PendingLogin) -> PendingLogin:
        """Push the request of a login where the service has an endpoint for that (RFC 9126), which makes it begin."""
        service, client = self._begun(pending)
        if service.pushed_authorization_request_endpoint is None:
            return pending
        key, proof_key = self.key(pending.request), pending.request.proof_key
        sent = (pending.state, pending.nonce, proof_key, client.client_secret)
        with recorded(self.record, self.clock, Action.LOGIN, key, *sent, success=False):
            return pushed(service, client, pending, sender=self.sender(pending.request), clock=self.clock)

    def registered(
        self, terms: Terms, *, redirect_uri: str | None = None, redirects: bool = True
    ) -> tuple[Service, Client]:
        """Return our client, and the service as tokens by these terms are requested there; raises what `begin` does."""
        _check_names(terms)
        service, client = self.clients.registered(terms.service, redirect_uri=redirect_uri, redirects=redirects)
        check_resource(service, terms.resource)
        service = for_resource(service, terms.resource)
        return binding(service) if terms.dpop else service, client

    def request(self, service: Service, client: Client, terms: Terms) -> LoginRequest:
        """Return what a login requests, which no grant has answered yet."""
        return LoginRequest(
            service=service.name,
            user=terms.user,
            tenant=terms.tenant or terms.user,
            tags=dict(terms.tags),
            scope=default_scope(service, client) if terms.scope is None else terms.scope,
            client_id=client.client_id,
            token_endpoint=service.token_endpoint,
            started_at=self.clock(),
            resource=service.resource or "",
            issuer=service.issuer,
            proof_key=new_key(service) if service.dpop.bound_access_tokens else None,
        )

    def sender(self, request: LoginRequest, nonces: Mapping[str, str] | None = None) -> Sender:
        """Return a sender of a login's requests, with proofs of its key where its token is to be bound."""
        return Sender(self.send, self.clock, request.proof_key, nonces)

    def authorization_url(self, pending: PendingLogin) -> str:
        """Return the URL at which a person grants access (RFC 6749 section 4.1.1)."""
        service, _ = self._begun(pending)
        return authorization_code.authorization_url(service, pending)

    def _begun(self, pending: PendingLogin) -> tuple[Service, Client]:
        """Return the service and our client of a login that has begun."""
        request = pending.request
        service, client = self.clients.registered(request.service, client_id=request.client_id)
        return for_resource(service, request.resource), client

    @contextmanager
    def lock(self, service: str, *, user: str, tenant: str, timeout: float) -> Iterator[None]:
        """Keep other logins for the same identity out, while it can still be read and refreshed."""
        key = RecordKey(profile=self.profile, kind="login", service=service, tenant=tenant or user, user=user)
        with self.store.lock(key, timeout=timeout):
            yield

    def redeem(self, pending: PendingLogin, query: Query) -> Grant:
        """Check an authorization response and redeem its code; see `EveryAuth.redeem`."""
        key = self.key(pending.request)
        sent = [Secret(value) for name, value in query if name in ("code", "state")]
        failing = doubted_on_failure(self.store, self.profile, pending.request.service)
        with failing, recorded(self.record, self.clock, Action.LOGIN, key, pending.verifier, *sent, success=False):
            service, client = self._begun(pending)
            response = read_response(service, pending, query)
            params = read_callback(service, dict(query))
            with redacted(client.client_secret):
                return self._redeem(service, client, pending, response, params)

    def _redeem(
        self,
        service: Service,
        client: Client,
        pending: PendingLogin,
        response: AuthorizationResponse,
        params: Mapping[str, str],
    ) -> Grant:
        check_is_same(service, client, pending.request)
        service = with_callback(service, params)
        token = self._token(service, client, pending, response)
        grant = self.granted(service, client, pending.request, token, params=params, nonce=pending.nonce)
        return replace(grant, redirect_uri=pending.redirect_uri)

    def granted(
        self,
        service: Service,
        client: Client,
        request: LoginRequest,
        token: Token,
        *,
        params: Mapping[str, str],
        nonce: Secret[str] | None = None,
    ) -> Grant:
        """Return a user's grant of a token: with the account, what is missing, and the origins that may get it."""
        if service.quirk.distrust and (fault := service.quirk.distrust(token.native.reveal())):
            raise LoginFailed(f"the token response of {service.name} {fault}; nothing was stored")
        if service.long_lived.endpoint:
            token = self._long_lived(service, client, token)
        token = self._accounts.named(service, client, request, token, nonce=nonce, key=self.key(request))
        issuer, resource = bound_names(service)
        return Grant(
            request=request,
            token=token,
            origins=granted_origins(service),
            params=params,
            missing_scopes=missing_scopes(
                service, request.scope, token.scope, refreshable=token.refresh_token is not None
            ),
            issuer=issuer,
            resource=resource,
        )

    @property
    def _accounts(self) -> Accounts:
        keys = IssuerKeys(store=self.store, send=self.send, clock=self.clock)
        endpoint = AccountEndpoint(send=self.send, clock=self.clock, record=self.record)
        return Accounts(keys=keys, endpoint=endpoint, clock=self.clock, warn=self.warn)

    def _token(self, service: Service, client: Client, pending: PendingLogin, response: AuthorizationResponse) -> Token:
        now, added, request = self.clock(), added_fields(service, client, response), pending.request
        sender = self.sender(request, pending.nonces)
        make = partial(code_request, service, client, pending, response, now=now)
        try:
            token = read_token(
                service,
                sender.send(make(), again=make),
                requested_scope=request.scope,
                now=now,
                added=added,
                proof_key=request.proof_key,
            )
        except InvalidGrant as refusal:
            # The service's own words name the cause, such as the code challenge or the redirect URI, or none at all.
            kind = LoginTimedOut if "has expired" in refusal.message else LoginFailed
            lifetime = f" (its codes are valid for {service.code_lifetime} s)" if service.code_lifetime else ""
            raise kind(f"{refusal.message}; it did not accept the authorization code{lifetime}") from None
        return replace(token, nonces=sender.nonces)

    def _long_lived(self, service: Service, client: Client, token: Token) -> Token:
        """Get a token that lives longer for the one that a login brought."""
        now = self.clock()
        try:
            with redacted(token.access_token):
                response = self.send(long_lived_request(service, client, token.access_token))
                return read_token(service, response, requested_scope=None, now=now, previous=token)
        except (InvalidGrant, ServiceError) as error:
            message = f"{error.message}; the login brought a token that ends soon, and none that lives longer"
            if isinstance(error, InvalidGrant):
                raise LoginFailed(message, hint="log in again") from None
            raise error.copy(message=message) from None

    def keep(self, grant: Grant, *, replace_account: bool = False) -> Identity:
        """Store what was granted; see `EveryAuth.keep`."""
        key = self.key(grant.request)
        with recorded(self.record, self.clock, Action.LOGIN, key), self.store.lock(key):
            stored = read_identity(self.store, key)
            if stored and not replace_account:
                check_account(stored.identity, grant)
                self._warn_of_first_account(stored.identity, grant.token)
            identity = identity_of(grant, stored)
            identity = refreshed(replace(identity, account=None) if replace_account else identity, grant.token)
            version = stored.version if stored else None
            self.clients.adopt(grant.request.service)
            save_identity(self.store, key, StoredIdentity(identity=identity, token=grant.token, version=version))
        return identity

    def discarded(self, grant: Grant) -> tuple[RecordKey, Identity, Token]:
        """Return what is revoked of a grant that is not kept."""
        return self.key(grant.request), refreshed(identity_of(grant, None), grant.token), grant.token

    def _warn_of_first_account(self, before: Identity, token: Token) -> None:
        if before.account is None and token.account is not None:
            user = user_of_tenant(before.user, before.tenant)
            self.warn(
                f"the stored login of {user} at {before.service} had no account name; it is {token.account.label} now"
            )

    def key(self, request: LoginRequest) -> RecordKey:
        return identity_key(self.profile, request.service, user=request.user, tenant=request.tenant)


def check_has_scope(service: Service, client: Client, scope: str | None) -> None:
    """Raise `ConfigurationProblem` where a service would refuse a login for want of a scope."""
    if needs_scope(service, client) and not scope:
        raise ConfigurationProblem(
            f"{service.title} refuses a login that requests no scope, and none is set; nothing was sent",
            hint=f"everyauth service set {service.name} --scope SCOPES",
        )


def check_is_same(service: Service, client: Client, request: LoginRequest) -> None:
    """Raise `LoginFailed` where a token would come from another server, or for another client, than was requested."""
    begun = (request.client_id, request.token_endpoint, request.issuer)
    if (client.client_id, service.token_endpoint, service.issuer) != begun:
        raise LoginFailed(
            f"the client, token endpoint or issuer of {service.name} changed during the login; log in again"
        )


def _check_names(terms: Terms) -> None:
    """Refuse names that no identity can have. Raises `UsageProblem`."""
    user, tags = terms.user, terms.tags
    check_texts(user, terms.tenant, *tags, *tags.values())
    if not user:
        raise UsageProblem("the user is empty", hint="give the user whose login it is")
    if taken := OWN_TAGS.keys() & tags.keys():
        raise UsageProblem(f"{min(taken)} is no tag of your own", hint=f"give it as the {OWN_TAGS[min(taken)]}")
