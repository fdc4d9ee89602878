"""Token requests and the token response (RFC 6749 sections 4.1.3, 5 and 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from everyauth_cli.errors import ServiceUnreadable, raised_anew
from everyauth_cli.model import ACCEPT_JSON, Client, Request, Response, Secret, Service, Token
from everyauth_cli.oauth.client_authentication import authenticated
from everyauth_cli.oauth.clock import clock_explained
from everyauth_cli.oauth.dpop import SCHEME, is_bound_type
from everyauth_cli.oauth.error_response import read_fields, reported
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.issued_token import ACCESS_TOKEN_TYPE, BEARER_TYPE, check_issued
from everyauth_cli.oauth.lifetime import expiry_of
from everyauth_cli.oauth.request_form import Fields, client_values, from_template, shaped
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import ACCESS_TOKEN, OFFLINE, REFRESH_TOKEN, TEMPLATE_FIELD, RequestKind

if TYPE_CHECKING:
    from everyauth_cli.oauth.authorization_code import AuthorizationResponse, PendingLogin

VSCHAR = re.compile(r"[\x20-\x7e]+")
"""The characters of an access token (RFC 6749 appendix A.12)."""
SCOPE_LENGTH = 4000
NO_BEARER = frozenset({"n_a", "pop", "mac"})
"""The registered types of what is no access token (RFC 8693 section 2.2.1), or serves only with a key (RFC 9200), and
the type of an old draft that some servers have."""
DEEPEST = 50
"""The levels of a field that are kept; Python can write fewer than it can read."""


def code_request(
    service: Service,
    client: Client,
    pending: PendingLogin,
    response: AuthorizationResponse,
    *,
    now: int | None = None,
) -> Request:
    """Return the request that redeems an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    fields: Fields = {
        "grant_type": "authorization_code",
        "code": response.code,
        "redirect_uri": service.redirect.name or pending.redirect_uri,
    }
    if pending.verifier is not None:
        fields["code_verifier"] = pending.verifier
    return token_request(
        service, client, service.token_endpoint, fields, kind=RequestKind.CODE, scope=pending.request.scope, now=now
    )


def refresh_request(
    service: Service,
    client: Client,
    refresh_token: Secret[str],
    *,
    redirect_uri: str = "",
    scope: str | None = None,
    now: int | None = None,
) -> Request:
    """Return the request that refreshes an access token (RFC 6749 section 6).

    Some services require the redirect URI of the login or the granted scope in it too.
    """
    url = service.refresh_endpoint or service.token_endpoint
    if template := service.requests.refresh:
        return _template_request(service, client, url, template, refresh_token, kind=RequestKind.REFRESH)
    fields: Fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if service.redirect.in_refresh and redirect_uri:
        fields["redirect_uri"] = redirect_uri
    return token_request(service, client, url, fields, kind=RequestKind.REFRESH, scope=scope, now=now)


def long_lived_request(service: Service, client: Client, access_token: Secret[str]) -> Request:
    """Return the request for a token that lives longer than the one of a login, which no standard has."""
    rules = service.long_lived
    assert rules.endpoint is not None
    return _template_request(service, client, rules.endpoint, rules.params, access_token, kind=RequestKind.LONG_LIVED)


def token_request(
    service: Service,
    client: Client,
    url: str,
    fields: Fields,
    *,
    kind: RequestKind | None = None,
    scope: str | None = None,
    authenticates: bool = True,
    now: int | None = None,
) -> Request:
    """Return a token request with these fields and the client's authentication (RFC 6749 section 3.2), if it has one.

    `kind` is that of the entry's keys, if they have one for it; it decides whether the `scope` is sent.
    `now` is milliseconds since the epoch, by default the system's time.
    """
    more = {"scope": scope} if scope and kind in service.requests.scope_in else {}
    if service.resource:
        # RFC 8707 section 2.2; as its metadata spells it.
        more["resource"] = service.resource
    params = service.client_credentials.params if kind is RequestKind.CLIENT_CREDENTIALS else service.token_params
    request = Request(url=url, fields={**params, **fields, **more}, body=service.body, headers=ACCEPT_JSON)
    if authenticates:
        request = authenticated(request, service, client, method=service.token_endpoint_auth_method, now=now)
    return shaped(request, service, kind)


def _template_request(
    service: Service, client: Client, url: str, template: Mapping[str, str], token: Secret[str], *, kind: RequestKind
) -> Request:
    """Return the request for another token that has the fields of a template."""
    fields = from_template(template, {**client_values(client), "token": token})
    return shaped(Request(url=url, fields=fields, body=service.body, headers=ACCEPT_JSON), service, kind)


def added_fields(service: Service, client: Client, response: AuthorizationResponse | None = None) -> dict[str, Any]:
    """Return the fields that go into `native` beside the token response's own.

    These are the kept parameters of an authorization response, as `params`, and the entry's `native_from_client`.
    """
    known = {"client_id": client.client_id}
    templates = service.native_from_client.items()
    filled = {name: TEMPLATE_FIELD.sub(lambda m: known.get(m[1], ""), text) for name, text in templates}
    params = {"params": dict(response.kept)} if response and response.kept else {}
    return {**params, **{name: text for name, text in filled.items() if text}}


@raised_anew
def read_token(
    service: Service,
    response: Response,
    *,
    requested_scope: str | None,
    now: int,
    previous: Token | None = None,
    added: Mapping[str, str] | None = None,
    repeated: RepeatedGrant | None = None,
    proof_key: Secret[str] | None = None,
) -> Token:
    """Return the token in a response (RFC 6749 section 5.1), completed from the `previous` one of a refresh.

    `requested_scope` is the granted scope where the response names none. `now` is the time when the request was sent,
    in milliseconds since the epoch. `added` are more fields for `native`. A `repeated` grant is run again in place of a
    refresh: it has no id token and no refresh token (RFC 6749 section 4.4.3), which after a token exchange would
    outlive the login whose token was exchanged (RFC 8693 section 2.2.1 leaves it to us). A login's token is bound to
    the `proof_key`, and that of a refresh to the previous one's (RFC 9449 section 5).
    Raises `InvalidGrant`, `ClientRejected` or `ServiceError`.
    """
    proof_key = previous.proof_key if previous else proof_key
    # A token that arrives in a refresh is kept whatever comes with it: the old refresh token may be spent.
    with clock_explained(service, response, repeated, now=now):
        fields = read_fields(service, response, ignores_error=previous is not None)
    if service.quirk.token_response is not None:
        fields = service.quirk.token_response(fields)
    if repeated is not None and repeated.grant_type is GrantType.TOKEN_EXCHANGE:
        token_type = SCHEME if proof_key is not None else BEARER_TYPE
        check_issued(service, fields, requested=ACCESS_TOKEN_TYPE, token_type=token_type)
    access_token = _access_token(service, response, fields)
    _check_type(service, response, fields.get("token_type"), is_bound=proof_key is not None)
    refresh_token = None if repeated else _refresh_token(service, fields, previous)
    stated, refreshable = fields.get(service.expires_field), repeated is not None or refresh_token is not None
    expiry = expiry_of(service, stated, access_token, now=now, refreshable=refreshable, previous=previous)
    return Token(
        access_token=access_token,
        refresh_token=refresh_token,
        scope=_scope(service, fields.get(service.scope_field)) or (previous.scope if previous else requested_scope),
        issued_at=now,
        expires_at=expiry.expires_at,
        refresh_at=expiry.refresh_at,
        lifetime=expiry.lifetime,
        native=Secret({**_native(service, fields, previous), **(added or {})}),
        id_token=None if repeated else _id_token(fields),
        subject=previous.subject if previous else None,
        account=previous.account if previous else None,
        proof_key=proof_key,
        nonces=previous.nonces if previous else {},
    )


def missing_scopes(service: Service, requested: str | None, granted: str | None, *, refreshable: bool) -> list[str]:
    """Return the requested scopes that were not granted (RFC 6749 section 3.3 lets a service narrow them).

    A refresh token grants `offline_access` (OpenID Connect Core section 11), which some services do not repeat.
    """
    # Some services answer with commas although requests have spaces.
    have = set(service.split_scope((granted or "").replace(",", " ")))
    have |= {OFFLINE} if refreshable else set()
    have |= {covered for scope in have for covered in service.scope_covers.get(scope, ())}
    return [scope for scope in service.split_scope(requested) if scope not in have]


def _access_token(service: Service, response: Response, fields: Mapping[str, Any]) -> Secret[str]:
    value = fields.get(ACCESS_TOKEN)
    if isinstance(value, str) and VSCHAR.fullmatch(value.strip()):
        return Secret(value.strip())
    code, detail = reported(fields)
    message = f"{service.name} answered without an access token{detail}"
    raise ServiceUnreadable(message, error=code, status=response.status)


def _check_type(service: Service, response: Response, token_type: object, *, is_bound: bool) -> None:
    """Raise `ServiceUnreadable` for a token of another type than was requested (RFC 6749 section 5.1).

    RFC 9449 section 5 leaves to the client whether it uses one that is not bound to its key; who asked for a bound one
    wants no less. The names of bearer tokens differ from service to service, and some services name none.
    """
    stated = f"of the type {printable(str(token_type), 80)}" if token_type else "without a type"
    if not is_bound and (str(token_type).strip().lower() in NO_BEARER or not isinstance(token_type, str | None)):
        raise ServiceUnreadable(
            f"{service.name} answered with a token {stated}, which is no bearer token; it was not used",
            status=response.status,
        )
    if is_bound_type(token_type) is is_bound:
        return
    if is_bound:
        raise ServiceUnreadable(
            f"{service.name} answered with a token {stated}, although one that is bound to a key (DPoP) was requested; "
            "it was not used",
            status=response.status,
        )
    raise ServiceUnreadable(
        f"{service.name} answered with a token of the type DPoP, which serves only who has its key; none was sent",
        status=response.status,
    )


def _refresh_token(service: Service, fields: Mapping[str, Any], previous: Token | None) -> Secret[str] | None:
    value = fields.get(service.response.refresh_token_field)
    if isinstance(value, str) and value:
        return Secret(value)
    # A service that does not rotate sends no refresh token: the old one stays valid (RFC 6749 section 6).
    return previous.refresh_token if previous else None


def _id_token(fields: Mapping[str, Any]) -> Secret[str] | None:
    value = fields.get("id_token")
    return Secret(value) if isinstance(value, str) and value.strip() else None


def _scope(service: Service, value: object) -> str | None:
    """Return the granted scope as one string, from a list too; None for an empty one, which says nothing."""
    if isinstance(value, list):
        value = service.scope_separator.join(item for item in value if isinstance(item, str))
    return printable(value, SCOPE_LENGTH) or None if isinstance(value, str) else None


def _native(service: Service, fields: Mapping[str, Any], previous: Token | None) -> dict[str, Any]:
    """Return the fields for `native`, with those of an earlier response but its access tokens, which have expired."""
    chosen = fields if service.native is None else {name: fields[name] for name in service.native if name in fields}
    old: dict[str, Any] = _without(ACCESS_TOKEN, previous.native.reveal()) if previous else {}
    new = {name: value for name, value in _without(REFRESH_TOKEN, chosen).items() if name != ACCESS_TOKEN}
    return {**old, **new}


def _without(name: str, value: Any, depth: int = DEEPEST) -> Any:  # noqa: ANN401 - JSON
    """Return a value without the fields of that name; what is nested too deep to be stored and shown is None."""
    if not isinstance(value, Mapping | list):
        return value
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        return {k: _without(name, v, depth - 1) for k, v in value.items() if k != name}
    return [_without(name, item, depth - 1) for item in value]
