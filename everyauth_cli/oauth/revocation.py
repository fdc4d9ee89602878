"""Requests to the revocation endpoint and the reading of its answers (RFC 7009)."""

from __future__ import annotations

from dataclasses import replace

from everyauth_cli.errors import GrantRefused, ServiceError, ServiceUnreadable
from everyauth_cli.model import Answer, Client, Exchange, Secret, Service
from everyauth_cli.oauth.client_authentication import ACCEPT_JSON, Fields, client_exchange
from everyauth_cli.oauth.token_endpoint import read_fields

HTML = "text/html"


def revocation_exchange(service: Service, client: Client, token: Secret[str], *, hint: str) -> Exchange:
    """The request that revokes a token; `hint` is `refresh_token` or `access_token` (RFC 7009 section 2.1)."""
    assert service.revoke_url is not None
    if service.quirk.revoke is not None:
        return service.quirk.revoke(service, client, token)
    if service.revoke_auth == "bearer":
        return Exchange(url=service.revoke_url, bearer=token, headers=ACCEPT_JSON)
    fields = _fields(service, token, hint)
    if service.revoke_auth == "none":
        return Exchange(url=service.revoke_url, fields=fields, body=service.revoke_body, headers=ACCEPT_JSON)
    exchange = client_exchange(service, client, url=service.revoke_url, fields=fields)
    return replace(exchange, body=service.revoke_body)


def read_revocation(service: Service, answer: Answer) -> bool:
    """Whether the token is no longer good; False when the service revokes no tokens of this type.

    A token that the service does not know is as good as revoked (RFC 7009 section 2.2).
    Raises `ClientRejected` or `ServiceError`: the token still stands.
    """
    try:
        read_fields(service, answer, key="revoke_url")
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


def _fields(service: Service, token: Secret[str], hint: str) -> Fields:
    if service.revoke_as == "type":
        return {hint: token}
    return {"token": token} if service.revoke_as == "token" else {"token": token, "token_type_hint": hint}


def _is_refused_itself(service: Service, error: ServiceError) -> bool:
    """Whether an error speaks of the token that is to be revoked, which then is the one that authenticates."""
    return service.revoke_auth == "bearer" and isinstance(error, GrantRefused)


def _is_page(answer: Answer) -> bool:
    return answer.content_type.partition(";")[0].strip().lower() == HTML and bool(answer.body.reveal().strip())
