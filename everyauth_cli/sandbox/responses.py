"""The responses of one service's endpoints, built from its catalogue entry and its dialect."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from everyauth_cli.model import Service
from everyauth_cli.oauth import base64url
from everyauth_cli.sandbox.default_dialect import LIFETIME, OPENID, account_fields, default_revocation, dialect_of
from everyauth_cli.sandbox.device_codes import DeviceCode
from everyauth_cli.sandbox.dialect import (
    JSON,
    Call,
    Dialect,
    DocumentedError,
    DocumentedResponse,
    Endpoint,
    RefreshTokens,
    UnknownScopes,
    Values,
    fill_text,
)
from everyauth_cli.sandbox.grants import OAuthError, TokenSet
from everyauth_cli.sandbox.signing_keys import HMAC, RSA, SigningKeys, sign_with_secret

OF_REFRESH = ("{refresh_token}", "{refresh_expires_in}")
"""The values in a token response that a grant without a refresh token does not have."""
DEVICE_RESPONSE = DocumentedResponse(
    body=json.dumps(
        {
            "device_code": "{device_code}",
            "user_code": "{user_code}",
            "verification_uri": "{verification_uri}",
            "verification_uri_complete": "{verification_uri}?user_code={user_code}",
            "expires_in": "{expires_in}",
            "interval": "{interval}",
        }
    )
)
DENIAL = "The resource owner or authorization server denied the request."


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointResponse:
    """The content of a response; `standard` means that its format is RFC 6749's, not the service's own."""

    status: int
    content_type: str
    body: bytes
    standard: bool = False


class Responses:
    """Builds the responses of one service; the placeholders of `service` are filled in."""

    def __init__(self, service: Service, dialect: Dialect | None = None) -> None:
        self.service = service
        self.dialect = dialect or dialect_of(service)
        # A user's own entry may have a revocation endpoint that the documentation lacks.
        self.revocation = self.dialect.revocation or default_revocation(service)

    @property
    def refresh_tokens(self) -> RefreshTokens:
        return self.dialect.tokens.refresh_tokens

    @property
    def signs_with_secret(self) -> bool:
        """Whether id tokens are signed with the client secret: the entry accepts HS256 and not RS256."""
        algorithms = self.service.id_token.signing_algs
        return RSA not in algorithms and HMAC in algorithms

    def granted_scopes(self, requested: str) -> tuple[str, ...]:
        """Return the scopes that a request is granted; raises `OAuthError` where the service refuses unknown ones."""
        scopes = self.dialect.scopes
        requested_scopes = [scope for part in requested.split(self.service.scope_separator) if (scope := part.strip())]
        known = [scope for scope in requested_scopes if not scopes.known or re.fullmatch(scopes.known, scope)]
        if scopes.unknown is UnknownScopes.REFUSE and len(known) < len(requested_scopes):
            raise OAuthError("invalid_scope", "A scope is unknown.")
        return tuple(dict.fromkeys([*scopes.always, *known]))

    def new_access_token(self) -> str:
        return fill_text(self.dialect.tokens.access, {"uuid": str(uuid.uuid4())})

    def new_refresh_token(self) -> str:
        return fill_text(self.dialect.tokens.refresh, {"uuid": str(uuid.uuid4())})

    def authorization_parameters(self) -> dict[str, str]:
        """Return the parameters that go with a code: the issuer (RFC 9207) and those of the documentation."""
        return {**self._issuer(), **self.dialect.authorization.response_params}

    def error_parameters(self, error: str, description: str) -> dict[str, str]:
        """Return the parameters of an authorization response without a code (RFC 6749 section 4.1.2.1)."""
        documented = self._documented_error(Endpoint.AUTHORIZATION, error)
        if documented is None:
            return {"error": error, "error_description": description, **self._issuer()}
        body = documented.response.filled({"error": error, "description": description}).decode()
        return {**dict(parse_qsl(body)), **self._issuer()}

    def id_token(self, tokens: TokenSet, keys: SigningKeys, *, secret: str) -> str | None:
        """Return the id token of a token response, signed with the client's secret or one of the keys."""
        claims = self.id_token_claims(tokens)
        if claims is None:
            return None
        return sign_with_secret(secret, claims) if self.signs_with_secret else keys.sign(claims)

    def id_token_claims(self, tokens: TokenSet) -> dict[str, Any] | None:
        """Return the claims of the id token in a token response; None if it has none."""
        needs_openid = OPENID in self.service.scopes or OPENID in self.dialect.scopes.always
        if tokens.of_client or not self.dialect.id_token or "{id_token}" not in self._call(tokens).response.body:
            return None
        if needs_openid and OPENID not in tokens.scopes:
            return None
        claims = json.loads(DocumentedResponse(body=self.dialect.id_token).filled(self._values(tokens)))
        # OpenID Connect Core section 3.1.2.1.
        nonce = {"nonce": tokens.nonce} if self.dialect.repeats_nonce and tokens.nonce is not None else {}
        return {**{name: value for name, value in claims.items() if name != "nonce"}, **nonce}

    def token_response(self, tokens: TokenSet, id_token: str | None) -> EndpointResponse:
        """Return the response with the tokens."""
        template = self._call(tokens).response
        missing = ["{id_token}"] * (id_token is None) + [*OF_REFRESH] * tokens.of_client
        if missing and template.content_type.startswith(JSON):
            template = replace(template, body=json.dumps(_without(missing, json.loads(template.body))))
        return _filled(template, {**self._values(tokens), "id_token": id_token or ""})

    def device_response(self, code: DeviceCode, *, page: str) -> EndpointResponse:
        """Return the response with the codes of a device, which a user enters at the `page` (RFC 8628 section 3.2)."""
        call = self.dialect.device_authorization
        values: Values = {
            "device_code": code.device_code,
            "user_code": code.user_code,
            "verification_uri": page,
            "expires_in": (code.expires_at - code.polled_at) // 1000,
            "interval": code.interval,
        }
        return _filled(call.response if call else DEVICE_RESPONSE, values)

    def account_response(self, user: str) -> EndpointResponse:
        """Return the response to an account request; a service without an account endpoint gets a generic one."""
        call = self.dialect.account and self.dialect.account.call
        template = call.response if call else DocumentedResponse(body=json.dumps(account_fields(self.service)))
        return _filled(template, _user_values(user))

    def revocation_response(self) -> EndpointResponse:
        """Return the response to a successful revocation."""
        return _filled(self.revocation.call.response if self.revocation else DocumentedResponse(), {})

    def error_response(self, endpoint: Endpoint | None, error: OAuthError) -> EndpointResponse:
        """Return an error response, in the documented form or else in that of RFC 6749 section 5.2."""
        documented = self._documented_error(endpoint, error.error)
        if documented is not None:
            values: Values = {"error": error.error, "description": error.description, "interval": error.interval}
            return _filled(documented.response, values)
        body = json.dumps({"error": error.error, "error_description": error.description}).encode()
        return EndpointResponse(status=error.status, content_type=JSON, body=body, standard=True)

    def documents_error(self, endpoint: Endpoint, error: str) -> bool:
        return self._documented_error(endpoint, error) is not None

    def _documented_error(self, endpoint: Endpoint | None, error: str) -> DocumentedError | None:
        """Return a documented error.

        For a refresh or a device's poll, errors other than `invalid_grant` are those of a code as well.
        """
        is_shared = endpoint in (Endpoint.REFRESH, Endpoint.DEVICE_TOKEN) and error != "invalid_grant"
        endpoints = [endpoint, Endpoint.TOKEN] if is_shared else [endpoint]
        errors = self.dialect.errors
        matches = (known for at in endpoints for known in errors if (known.endpoint, known.error) == (at, error))
        return next(matches, None)

    def _issuer(self) -> dict[str, str]:
        if not self.service.authorization_response_iss_parameter_supported:
            return {}
        return {"iss": str(self.service.issuer)}

    def _call(self, tokens: TokenSet) -> Call:
        of_client = self.dialect.client_credentials if tokens.of_client else None
        return of_client or (tokens.refreshed and self.dialect.refresh) or self.dialect.token

    def _values(self, tokens: TokenSet) -> Values:
        expires_in = LIFETIME if tokens.expires_in is None else tokens.expires_in
        separator = self.dialect.scopes.separator or self.service.scope_separator
        return {
            **_user_values(tokens.user),
            "client_id": tokens.client_id,
            "grant_id": tokens.grant_id,
            "scope": separator.join(tokens.scopes),
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_in": expires_in,
            "expires_at": tokens.issued_at // 1000 + expires_in,
            "refresh_expires_in": tokens.refresh_expires_in,
            "now": tokens.issued_at // 1000,
            "now_ms": tokens.issued_at,
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, tokens.access_token)),
            "at_hash": at_hash(tokens.access_token),
        }


def _without(values: Sequence[str], fields: Any) -> Any:  # noqa: ANN401 - JSON
    """Return an object without the fields that have one of these values."""
    if not isinstance(fields, dict):
        return fields
    return {name: _without(values, value) for name, value in fields.items() if value not in values}


def at_hash(access_token: str) -> str:
    """Return the claim `at_hash`: the left half of the token's hash (OpenID Connect Core section 3.1.3.6)."""
    return base64url.encode(hashlib.sha256(access_token.encode()).digest()[:16])


def user_id(user: str) -> str:
    """Return the id of a user, which is the same at every service of the sandbox."""
    return "U" + base64.b32encode(hashlib.sha256(user.encode()).digest()).decode()[:9]


def _user_values(user: str) -> dict[str, str | int]:
    return {"user": user, "user_id": user_id(user)}


def _filled(template: DocumentedResponse, values: Values) -> EndpointResponse:
    return EndpointResponse(status=template.status, content_type=template.content_type, body=template.filled(values))
