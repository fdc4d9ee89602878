"""The revocation request and its response (RFC 7009)."""

from __future__ import annotations

from dataclasses import replace

from everyauth_cli.errors import InvalidGrant, ServiceError, ServiceUnreadable
from everyauth_cli.model import ACCEPT_JSON, Client, Request, Response, Secret, Service
from everyauth_cli.oauth.client_authentication import authenticated
from everyauth_cli.oauth.error_response import read_fields
from everyauth_cli.oauth.request_form import client_values, from_template, shaped
from everyauth_cli.services.rules import BEARER, ClientAuthMethod, RequestKind, RevocationRules, RevocationStyle

UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"
INVALID_TOKEN = "invalid_token"


def revocation_request(
    service: Service,
    client: Client,
    token: Secret[str],
    *,
    hint: str,
    account: str | None = None,
    now: int | None = None,
) -> Request:
    """Return the request that revokes a token; `hint` is `refresh_token` or `access_token` (RFC 7009 section 2.1).

    `account` is the identifier of the account that granted it, which some services revoke by.
    """
    if service.quirk.revoke is not None:
        made: Request = service.quirk.revoke(service, client, token)
        return made
    rules = service.revocation
    assert rules.endpoint is not None
    values = {**client_values(client), "token": token, "token_type": hint, "account_subject": account}
    is_bearer = rules.auth_method == BEARER
    fields = from_template(rules.params, values) if rules.params else {} if is_bearer else _fields(rules, token, hint)
    request = Request(url=rules.endpoint, fields=fields, body=rules.body, headers=ACCEPT_JSON)
    return shaped(_authorized(request, service, client, token, now=now), service, RequestKind.REVOCATION)


def _authorized(request: Request, service: Service, client: Client, token: Secret[str], *, now: int | None) -> Request:
    """Return a revocation request with its authentication."""
    rules = service.revocation
    if rules.authorization is not None:
        scheme, _, what = rules.authorization.partition(" ")
        return replace(request, scheme=scheme, bearer=token if what == "{token}" else client.client_secret)
    if rules.auth_method == BEARER:
        return replace(request, bearer=token)
    if rules.auth_method == ClientAuthMethod.NONE or (rules.params and rules.auth_method is None):
        return request
    method = rules.auth_method or service.token_endpoint_auth_method
    return authenticated(request, service, client, method=method, now=now)


def read_revocation(service: Service, response: Response) -> bool:
    """Whether the token is no longer valid; False when the service does not revoke this type of token.

    A token that the service does not know counts as revoked (RFC 7009 section 2.2).
    Raises `ClientRejected` or `ServiceError`: the token is not revoked.
    """
    try:
        read_fields(service, response, key="revocation_endpoint")
    except ServiceUnreadable:
        # A success may have any body (RFC 7009 section 2.2), but an HTML page comes from something in between.
        if not 200 <= response.status < 300 or response.is_page:  # noqa: PLR2004 - RFC 9110 section 15.3
            raise
    except ServiceError as error:
        if error.error == UNSUPPORTED_TOKEN_TYPE:
            return False
        # RFC 7009 answers an unknown token with 200; some services answer as RFC 6750 section 3.1 does.
        if error.error != INVALID_TOKEN and not _means_the_token(service, error):
            raise
    return True


def _fields(rules: RevocationRules, token: Secret[str], hint: str) -> dict[str, str | Secret[str]]:
    match rules.style:
        case RevocationStyle.TYPE:
            return {hint: token}
        case RevocationStyle.TOKEN:
            return {"token": token}
        case RevocationStyle.TOKEN_AND_HINT:
            return {"token": token, "token_type_hint": hint}


def _means_the_token(service: Service, error: ServiceError) -> bool:
    """Whether the rejected credential is the token to revoke, since it also authenticates the request."""
    return service.revocation.auth_method == BEARER and isinstance(error, InvalidGrant)
