"""The JWT bearer grant (RFC 7523 section 2.1): a token for an assertion, which our key or another party signs."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.assertion import new_jti, signed_assertion
from everyauth_cli.oauth.client_assertion import audience
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.jwt import unverified
from everyauth_cli.oauth.request_form import Fields
from everyauth_cli.oauth.token_endpoint import token_request
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import AssertionSubject, PrivateKeyUse, ScopePlace

TYPE = "JWT"
LONGEST_SUBJECT = 255


def jwt_bearer_request(
    service: Service,
    client: Client,
    assertion: Secret[str],
    *,
    scope: str,
    authenticates: bool = True,
    now: int | None = None,
) -> Request:
    """Return the token request that presents an assertion (RFC 7521 section 4.1); an empty scope requests none.

    The client authenticates besides, unless the service knows it by the assertion alone.
    """
    fields: Fields = {"grant_type": GrantType.JWT_BEARER.value, "assertion": assertion}
    fields |= {"scope": scope} if scope else {}
    return token_request(service, client, service.token_endpoint, fields, authenticates=authenticates, now=now)


def own_assertion_request(service: Service, client: Client, grant: RepeatedGrant, *, now: int) -> Request:
    """Return the token request with an assertion that our client's private key signs.

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    return jwt_bearer_request(
        service,
        client,
        own_assertion(service, client, grant, now=now),
        scope=grant.scope if service.jwt_bearer.scope_in is ScopePlace.REQUEST else "",
        authenticates=service.client_assertion.key_use is not PrivateKeyUse.JWT_BEARER,
        now=now,
    )


def consent_url(service: Service, client: Client, *, scope: str, redirect_uri: str) -> str:
    """Return the URL at which a user lets our client act for them with such assertions; its response is of no use."""
    fields = {"response_type": "code", "scope": scope, "client_id": client.client_id, "redirect_uri": redirect_uri}
    parts = urlsplit(service.authorization_endpoint or "")
    query = urlencode({**service.authorization_params, **fields}, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, query]))))


def own_assertion(service: Service, client: Client, grant: RepeatedGrant, *, now: int) -> Secret[str]:
    """Return the assertion of a grant that our client's private key signs (RFC 7523 section 3)."""
    rules = service.jwt_bearer
    claims = {"iss": client.client_id, "aud": rules.audience or audience(service), "jti": new_jti()}
    if grant.subject or rules.subject is AssertionSubject.CLIENT:
        claims["sub"] = grant.subject or client.client_id
    if grant.scope and rules.scope_in is ScopePlace.ASSERTION:
        claims["scope"] = grant.scope
    return signed_assertion(service, client, claims, typ=TYPE, now=now)


def subject_of(assertion: Secret[str]) -> str:
    """Return the subject that an assertion of another party names, for show: it is not verified here."""
    _, claims = unverified(assertion)
    return printable(value, LONGEST_SUBJECT) if isinstance(value := claims.get("sub"), str) else ""
