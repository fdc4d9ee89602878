"""Token exchange (RFC 8693): a token for one that the user has elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.issued_token import ACCESS_TOKEN_TYPE
from everyauth_cli.oauth.request_form import Fields
from everyauth_cli.oauth.token_endpoint import token_request


def access_token_request(
    service: Service, client: Client, grant: RepeatedGrant, subject_token: Secret[str], *, now: int
) -> Request:
    """Return the request for an access token in exchange for another one."""
    about = {"audience": grant.audience, "scope": grant.scope}
    types = (ACCESS_TOKEN_TYPE, ACCESS_TOKEN_TYPE)
    return token_exchange_request(service, client, subject_token, types=types, about=about, now=now)


def token_exchange_request(
    service: Service,
    client: Client,
    subject_token: Secret[str],
    *,
    types: tuple[str, str],
    about: Mapping[str, str],
    now: int,
) -> Request:
    """Return the token request (RFC 8693 section 2.1); what is empty in `about` is left out.

    `types` are those of the subject token and of the requested one, which is always named: what a server would issue
    by itself could be anything. No other party acts for the subject, so there is no actor token.
    """
    fields: Fields = {
        "grant_type": GrantType.TOKEN_EXCHANGE.value,
        **dict(zip(("subject_token_type", "requested_token_type"), types, strict=True)),
        "subject_token": subject_token,
        **{name: value for name, value in about.items() if value},
    }
    return token_request(service, client, service.token_endpoint, fields, now=now)
