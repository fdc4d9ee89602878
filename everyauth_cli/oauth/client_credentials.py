"""The client credentials grant (RFC 6749 section 4.4): a token for the client itself."""

from __future__ import annotations

from everyauth_cli.model import Client, Request, Service
from everyauth_cli.oauth.request_form import Fields
from everyauth_cli.oauth.token_endpoint import token_request
from everyauth_cli.services.rules import RequestKind


def client_credentials_request(service: Service, client: Client, *, scope: str, now: int | None = None) -> Request:
    """Return the token request (RFC 6749 section 4.4.2); an empty scope requests none."""
    fields: Fields = {"grant_type": service.client_credentials.grant_type, **({"scope": scope} if scope else {})}
    return token_request(service, client, service.token_endpoint, fields, kind=RequestKind.CLIENT_CREDENTIALS, now=now)
