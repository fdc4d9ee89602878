"""Compares a service's entry with the metadata of its authorization server (RFC 8414, OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from everyauth_cli.model import Service
from everyauth_cli.oauth.metadata import BY_PREFERENCE, same_issuer, texts
from everyauth_cli.services.fields import value_of
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.rules import BEARER, ClientAuthMethod
from everyauth_cli.urls import check_url, host

ISSUER, ISS_PARAMETER, PKCE = "issuer", "authorization_response_iss_parameter_supported", "pkce"
ALGORITHMS = "id_token_signing_alg_values_supported"
ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "jwks_uri",
)
PUSH_ENDPOINT, REQUIRES_PUSH = "pushed_authorization_request_endpoint", "require_pushed_authorization_requests"
GRANTS = "grant_types_supported"
USERINFO = "userinfo_endpoint"
AUTH_METHODS = ("token_endpoint_auth_method", "revocation_endpoint_auth_method")
SAME_ON_THE_WIRE = {ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY.value: ClientAuthMethod.CLIENT_SECRET_BASIC.value}
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A key whose value in the entry is not the server's; `stated` is None for a key that the entry lacks.

    `problem` says why the server's value cannot be used, and `foreign_host` is its host where that belongs to no domain
    of the entry.
    """

    key: str
    stated: Any
    found: Any
    problem: str = ""
    foreign_host: str = ""


def compare(
    service: Service, keys: Collection[str], metadata: Mapping[str, Any], *, domains: Collection[str]
) -> list[Difference]:
    """Return what differs between a service, whose entry has these keys, and the metadata of its server.

    No placeholder is left in the service, and `domains` are its own. A field that the metadata lacks is no difference,
    because most are optional.
    """
    endpoints = (*_endpoints(service, keys, metadata), *_pushing(service, metadata))
    found = (*_issuer(service, metadata), *endpoints, *_capabilities(service, metadata))
    return [replace(one, foreign_host=_foreign_host(one, domains)) for one in found]


def _endpoints(service: Service, keys: Collection[str], metadata: Mapping[str, Any]) -> Iterator[Difference]:
    for key in (*ENDPOINTS, USERINFO):
        found = metadata.get(key)
        # An account endpoint under its general name may be another one than OpenID Connect's, and as good.
        stated = value_of(service, key) if key != USERINFO or key in keys else None
        is_needless = stated is None and _is_known_otherwise(service, key)
        if isinstance(found, str) and found != stated and not is_needless:
            yield _difference(key, stated, found)


def _pushing(service: Service, metadata: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs of pushed requests, which an entry need not use where the server does not require them."""
    required = metadata.get(REQUIRES_PUSH) is True
    for key in (PUSH_ENDPOINT, REQUIRES_PUSH) if required or service.pushed_authorization_request_endpoint else ():
        stated, found = value_of(service, key), metadata.get(key)
        if isinstance(found, str | bool) and found != stated:
            yield _difference(key, stated, found)


def _issuer(service: Service, metadata: Mapping[str, Any]) -> Iterator[Difference]:
    stated, found = service.issuer, metadata[ISSUER]
    known = [*([stated] if stated else []), *service.id_token.issuers]
    if not any(_is_issuer(one, found) for one in known):
        yield _difference(ISSUER, stated, found)


def _is_issuer(known: str, found: str) -> bool:
    """Whether an issuer is a known one, in which a field of an id token's claims may be in braces."""
    start, brace, rest = known.partition("{")
    end = rest.partition("}")[2]
    value = found.removeprefix(start).removesuffix(end)
    return found == f"{start}{value}{end}" and "/" not in value if brace else same_issuer(known, found)


def _is_known_otherwise(service: Service, key: str) -> bool:
    """Whether the entry does without a key, because something else in it does the same."""
    if key == USERINFO:
        rules = service.account
        names_it = rules.endpoint or rules.in_response or service.quirk.account
        return bool(names_it) or "openid" not in service.scopes
    return key == "jwks_uri" or (key == "revocation_endpoint" and service.quirk.revoke is not None)


def _capabilities(service: Service, metadata: Mapping[str, Any]) -> Iterator[Difference]:
    if isinstance(found := metadata.get(ISS_PARAMETER), bool) and found != (
        stated := service.authorization_response_iss_parameter_supported
    ):
        yield Difference(key=ISS_PARAMETER, stated=stated or None, found=found)
    methods = texts(metadata, "code_challenge_methods_supported")
    if service.pkce and methods and "S256" not in methods:
        yield Difference(key=PKCE, stated=True, found=False)
    grants = texts(metadata, GRANTS)
    if grants and (missing := [name for name in service.grant_types_supported if name not in grants]):
        yield _difference(GRANTS, missing, [*grants])
    algorithms = texts(metadata, ALGORITHMS)
    if algorithms and not {*algorithms} & {*service.id_token.signing_algs}:
        yield _difference(ALGORITHMS, [*service.id_token.signing_algs], [*algorithms])
    for key in AUTH_METHODS:
        yield from _auth_method(service, key, texts(metadata, f"{key}s_supported"))


def _auth_method(service: Service, key: str, supported: Collection[str]) -> Iterator[Difference]:
    """Yield the difference where the server lists its methods, and the entry's is none of them."""
    method = value_of(service, key)
    stated = SAME_ON_THE_WIRE.get(method, method)
    if not supported or stated in (None, BEARER, *supported):
        return
    found = next((one.value for one in BY_PREFERENCE if one in supported), next(iter(supported)))
    yield _difference(key, str(method), found)


def _difference(key: str, stated: object, found: object) -> Difference:
    return Difference(key=key, stated=stated, found=found, problem=_problem(key, found))


def _foreign_host(difference: Difference, domains: Collection[str]) -> str:
    found = difference.found
    if difference.problem or not isinstance(found, str) or "://" not in found:
        return ""
    name = host(found)
    return "" if any(name == known or name.endswith(f".{known}") for known in domains) else name


def _problem(key: str, found: object) -> str:
    try:
        if isinstance(found, str) and key in (ISSUER, USERINFO, *ENDPOINTS):
            if len(found) > LONGEST_URL:
                return "it is longer than an endpoint's URL"
            check_url(found)
        KEYS[key].reader.read(found)
    except ValueError as error:
        return str(error)
    return ""
