"""The words of the domain as frozen values: no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from everyauth_cli.errors import ConfigurationProblem

T = TypeVar("T")

DEFAULT_PROFILE = "default"
SANDBOX_PROFILE = "sandbox"
"""Where everything from the sandbox is kept, and nothing else."""
DEFAULT_USER = "me"
DEFAULT_PORT = 28282
ID_PREFIX = "idn-"
REFRESH_TOKEN, ACCESS_TOKEN = "refresh_token", "access_token"
"""The types of token, as RFC 7009 section 2.1 names them."""
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The signature algorithms of id tokens that need nothing but an issuer's public key (RFC 7518, RFC 8037)."""
SYMMETRIC = ("HS256", "HS384", "HS512")
"""Those whose key is the client secret (OpenID Connect Core section 10.1)."""

PLACE = re.compile(r"\{([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\}")
"""A place in claims or in an answer, as `account_label` names it: fields, and numbers of items, with points between."""


class Secret(Generic[T]):
    """A value that must not be shown; `reveal()` is the one way to get it out.

    It is no `str`, so an f-string, `json.dumps` or a traceback cannot leak it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # here and elsewhere by who needs it: OpenSSL behind it costs a third of a bare Python

        return hmac.compare_digest(repr(self._value).encode(), repr(other._value).encode())

    def __hash__(self) -> int:
        raise TypeError("a Secret cannot be hashed")


class RecordKey(NamedTuple):
    """The name of one record in a store: whose it is and what it is for. One is made for each that is read."""

    profile: str
    kind: str
    service: str
    tenant: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A further setting of a service: a placeholder `{name}` in its URLs and parameters.

    One whose default is empty may be left out, and what it stands in with it.
    """

    name: str
    help: str
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """What a service does in a way that no key of an entry can say: pure functions, each for one request or answer.

    `answer` makes a token answer's fields what RFC 6749 section 5.1 has; `account` is the request for "who am I" with
    an access token; `revoke` the request that revokes a token. None is the usual way.
    """

    answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    account: Callable[[Service, Client, Secret[str]], Request] | None = None
    revoke: Callable[[Service, Client, Secret[str]], Request] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A remote API with an OAuth 2.0 authorization server, as the catalogue describes it.

    The fields are the keys of a catalogue entry; `services/entry.py` says what each takes. `name`, `own` (the entry is
    the user's alone) and `own_keys` (the keys that the user's file gives) come from where the entry was found.
    `code_lifetime` is in seconds. `revocation_ends` says what ends with a token that is revoked: the `token`, or the
    whole `grant`; `revocable_tokens` which types of token the service revokes; `revocation_style` whether it is sent as
    `token` with a `token_type_hint` (RFC 7009 section 2.1), as `token` alone, or in a field named by its type.
    `default_lifetime` (seconds) is for tokens that have a refresh token and come without a lifetime. `error_words` says
    which error of a standard the service means by a word of its own.
    `scope_covers` names the scopes that a granted one stands for; with `refresh_redirect_uri` a refresh repeats the
    redirect URI of the login.
    """

    name: str
    title: str
    authorization_endpoint: str
    token_endpoint: str
    refresh_endpoint: str | None = None
    docs: str = ""
    aliases: tuple[str, ...] = ()
    revocation_endpoint: str | None = None
    revocation_ends: str = "token"
    revocation_endpoint_auth_method: str = "client"
    revocation_body: str = "form"
    revocable_tokens: tuple[str, ...] = (REFRESH_TOKEN, ACCESS_TOKEN)
    revocation_style: str = "token_and_hint"
    issuer: str | None = None
    authorization_response_iss_parameter_supported: bool = False
    jwks_uri: str | None = None
    id_token_issuers: tuple[str, ...] = ()
    id_token_audiences: tuple[str, ...] = ()
    id_token_signing_alg_values_supported: tuple[str, ...] = ASYMMETRIC
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    scope_field: str = "scope"
    scope_covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    token_params: Mapping[str, str] = field(default_factory=dict)
    token_endpoint_auth_method: str = "client_secret_post"
    body: str = "form"
    pkce: bool = True
    refresh_redirect_uri: bool = False
    loopback_host: str = "127.0.0.1"
    https_redirect: bool = False
    any_port: bool = False
    code_lifetime: int | None = None
    expires_field: str = "expires_in"
    default_lifetime: int | None = None
    error_words: Mapping[str, str] = field(default_factory=dict)
    keep_callback: tuple[str, ...] = ()
    native: tuple[str, ...] | None = None
    native_from_client: Mapping[str, str] = field(default_factory=dict)
    account_in_response: bool = False
    account_query: str | None = None
    account_endpoint: str | None = None
    account_subject: tuple[str, ...] = ("{sub}", "{id}")
    account_label: tuple[str, ...] = ("{email}", "{preferred_username}", "{name}", "{login}", "{sub}")
    params: tuple[Parameter, ...] = ()
    quirk: Quirk = Quirk()
    setup: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    checked: str = ""
    own: bool = False
    own_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Our registration at a service: one record in the store a profile and service.

    `redirect_uri` is the one that is registered, where it is not ours on loopback. `hosts` are those that its secret
    and its tokens were set for, by the catalogue's key of the URL; one that is not there is learnt at its first use.
    With a `sandbox_url` it is no registration: it is known to that sandbox, which stands in for the service.
    """

    service: str
    client_id: str
    client_secret: Secret[str] | None = None
    scope: str | None = None
    port: int | None = None
    redirect_uri: str | None = None
    sandbox_url: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request to a service, ready to be sent (`transport.send`).

    Of `basic` (RFC 7617) and `bearer` (RFC 6750 section 2.1) at most one is given. `rest` is what follows the URL and
    must not be shown: a token in a path or a query, where a service takes it nowhere else. `document` is a JSON body
    that nests, in the place of `fields`.

    Raises `ConfigurationProblem` for a URL with a placeholder left in it: its host was compared with no other.
    """

    url: str
    rest: Secret[str] = field(default_factory=lambda: Secret(""))
    method: str = "POST"
    fields: Mapping[str, str | Secret[str]] = field(default_factory=dict)
    basic: tuple[str, Secret[str]] | None = None
    bearer: Secret[str] | None = None
    body: str = "form"
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A brace cannot be in a URL otherwise (RFC 3986 section 2).
        if "{" in self.url or "}" in self.url:
            raise ConfigurationProblem(f"{self.url} has a placeholder that nothing fills; nothing was sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back for an `Request`; `body` may hold tokens."""

    status: int
    content_type: str
    body: Secret[bytes]
    retry_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """A request for access to a user's account at a service, whatever the grant type that answers it.

    `scope` is the scope to ask for, empty for none. `client_id` and `token_endpoint` are what the token will be bound
    to (RFC 6749 section 6). `started_at` is milliseconds since the epoch.
    """

    service: str
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str
    client_id: str
    token_endpoint: str
    started_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who granted it, in the service's own words: a stable subject and a label for people."""

    subject: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom an id token is about: a name that only its issuer gives (OpenID Connect Core section 2)."""

    iss: str
    sub: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token endpoint gave. Times are milliseconds since the epoch.

    `native` holds the further fields of the answer that apps are given, no refresh token among them; `id_token` is
    the one that came with this answer, which a stored token does not have, and `subject` whom the login's was about.
    """

    access_token: Secret[str]
    refresh_token: Secret[str] | None
    scope: str | None
    issued_at: int
    expires_at: int | None
    native: Secret[dict[str, Any]]
    id_token: Secret[str] | None = None
    subject: Subject | None = None
    account: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedGrant:
    """That a grant is over: when it was noticed, why, and when that was reported (milliseconds since the epoch)."""

    since: int
    reason: str
    reported_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The public half of an identity: what one user of ours granted at one service.

    Times are milliseconds since the epoch; `granted_at` is that of the last login, `updated_at` of the last token.
    `client_id` and `token_endpoint` say what the grant is bound to (RFC 6749 section 6);
    `redirect_uri` is that of the login.
    """

    id: str
    service: str
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str | None
    account: Account | None
    created_at: int
    granted_at: int
    updated_at: int
    expires_at: int | None
    refreshable: bool
    client_id: str
    token_endpoint: str
    redirect_uri: str = ""
    login_required: EndedGrant | None = None
