"""The client credentials grant (RFC 6749 section 4.4): a token for the client itself."""

from __future__ import annotations

from dataclasses import replace

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.client_assertion import ASSERTION_TYPE
from everyauth_cli.oauth.request_form import Fields
from everyauth_cli.oauth.token_endpoint import token_request
from everyauth_cli.services.rules import ClientAuthMethod, RequestKind


def client_credentials_request(
    service: Service, client: Client, *, scope: str, presented: Secret[str] | None = None, now: int | None = None
) -> Request:
    """Return the token request (RFC 6749 section 4.4.2); an empty scope requests none.

    An identity token that another party signed is `presented` in place of the client's own secret or key (RFC 7523
    section 2.2).
    """
    fields: Fields = {"grant_type": service.client_credentials.grant_type, **({"scope": scope} if scope else {})}
    if presented is not None:
        fields |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": presented}
        service = replace(service, token_endpoint_auth_method=ClientAuthMethod.NONE)
    return token_request(service, client, service.token_endpoint, fields, kind=RequestKind.CLIENT_CREDENTIALS, now=now)
