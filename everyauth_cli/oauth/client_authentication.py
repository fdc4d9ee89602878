"""A client's request to an endpoint of its service, with the client's authentication (RFC 6749 section 2.3.1)."""

from __future__ import annotations

from urllib.parse import quote_plus

from everyauth_cli.model import Client, Exchange, Secret, Service

ACCEPT_JSON = {"Accept": "application/json"}

Fields = dict[str, str | Secret[str]]


def client_exchange(service: Service, client: Client, *, url: str, fields: Fields) -> Exchange:
    """The request with these fields and with who the client is, said in the way that the service takes it."""
    fields = dict(fields)
    basic = None
    secret = client.client_secret or (Secret("") if service.client_auth == "basic_or_empty" else None)
    if service.client_auth.startswith("basic") and secret is not None:
        basic = (quote_plus(client.client_id), Secret(quote_plus(secret.reveal())))
    else:
        fields["client_id"] = client.client_id
        if service.client_auth == "post" and client.client_secret is not None:
            fields["client_secret"] = client.client_secret
    return Exchange(url=url, fields=fields, basic=basic, body=service.body, headers=ACCEPT_JSON)
