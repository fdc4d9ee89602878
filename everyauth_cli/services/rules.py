"""Choices and parts of a `Service`; `services/keys.py` explains the key of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

REFRESH_TOKEN, ACCESS_TOKEN = "refresh_token", "access_token"
"""The types of token (RFC 7009 section 2.1)."""
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
"""The grant type of a device code (RFC 8628 section 3.4)."""
OFFLINE = "offline_access"
"""The scope that requests a refresh token (OpenID Connect Core section 11)."""
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signature algorithms that need only the issuer's public key (RFC 7518, RFC 8037)."""
SYMMETRIC = ("HS256", "HS384", "HS512")
"""Signature algorithms whose key is the client secret (OpenID Connect Core section 10.1)."""
GRANT_TYPE = re.compile(r"[A-Za-z0-9:._/-]{1,200}")
TEMPLATE_FIELD = re.compile(r"\{([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\}")
"""A field of claims or of a response in a template: `{email}`, or `{user.0.id}` inside an object or list."""


FORM_VALUES = frozenset(
    {"client_id", "client_secret", "token", "token_type", "account_subject", "device_code", "user_code", "scope"}
)
"""The values that a field of a request may have in place of a text, by their names in braces."""


class ClientAuthMethod(StrEnum):
    """The way a client authenticates at an endpoint (RFC 7591 section 2).

    Two are ours: `client_secret_basic_or_empty` is `client_secret_basic` with an empty password for a client without a
    secret, and `client_secret_signed` is `client_secret_post` with a JWT for the secret, which the client's key signs.
    """

    NONE = "none"
    CLIENT_SECRET_POST = "client_secret_post"
    CLIENT_SECRET_BASIC = "client_secret_basic"
    CLIENT_SECRET_BASIC_OR_EMPTY = "client_secret_basic_or_empty"
    CLIENT_SECRET_SIGNED = "client_secret_signed"
    PRIVATE_KEY_JWT = "private_key_jwt"

    @property
    def has_secret(self) -> bool:
        """Whether a client has a secret by which it authenticates so, rather than nothing or a private key."""
        return self not in (ClientAuthMethod.NONE, *SIGNING_METHODS)


SIGNING_METHODS = (ClientAuthMethod.PRIVATE_KEY_JWT, ClientAuthMethod.CLIENT_SECRET_SIGNED)
"""The methods by which a client proves that it has a private key."""


class AssertionAudience(StrEnum):
    """The audience of the assertion of a client that authenticates by `private_key_jwt`."""

    ISSUER = "issuer"
    TOKEN_ENDPOINT = "token_endpoint"


class PrivateKeyUse(StrEnum):
    """The use of a client's private key: it authenticates the client, or only signs assertions of the grant."""

    CLIENT_AUTHENTICATION = "client_authentication"
    JWT_BEARER = "jwt_bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAssertionRules:
    """The assertions of `private_key_jwt` that a service takes; without `signing_algs` any that a key signs.

    `secret_claims` are those of the JWT of `client_secret_signed`, with the `kid` of its header.
    """

    audience: AssertionAudience = AssertionAudience.ISSUER
    signing_algs: tuple[str, ...] = ()
    key_use: PrivateKeyUse = PrivateKeyUse.CLIENT_AUTHENTICATION
    secret_claims: Mapping[str, str] = field(default_factory=dict)


class AssertionSubject(StrEnum):
    """The subject of an assertion where none is given: the client, no claim at all, or an error."""

    CLIENT = "client"
    OMITTED = "omitted"
    REQUIRED = "required"


class ScopePlace(StrEnum):
    """The place of the requested scope in the JWT bearer grant, if it has one."""

    REQUEST = "request"
    ASSERTION = "assertion"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtBearerRules:
    """The assertions of the JWT bearer grant (RFC 7523 section 2.1) that a client's own key signs.

    Without an `audience` it is that of `private_key_jwt`; `scopes` are requested unless others are.
    """

    audience: str | None = None
    subject: AssertionSubject = AssertionSubject.CLIENT
    scope_in: ScopePlace = ScopePlace.REQUEST
    scopes: tuple[str, ...] = ()


class BasicEncoding(StrEnum):
    """The form in which `client_secret_basic` sends the client id and secret.

    RFC 6749 section 2.3.1 form-encodes both first; some servers take only what RFC 7617 alone says.
    """

    FORM = "form"
    RAW = "raw"


BEARER: Literal["bearer"] = "bearer"
BEARER_SCHEME = "Bearer"
"""The scheme of an access token in the Authorization header (RFC 6750 section 2.1)."""
RevocationAuthMethod = ClientAuthMethod | Literal["bearer"]
"""At the revocation endpoint the token itself may authenticate the request (RFC 6750 section 2.1)."""


Method = Literal["GET", "POST", "DELETE"]


class RequestKind(StrEnum):
    """The requests whose form may differ from the standard's."""

    CODE = "code"
    LONG_LIVED = "long_lived"
    REFRESH = "refresh"
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "device_code"
    REVOCATION = "revocation"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRules:
    """The form of a service's requests: `methods` by kind, and the service's `names` of standard fields.

    `scope_in` are the kinds of token requests that have the scope, `refresh` the fields of a refresh in place of the
    standard's.
    """

    methods: Mapping[RequestKind, Method] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    scope_in: tuple[RequestKind, ...] = ()
    refresh: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRules:
    """The form of a service's responses: the path `at` which a token response has its fields.

    `success` is a field and the value that it has unless the response is an error.
    """

    at: str | None = None
    success: str | None = None
    refresh_token_field: str = REFRESH_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentialsRules:
    """The service's name of the client credentials grant (RFC 6749 section 4.4), and what its request has besides."""

    grant_type: str = "client_credentials"
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRules:
    """The form of the device authorization grant: `params` besides the standard's in its first request (RFC 8628 3.1).

    With `pkce` that has a code challenge too. `token_params` are the fields of a poll in place of the standard's.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    pkce: bool = False
    token_params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DpopRules:
    """Whether a login gets tokens that are bound to a key (RFC 9449), and the algorithms of the service for proofs."""

    bound_access_tokens: bool = False
    signing_algs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LongLivedRules:
    """The request for a token that lives longer than the one that a login brings."""

    endpoint: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)


class ChallengeMethod(StrEnum):
    """The way in which a code challenge is made of its verifier (RFC 7636 section 4.2); the last is no standard's."""

    S256 = "S256"
    PLAIN = "plain"
    S256_HEX = "S256_hex"


class BodyFormat(StrEnum):
    """The format of a request's body."""

    FORM = "form"
    JSON = "json"


class RevocationStyle(StrEnum):
    """The fields that name the token to revoke."""

    TOKEN_AND_HINT = "token_and_hint"  # RFC 7009 section 2.1
    TOKEN = "token"
    TYPE = "type"  # one field, named after the token's type


class RevocationEnds(StrEnum):
    """The extent of a revocation: the token alone, or the whole grant with its other tokens."""

    TOKEN = "token"
    GRANT = "grant"
    GRANT_IF_REFRESHED = "grant_if_refreshed"
    """The whole grant if it has a refresh token, which would outlive the access token, else the token alone."""

    def of(self, *, refreshable: bool) -> RevocationEnds:
        """Return the extent for a grant that has a refresh token or none."""
        if self is not RevocationEnds.GRANT_IF_REFRESHED:
            return self
        return RevocationEnds.GRANT if refreshable else RevocationEnds.TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRules:
    """The way a service revokes tokens; without an `auth_method` the client authenticates as at the token endpoint."""

    endpoint: str | None = None
    ends: RevocationEnds = RevocationEnds.TOKEN
    auth_method: RevocationAuthMethod | None = None
    body: BodyFormat = BodyFormat.FORM
    tokens: tuple[str, ...] = (REFRESH_TOKEN, ACCESS_TOKEN)
    style: RevocationStyle = RevocationStyle.TOKEN_AND_HINT
    params: Mapping[str, str] = field(default_factory=dict)
    authorization: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """The way a service names the account that granted a token; `query` is sent to the endpoint as GraphQL."""

    in_response: bool = False
    query: str | None = None
    endpoint: str | None = None
    subject: tuple[str, ...] = ("{sub}", "{id}")
    label: tuple[str, ...] = ("{email}", "{preferred_username}", "{name}", "{login}", "{sub}")


class IdTokenUse(StrEnum):
    """Whether a login reads the id token that comes with it."""

    VERIFY = "verify"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenRules:
    """Values that an id token may have besides those that OpenID Connect Core section 3.1.3.7 requires."""

    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    signing_algs: tuple[str, ...] = ASYMMETRIC
    use: IdTokenUse = IdTokenUse.VERIFY


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectRules:
    """The redirect URIs that a service takes (RFC 8252 section 7.3).

    With `needs_none` none is registered, and with `in_refresh` each refresh has that of the login. A `name` is sent in
    place of one that is registered. With `makes_client` it is part of the client id, and no client is registered.
    """

    loopback_host: str = "127.0.0.1"
    https_only: bool = False
    any_port: bool = False
    needs_none: bool = False
    makes_client: bool = False
    in_refresh: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRules:
    """The places that take a service's access tokens: its API, its own tools and its git hosts.

    A field of the token response may be in braces in `base`, and `{client_id}` in the headers.
    """

    base: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    scheme: str = BEARER_SCHEME
    token_variables: tuple[str, ...] = ()
    git_hosts: tuple[str, ...] = ()
    git_username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A setting of a service that fills the placeholder `{name}`; one with an empty default may be left out.

    With `values` it is one of these words, each with the text that fills the placeholder. `callback` is the parameter
    of the authorization response that has its value for one login.
    """

    name: str
    help: str
    default: str | None = None
    callback: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    def text(self, value: str) -> str:
        """Return what a value fills in."""
        return self.values.get(value, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """Pure functions for what no key of an entry can say; None is the usual way.

    `token_response` changes the fields of a token response into RFC 6749 section 5.1's. `account` makes the request
    for the account, `revoke` the one that revokes a token, each of the service, our client and the token. `distrust`
    returns why the token response of a login must not be trusted, or an empty text.
    """

    token_response: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    account: Callable[..., Any] | None = None
    revoke: Callable[..., Any] | None = None
    distrust: Callable[[Mapping[str, Any]], str] | None = None
