"""The methods of `EveryAuth` for logins at a URL, and for those without a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from everyauth_cli.errors import raised_anew
from everyauth_cli.flows.composition import HasFlows
from everyauth_cli.model import DEFAULT_USER, Secret, Service
from everyauth_cli.oauth.login_request import Terms
from everyauth_cli.oauth.presented import IdentityToken

if TYPE_CHECKING:
    from everyauth_cli.flows.granted import Grant
    from everyauth_cli.oauth.authorization_code import PendingLogin


def prepare(
    self: HasFlows,
    name: str,
    *,
    redirect_uri: str,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str | None = None,
    resource: str = "",
    dpop: bool = False,
) -> PendingLogin:
    """Return a login that `begin` would begin, and send nothing: to compare it with one that has begun."""
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.login.prepare(terms, redirect_uri=redirect_uri)


@raised_anew
def begin(
    self: HasFlows,
    name: str,
    *,
    redirect_uri: str,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str | None = None,
    resource: str = "",
    dpop: bool = False,
) -> PendingLogin:
    """Begin a login with the authorization code flow (RFC 6749 section 4.1, PKCE: RFC 7636).

    The scope is the one given (an empty one requests none), else the client's, else the catalogue's. With a
    `resource`, the URI of an API, tokens are requested for it, at each refresh too (RFC 8707); with `dpop` they are
    bound to a key, and serve `httpx_auth` and `requests_auth` alone (RFC 9449).
    Where the service takes pushed authorization requests (RFC 9126), the request is sent to it now, and the browser has
    to be at the authorization URL before `request_expires_at`.
    Raises `ServiceNotFound`, `ClientNotSet`, `ConfigurationProblem`, `StoreError`, `UsageProblem` for an empty user, a
    tag named `userId` or `tenantId`, a resource that is no absolute URI, or a service not known to bind tokens, and of
    a push `LoginFailed`, `ServiceError`, `ClientRejected`.
    """
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.login.push(self._flows.login.prepare(terms, redirect_uri=redirect_uri))


def discover(
    self: HasFlows,
    url: str,
    *,
    user: str = DEFAULT_USER,
    tenant: str = "",
    scope: str | None = None,
    client: str | None = None,
    client_id: str | None = None,
    assume_pkce: bool = False,
    rejected: str | None = None,
) -> Service | None:
    """Find out how the server at a URL is logged in at, and have it register a client; None if it needs no login.

    The URL, of a protected resource (RFC 9728) such as an MCP server or of an issuer (RFC 8414), is then the
    service's name, for `begin` here and, once the login is kept, everywhere. The client is that of the service
    `client` or of the catalogue's for this host, or the client id metadata document `client_id`, or one that the
    server registers (RFC 7591) for these scopes, which is not the `rejected` one. PKCE must be stated unless
    `assume_pkce` is set.
    What was found less than a day ago is used again, without asking the server, where nothing is given but the `user`
    and the `tenant` (the user unless given) whose login it is, and they have none there yet.
    Raises `UsageProblem`, `ClientNotSet`, `ServiceNotFound`, `ServiceError`, `StoreError`.
    """
    return self._flows.servers.discover(
        url,
        user=user,
        tenant=tenant,
        scope=scope,
        client=client,
        client_id=client_id,
        assume_pkce=assume_pkce,
        rejected=rejected,
    )


@raised_anew
def client_credentials(
    self: HasFlows,
    name: str,
    *,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str = "",
    resource: str = "",
    dpop: bool = False,
    identity_token_from: str = "",
    identity_token: str | Secret[str] | None = None,
    audience: str = "",
) -> Grant:
    """Get a token for the client itself, without a user or a browser (RFC 6749 section 4.4); stores nothing.

    No scope is requested but the given one, and the token is for the `resource` (RFC 8707) where that is given. An
    identity token takes the place of the client's secret (RFC 7523 section 2.2); see `jwt_bearer`. Once it is kept,
    the grant is run again where others are refreshed.
    Raises what `begin` does, and `ServiceError` and `ClientRejected`.
    """
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.grants.client_credentials(
        terms,
        identity_token=_identity_token(identity_token_from, identity_token, audience),
    )


@raised_anew
def jwt_bearer(
    self: HasFlows,
    name: str,
    *,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str = "",
    resource: str = "",
    dpop: bool = False,
    subject: str = "",
    identity_token_from: str = "",
    identity_token: str | Secret[str] | None = None,
    audience: str = "",
) -> Grant:
    """Get a token for an assertion, without a browser (RFC 7523 section 2.1); stores nothing.

    Our client's private key signs the assertion, which is about `subject`, by default the client itself. With
    `identity_token_from` it is the identity token of this job instead: "github", "gitlab", "file:PATH" or "env:NAME";
    GitHub issues it for the `audience` (the service's issuer unless given). An `identity_token` that is given itself
    can be presented once, so that its login is not refreshed. The token is for the `resource` (RFC 8707) where that is
    given. Once it is kept, any other grant is run again where others are refreshed.
    Raises what `begin` does, and `ServiceError` and `ClientRejected`.
    """
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.grants.jwt_bearer(
        terms,
        subject=subject,
        identity_token=_identity_token(identity_token_from, identity_token, audience),
    )


@raised_anew
def exchange(
    self: HasFlows,
    name: str,
    *,
    subject: str,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str = "",
    resource: str = "",
    dpop: bool = False,
    audience: str = "",
) -> Grant:
    """Get a token in exchange for the access token of another login (RFC 8693), without a browser; stores nothing.

    The `subject` is the service at which this user has logged in, or the id of any identity of the profile. The
    `audience` and the `resource` (RFC 8707) say where the token is to be used, where they are given. Once it is kept,
    the grant is run again where others are refreshed, with the token that the subject has then.
    Raises what `begin` and `get_identity` do, and `NotFound`.
    """
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.grants.exchange(
        terms,
        subject=subject,
        audience=audience,
    )


@raised_anew
def id_jag(
    self: HasFlows,
    name: str,
    *,
    idp: str,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str = "",
    resource: str = "",
    dpop: bool = False,
    identity_token_from: str = "",
    identity_token: str | Secret[str] | None = None,
    audience: str = "",
) -> Grant:
    """Get a token by way of a company's identity provider, without a browser; stores nothing.

    The identity provider issues an assertion for the service (draft-ietf-oauth-identity-assertion-authz-grant; MCP's
    enterprise-managed authorization) in exchange for an ID token: that of this user's login at the service `idp`, or
    of the identity with that id, or else an identity token as `jwt_bearer` takes it, which GitHub issues for the
    `audience` (the provider's issuer unless given). Once it is kept, both steps are run again where others are
    refreshed; the assertion is not stored.
    Raises what `begin` and `get_identity` do, and `NotFound`.
    """
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.grants.id_jag(
        terms,
        idp=idp,
        identity_token=_identity_token(identity_token_from, identity_token, audience),
    )


def _identity_token(source: str, given: str | Secret[str] | None, audience: str) -> IdentityToken:
    """Return the identity token of a login, which an app may give as a plain text."""
    return IdentityToken(source=source, given=Secret(given) if isinstance(given, str) else given, audience=audience)
