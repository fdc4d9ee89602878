"""Requests to the revocation endpoint and the reading of its answers (RFC 7009)."""

from __future__ import annotations

from everyauth_cli.errors import InvalidGrant, ServiceError, ServiceUnreadable
from everyauth_cli.model import ACCEPT_JSON, Client, Request, Response, Secret, Service
from everyauth_cli.oauth.client_authentication import METHODS
from everyauth_cli.oauth.error_response import read_fields
from everyauth_cli.services.rules import BEARER, ClientAuthMethod, RevocationRules, RevocationStyle

HTML = "text/html"


def revocation_request(service: Service, client: Client, token: Secret[str], *, hint: str) -> Request:
    """Return the request that revokes a token; `hint` is `refresh_token` or `access_token` (RFC 7009 section 2.1)."""
    rules = service.revocation
    assert rules.endpoint is not None
    if service.quirk.revoke is not None:
        return service.quirk.revoke(service, client, token)
    if rules.auth_method == BEARER:
        return Request(url=rules.endpoint, bearer=token, headers=ACCEPT_JSON)
    request = Request(url=rules.endpoint, fields=_fields(rules, token, hint), body=rules.body, headers=ACCEPT_JSON)
    if rules.auth_method == ClientAuthMethod.NONE:
        return request
    return METHODS[rules.auth_method or service.token_endpoint_auth_method](request, client)


def read_revocation(service: Service, answer: Response) -> bool:
    """Whether the token is no longer good; False when the service revokes no tokens of this type.

    A token that the service does not know is as good as revoked (RFC 7009 section 2.2).
    Raises `ClientRejected` or `ServiceError`: the token still stands.
    """
    try:
        read_fields(service, answer, key="revocation_endpoint")
    except ServiceUnreadable:
        # A success may hold anything (RFC 7009 section 2.2), but a page for people comes from something else.
        if not 200 <= answer.status < 300 or _is_page(answer):  # noqa: PLR2004 - RFC 9110 section 15.3
            raise
    except ServiceError as error:
        if error.error == "unsupported_token_type":
            return False
        # What RFC 7009 wants answered with 200 is answered so by some who follow RFC 6750 section 3.1.
        if error.error != "invalid_token" and not _is_refused_itself(service, error):
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


def _is_refused_itself(service: Service, error: ServiceError) -> bool:
    """Whether an error speaks of the token that is to be revoked, which then is the one that authenticates."""
    return service.revocation.auth_method == BEARER and isinstance(error, InvalidGrant)


def _is_page(answer: Response) -> bool:
    return answer.content_type.partition(";")[0].strip().lower() == HTML and bool(answer.body.reveal().strip())
