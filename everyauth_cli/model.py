"""Frozen values that the parts of the package hand to each other; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.oauth.grant import EndedGrant, RepeatedGrant, Subject
from everyauth_cli.services.rules import (
    BEARER_SCHEME,
    AccountRules,
    ApiRules,
    BasicEncoding,
    BodyFormat,
    ChallengeMethod,
    ClientAssertionRules,
    ClientAuthMethod,
    ClientCredentialsRules,
    DeviceRules,
    DpopRules,
    IdTokenRules,
    JwtBearerRules,
    LongLivedRules,
    Method,
    Parameter,
    Quirk,
    RedirectRules,
    RequestRules,
    ResponseRules,
    RevocationRules,
)
from everyauth_cli.urls import has_placeholder

T = TypeVar("T")
DEFAULT_PROFILE = "default"
SANDBOX_PROFILE = "sandbox"
"""The profile of every record from the sandbox, and of no other."""
DEFAULT_USER = "me"
DEFAULT_PORT = 28282
ID_PREFIX = "idn-"
ACCEPT_JSON: Mapping[str, str] = MappingProxyType({"Accept": "application/json"})
REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS, SERVER_ERROR = 408, 425, 429, 500


class Secret(Generic[T]):
    """A value that must not be shown; `reveal()` is the only way to get it out.

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
        import hmac  # not at start-up: OpenSSL behind it costs a third of a bare Python

        return hmac.compare_digest(repr(self._value).encode(), repr(other._value).encode())

    def __hash__(self) -> int:
        raise TypeError("a Secret cannot be hashed")


class RecordKey(NamedTuple):
    """The key of one record in a store; a tuple, since one is made for every record that is read."""

    profile: str
    kind: str
    service: str
    tenant: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A remote API with an OAuth 2.0 authorization server, as its catalogue entry describes it.

    The fields are the keys of the entry; `services/keys.py` explains each. `name`, `own` (the whole entry is the
    user's) and `own_keys` (the keys in the user's file) come from where the entry was found. `presets` are the values
    that each of its presets has of its own, by key; a preset itself is a service that is `preset_of` another.
    `before_callback` is the service before an authorization response filled its last placeholders, where it has such.
    Its tokens are requested for the `resource` (RFC 8707), if there is one: the server's own at a service known by its
    URL alone, else that of a login. One of the former has the URL as its name, perhaps the service `client_of`.
    """

    name: str
    title: str
    token_endpoint: str
    authorization_endpoint: str | None = None
    refresh_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    require_pushed_authorization_requests: bool = False
    mcp_hosts: Mapping[str, str] = field(default_factory=dict)
    moved_from: tuple[str, ...] = ()
    docs: str = ""
    color: str | None = None
    aliases: tuple[str, ...] = ()
    revocation: RevocationRules = field(default_factory=RevocationRules)
    issuer: str | None = None
    authorization_response_iss_parameter_supported: bool = False
    jwks_uri: str | None = None
    id_token: IdTokenRules = field(default_factory=IdTokenRules)
    scopes: tuple[str, ...] = ()
    scope_required: bool = False
    scope_separator: str = " "
    scope_field: str = "scope"
    scope_covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    token_params: Mapping[str, str] = field(default_factory=dict)
    token_endpoint_auth_method: ClientAuthMethod = ClientAuthMethod.CLIENT_SECRET_POST
    client_secret_basic_encoding: BasicEncoding = BasicEncoding.FORM
    grant_types_supported: tuple[str, ...] = ()
    body: BodyFormat = BodyFormat.FORM
    requests: RequestRules = field(default_factory=RequestRules)
    response: ResponseRules = field(default_factory=ResponseRules)
    client_assertion: ClientAssertionRules = field(default_factory=ClientAssertionRules)
    client_credentials: ClientCredentialsRules = field(default_factory=ClientCredentialsRules)
    device: DeviceRules = field(default_factory=DeviceRules)
    dpop: DpopRules = field(default_factory=DpopRules)
    jwt_bearer: JwtBearerRules = field(default_factory=JwtBearerRules)
    long_lived: LongLivedRules = field(default_factory=LongLivedRules)
    pkce: bool = True
    code_challenge_method: ChallengeMethod = ChallengeMethod.S256
    nonce: bool = True
    redirect: RedirectRules = field(default_factory=RedirectRules)
    code_lifetime: int | None = None
    expires_field: str = "expires_in"
    default_lifetime: int | None = None
    refresh_margin: int | None = None
    error_words: Mapping[str, str] = field(default_factory=dict)
    keep_callback: tuple[str, ...] = ()
    native: tuple[str, ...] | None = None
    native_from_client: Mapping[str, str] = field(default_factory=dict)
    account: AccountRules = field(default_factory=AccountRules)
    api: ApiRules = field(default_factory=ApiRules)
    client_id_pattern: str | None = None
    params: tuple[Parameter, ...] = ()
    quirk: Quirk = field(default_factory=Quirk)
    setup: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    checked: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    preset_of: Service | None = None
    own: bool = False
    own_keys: frozenset[str] = frozenset()
    resource: str | None = None
    client_of: Service | None = None
    before_callback: Service | None = None

    @property
    def registered_at(self) -> Service:
        """The service at which our client is registered: itself, or the one whose preset or client it is or uses."""
        return self.preset_of or self.client_of or self

    @property
    def takes_secret(self) -> bool:
        """Whether a client usually has a secret there: it is neither a public one, nor one with a private key."""
        return self.token_endpoint_auth_method.has_secret

    @property
    def preset_keys(self) -> AbstractSet[str]:
        """The keys whose values are those of the preset itself; none for a service that is no preset."""
        return self.preset_of.presets[self.name].keys() if self.preset_of else frozenset()

    def split_scope(self, scope: str | None) -> list[str]:
        """Return the single scopes of a scope as the service writes it; some separate them with spaces all the same."""
        return (scope or "").replace(self.scope_separator, " ").split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Our registration at a service: one record for each profile and service.

    Of its `private_keys`, each a JWK, the first signs (`private_key_jwt`), and a second is the next one.
    `redirect_uri` is the registered one, where it is not ours on loopback. `origins` are those of the endpoints that
    it was set for, by key. With a `sandbox_url` it is known to that sandbox only. `server` is a discovered server's.
    """

    service: str
    client_id: str
    client_secret: Secret[str] | None = None
    private_keys: tuple[Secret[str], ...] = ()
    scope: str | None = None
    port: int | None = None
    redirect_uri: str | None = None
    sandbox_url: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    server: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request to a service, ready for `transport.send`.

    At most one of `basic` (RFC 7617) and `bearer` (RFC 6750, or another `scheme`) is given. `rest` is the secret end of
    the URL: a token in its path or query, where a service takes it nowhere else. `document` is a nested JSON body in
    place of `fields`. With a `deadline` (seconds) the caller's thread waits so long, in place of 30 s.

    Raises `ConfigurationProblem` for a URL with a placeholder left in it: its host was compared with no other.
    """

    url: str
    rest: Secret[str] = field(default_factory=lambda: Secret(""))
    method: Method = "POST"
    fields: Mapping[str, str | Secret[str]] = field(default_factory=dict)
    basic: tuple[str, Secret[str]] | None = None
    bearer: Secret[str] | None = None
    scheme: str = BEARER_SCHEME
    body: BodyFormat = BodyFormat.FORM
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    deadline: float | None = None

    def __post_init__(self) -> None:
        if has_placeholder(self.url):
            raise ConfigurationProblem(f"{self.url} has a placeholder that nothing fills; nothing was sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The response to a `Request`; its body, which may hold tokens, is not `is_complete` if it broke off.

    `date` and `challenges` are of its headers (RFC 9110 sections 6.6.1 and 11.6.1), and so is `dpop_nonce` (RFC 9449).
    """

    status: int
    content_type: str
    body: Secret[bytes]
    retry_after: str | None = None
    date: str | None = None
    is_complete: bool = True
    challenges: tuple[str, ...] = ()
    dpop_nonce: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether it is one of RFC 9110 section 15.3."""
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people, which comes from something in between."""
        return self.content_type.partition(";")[0].strip().lower() == "text/html" and bool(self.body.reveal().strip())

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may work later (RFC 6585 section 4, RFC 8470, RFC 9110 sections 15.5.9 and 15.6)."""
        return self.status in (REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS) or self.status >= SERVER_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that granted access, as the service names it: a stable subject, and a label for people."""

    subject: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The content of a token response; times are milliseconds since the epoch.

    `expires_at` is None where the service stated no usable lifetime; `lifetime` (milliseconds) is the last stated one.
    `refresh_at` is the time to try a refresh where `expires_at` does not decide it; where that is None it is a guess,
    which never makes the token expired. `native` holds the other fields for apps, without any refresh token. `id_token`
    came with this response and is not stored; `subject` is that of the login's. A DPoP token (RFC 9449) is bound to its
    `proof_key`, a JWK; `nonces` are the last of each server, by its origin.
    """

    access_token: Secret[str]
    refresh_token: Secret[str] | None
    scope: str | None
    issued_at: int
    expires_at: int | None
    native: Secret[dict[str, Any]]
    refresh_at: int | None = None
    lifetime: int | None = None
    id_token: Secret[str] | None = None
    subject: Subject | None = None
    account: Account | None = None
    proof_key: Secret[str] | None = None
    nonces: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The metadata of an identity: the access that one user granted at one service.

    Times are milliseconds since the epoch: `granted_at` of the last login, `updated_at` of the last token;
    `expires_at` and `refresh_at` are the token's. The grant is bound to `client_id` (RFC 6749 section 6) and to
    `origins`, those of the endpoints that may be sent its tokens, by key, to the `resource` as it is spelt, and at a
    server that is known by its URL to the `issuer`; `redirect_uri` is the login's, `params` the values of placeholders
    in its authorization response. A `repeated` grant has no refresh token. `jkt` is of bound tokens (RFC 9449 6.1).
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
    origins: Mapping[str, str]
    redirect_uri: str = ""
    refresh_at: int | None = None
    login_required: EndedGrant | None = None
    issuer: str = ""
    resource: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    repeated: RepeatedGrant | None = None
    jkt: str = ""

    @property
    def has_refresh_token(self) -> bool:
        """Whether it is refreshed by a token, and not by running its grant again."""
        return self.refreshable and self.repeated is None
