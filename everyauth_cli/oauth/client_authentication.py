"""A client's request to an endpoint of its service, with the client's authentication (RFC 6749 section 2.3.1)."""

from __future__ import annotations

from urllib.parse import quote_plus

from everyauth_cli.model import Client, Request, Secret, Service

ACCEPT_JSON = {"Accept": "application/json"}

Fields = dict[str, str | Secret[str]]


def authenticated_request(service: Service, client: Client, *, url: str, fields: Fields) -> Request:
    """The request with these fields and with who the client is, said in the way that the service takes it."""
    fields = dict(fields)
    basic = None
    secret = client.client_secret or (
        Secret("") if service.token_endpoint_auth_method == "client_secret_basic_or_empty" else None
    )
    if service.token_endpoint_auth_method.startswith("client_secret_basic") and secret is not None:
        basic = (quote_plus(client.client_id), Secret(quote_plus(secret.reveal())))
    else:
        fields["client_id"] = client.client_id
        if service.token_endpoint_auth_method == "client_secret_post" and client.client_secret is not None:
            fields["client_secret"] = client.client_secret
    return Request(url=url, fields=fields, basic=basic, body=service.body, headers=ACCEPT_JSON)
