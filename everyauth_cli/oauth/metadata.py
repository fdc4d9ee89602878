"""Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0): where it is, and the entry that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import ACCEPT_JSON, Request, Response
from everyauth_cli.oauth.response_body import read_json
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import ASYMMETRIC, DEVICE_CODE, GRANT_TYPE, OFFLINE, SYMMETRIC, ClientAuthMethod
from everyauth_cli.urls import check_link, check_url, fault_of, origin

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
OK, NOT_HERE, SERVER_ERROR = 200, 400, 500

COPIED = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "revocation_endpoint",
    "jwks_uri",
    "authorization_response_iss_parameter_supported",
)
"""Fields whose names and meanings are those of an entry's keys."""

ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
)
"""Fields that name a URL which a browser or a request of ours goes to."""

ACCOUNT_SCOPES = ("openid", "profile", "email")
BY_PREFERENCE = (ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_POST, ClientAuthMethod.NONE)
ASSERTION_ALGORITHMS = "token_endpoint_auth_signing_alg_values_supported"
PROOF_ALGORITHMS = "dpop_signing_alg_values_supported"
DEFAULT_METHOD = ClientAuthMethod.CLIENT_SECRET_BASIC
"""The method of a server that states none (RFC 8414 section 2)."""


def metadata_requests(issuer: str) -> Iterator[Request]:
    """Yield the requests for an issuer's metadata, in the order in which they are tried.

    The well-known path goes between the host and the issuer's path (RFC 8414 section 3.1), and for OpenID Connect also
    behind the path (Discovery section 4). Raises `ValueError` for an issuer that is no https or loopback URL.
    """
    path = urlsplit(check_url(issuer)).path.removesuffix("/")
    server = origin(issuer)
    places = [f"{OAUTH}{path}", f"{OPENID}{path}", *([f"{path}{OPENID}"] if path else [])]
    return (Request(url=server + place, method="GET", headers=ACCEPT_JSON) for place in places)


def read_metadata(issuer: str, response: Response, *, of_origin: bool = False) -> dict[str, Any] | None:
    """Return the metadata in a response; None where the server has none at this place (4xx).

    With `of_origin` any issuer of the same origin may publish it. Raises `ServiceUnreachable` for a temporary failure,
    after which no other place is tried, and `ServiceUnreadable` where the metadata is another issuer's (RFC 8414
    section 3.3) or lacks an endpoint.
    """
    if response.is_temporary or response.status >= SERVER_ERROR:
        raise ServiceUnreachable(f"{issuer} answered HTTP {response.status} to the request for its metadata")
    if response.status != OK:
        if response.status >= NOT_HERE:
            return None
        raise ServiceUnreadable(f"{issuer} answered HTTP {response.status} to the request for its metadata")
    found = read_json(response.body.reveal(), response.content_type)
    if not isinstance(found, dict):
        raise ServiceUnreadable(f"the metadata of {issuer} is not a JSON object")
    _check_issuer(issuer, found.get("issuer"), of_origin=of_origin)
    for key in ("authorization_endpoint", "token_endpoint"):
        if not isinstance(found.get(key), str):
            raise ServiceUnreadable(f"the metadata of {issuer} has no {key}")
    return found


def entry_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of an entry that metadata gives; their values are checked when the entry is made."""
    entry = {key: metadata[key] for key in COPIED if isinstance(metadata.get(key), str | bool)}
    entry["token_endpoint_auth_method"] = _auth_method(metadata, "token_endpoint_auth_methods_supported")
    if entry["token_endpoint_auth_method"] == ClientAuthMethod.PRIVATE_KEY_JWT:
        entry |= {ASSERTION_ALGORITHMS: found} if (found := _assertion_algorithms(metadata)) else {}
    if "revocation_endpoint" in entry and "revocation_endpoint_auth_methods_supported" in metadata:
        entry["revocation_endpoint_auth_method"] = _auth_method(metadata, "revocation_endpoint_auth_methods_supported")
    # A mistake in what only people read, or in one of many, is none in how to log in.
    with suppress(ValueError):
        entry["docs"] = check_link(str(metadata.get("service_documentation")))
    scopes = texts(metadata, "scopes_supported")
    if "openid" in scopes:
        entry["scopes"] = [name for name in (*ACCOUNT_SCOPES, OFFLINE) if name in scopes]
        if isinstance(metadata.get("userinfo_endpoint"), str):
            entry["userinfo_endpoint"] = metadata["userinfo_endpoint"]
        if algorithms := _usable_algorithms(metadata):
            entry["id_token_signing_alg_values_supported"] = algorithms
    if grants := [*filter(GRANT_TYPE.fullmatch, texts(metadata, "grant_types_supported"))]:
        entry["grant_types_supported"] = grants
    if algorithms := [name for name in texts(metadata, PROOF_ALGORITHMS) if name in ASYMMETRIC]:
        entry[PROOF_ALGORITHMS] = algorithms
    methods = metadata.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        entry["pkce"] = False
    return entry


def check_endpoints(metadata: Mapping[str, Any], *, found_from: str) -> None:
    """Raise `ServiceUnreadable` for an endpoint that nothing may be sent to."""
    for key in ENDPOINTS:
        url = metadata.get(key)
        if url is None:
            continue
        if problem := fault_of(str(url), found_from=found_from):
            issuer = printable(str(metadata.get("issuer")))
            raise ServiceUnreadable(f'{issuer} names the {key} "{printable(str(url))}": {problem}; nothing was sent')


def check_pkce(metadata: Mapping[str, Any]) -> None:
    """Raise `ServiceUnreadable` unless a server says that it supports PKCE with S256 (RFC 7636, RFC 8414 section 2)."""
    methods, issuer = metadata.get("code_challenge_methods_supported"), printable(str(metadata.get("issuer")))
    if methods is None:
        raise ServiceUnreadable(f"the metadata of {issuer} does not say that it supports PKCE (RFC 7636)")
    if not states_pkce(metadata):
        raise ServiceUnreadable(f"{issuer} does not support PKCE with S256 (RFC 7636), which everyauth requires of it")


def states_pkce(metadata: Mapping[str, Any]) -> bool:
    """Whether a server says that it supports PKCE with S256."""
    return "S256" in texts(metadata, "code_challenge_methods_supported")


def _check_issuer(issuer: str, found: object, *, of_origin: bool) -> None:
    """Raise `ServiceUnreadable` for another issuer."""
    if isinstance(found, str) and same_issuer(found, issuer):
        return
    if of_origin and isinstance(found, str) and _is_of_origin(found, issuer):
        return
    shown = f'"{printable(found)}"' if isinstance(found, str) else "none"
    raise ServiceUnreadable(f'the metadata was requested for the issuer "{issuer}", but it names {shown}')


def _is_of_origin(found: str, issuer: str) -> bool:
    try:
        return origin(check_url(found)) == origin(issuer)
    except ValueError:
        return False


def same_issuer(one: str, other: str) -> bool:
    """Whether two issuers are the same; one slash behind an issuer without a path is no difference."""
    return _bare(one) == _bare(other)


def _bare(issuer: str) -> str:
    return issuer.removesuffix("/") if urlsplit(issuer).path == "/" else issuer


def takes_device_codes(metadata: Mapping[str, Any]) -> bool:
    """Whether a server says that it has the device authorization grant (RFC 8628 section 4)."""
    grants = texts(metadata, "grant_types_supported")
    return isinstance(metadata.get("device_authorization_endpoint"), str) and (not grants or DEVICE_CODE in grants)


def auth_methods(metadata: Mapping[str, Any]) -> list[ClientAuthMethod]:
    """Return the methods that a server states for its token endpoint and that we have, those that we prefer first."""
    stated = texts(metadata, "token_endpoint_auth_methods_supported")
    return [method for method in BY_PREFERENCE if method in stated]


def _auth_method(metadata: Mapping[str, Any], field: str) -> str:
    supported = texts(metadata, field) or [DEFAULT_METHOD]
    usable = (*BY_PREFERENCE, ClientAuthMethod.PRIVATE_KEY_JWT)
    return next((method.value for method in usable if method in supported), DEFAULT_METHOD.value)


def _assertion_algorithms(metadata: Mapping[str, Any]) -> list[str]:
    return [name for name in texts(metadata, ASSERTION_ALGORITHMS) if name in ASYMMETRIC]


def _usable_algorithms(metadata: Mapping[str, Any]) -> list[str]:
    stated = texts(metadata, "id_token_signing_alg_values_supported")
    usable = [name for name in (*ASYMMETRIC, *SYMMETRIC) if name in stated]
    return [] if set(usable) <= {*ASYMMETRIC} else usable


def texts(metadata: Mapping[str, Any], field: str) -> Sequence[str]:
    """Return the texts in a field that is a list of them; none where it is anything else."""
    value = metadata.get(field)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
