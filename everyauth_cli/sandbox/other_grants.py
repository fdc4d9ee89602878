"""Grants at the sandbox that no person decides: of the client itself, and in exchange for a user's token."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace

from everyauth_cli.sandbox.client_authentication import required
from everyauth_cli.sandbox.grants import Grant, OAuthError, Registration
from everyauth_cli.sandbox.responses import EndpointResponse, Responses

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"


def client_credentials_grant(responses: Responses, client: Registration, form: Mapping[str, str]) -> Grant:
    """Return the grant for the client itself (RFC 6749 section 4.4). Raises `OAuthError`."""
    if client.client_secret is None:
        raise OAuthError("unauthorized_client", "A public client cannot use this grant type.")
    for name in responses.service.client_credentials.params:
        required(form, name)
    return _grant(responses, client, form, user=client.client_id)


def exchange_grant(responses: Responses, client: Registration, form: Mapping[str, str], *, user: str | None) -> Grant:
    """Return the grant for the `user` whose token is exchanged (RFC 8693 section 2.1), None if that is not valid.

    Raises `OAuthError`.
    """
    required(form, "subject_token")
    types = (required(form, "subject_token_type"), form.get("requested_token_type", ACCESS_TOKEN_TYPE))
    if set(types) != {ACCESS_TOKEN_TYPE}:
        raise OAuthError("invalid_request", "Access tokens are exchanged for access tokens, and nothing else is.")
    if user is None:
        raise OAuthError("invalid_request", "The subject token is not valid here: this sandbox did not issue it.")
    return _grant(responses, client, form, user=user)


def exchanged(response: EndpointResponse) -> EndpointResponse:
    """Return a token response with the type of the issued token (RFC 8693 section 2.2.1)."""
    fields = {**json.loads(response.body), "issued_token_type": ACCESS_TOKEN_TYPE, "token_type": "Bearer"}
    return replace(response, body=json.dumps(fields).encode())


def _grant(responses: Responses, client: Registration, form: Mapping[str, str], *, user: str) -> Grant:
    scopes = responses.granted_scopes(form.get("scope", ""))
    return Grant(id=str(uuid.uuid4()), client_id=client.client_id, user=user, scopes=scopes, of_client=True)
