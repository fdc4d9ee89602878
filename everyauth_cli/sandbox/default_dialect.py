"""The dialect of a service without a dialect file: RFC 6749 to the letter, and what its catalogue entry says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from everyauth_cli.model import Service
from everyauth_cli.sandbox import dialect
from everyauth_cli.sandbox.dialect import (
    Authorization,
    Call,
    Dialect,
    DocumentedAccount,
    DocumentedRequest,
    DocumentedResponse,
    RefreshTokens,
    Revocation,
    Scopes,
    Tokens,
)
from everyauth_cli.services.rules import TEMPLATE_FIELD

ACCOUNT_KEYS = {"account_endpoint", "account_query", "account_subject", "account_label"}
LIFETIME = 3600
OPENID = "openid"
SUBJECT, LABEL, TENANT = "{user_id}", "{user}", "sandbox"


def dialect_of(service: Service) -> Dialect:
    """Return the dialect of a service: from its file, or else the default.

    A preset has that of its service, but for an account that it names in a way of its own.
    """
    name, default = service.registered_at.name, default_dialect(service)
    found = dialect.load(name) if name in dialect.names() else default
    return replace(found, account=default.account) if service.preset_keys & ACCOUNT_KEYS else found


def default_dialect(service: Service) -> Dialect:
    """Return a dialect that is made from a catalogue entry."""
    fields = _token_fields(service)
    refreshed_fields = {name: value for name, value in fields.items() if name != "id_token"}
    return Dialect(
        client_credentials=None,
        device_authorization=None,
        device_token=None,
        name=service.name,
        tokens=Tokens(
            access="sandbox-access-{uuid}",
            refresh="sandbox-refresh-{uuid}",
            lifetime=LIFETIME,
            refresh_tokens=RefreshTokens.ROTATING,
        ),
        scopes=Scopes(),
        authorization=Authorization(link=(), query="", response_params=dict.fromkeys(service.keep_callback, "sandbox")),
        token=_call(service.token_endpoint, fields),
        refresh=_call(service.token_endpoint, refreshed_fields),
        revocation=default_revocation(service),
        account=DocumentedAccount(subject=SUBJECT, label=LABEL, call=_account(service)),
        id_token=json.dumps(_claims(service)) if OPENID in service.scopes else "",
        repeats_nonce=True,
        native=service.native or (),
        native_after_refresh=service.native or (),
        errors=(),
        variants=(),
    )


def default_revocation(service: Service) -> Revocation | None:
    """Return revocation as in RFC 7009; None if the entry has no endpoint for it."""
    if service.revocation.endpoint is None:
        return None
    request = DocumentedRequest(method="POST", url=service.revocation.endpoint, headers={})
    call = Call(link=(), request=request, response=DocumentedResponse())
    # It issues refresh tokens.
    ends = service.revocation.ends.of(refreshable=True)
    return Revocation(call=call, ends=ends, tokens=service.revocation.tokens)


def account_fields(service: Service) -> dict[str, Any]:
    """Return an account response that has a value in each place where the entry looks for the account."""
    fields: dict[str, Any] = {"id": SUBJECT, "email": LABEL}
    for templates, value in ((service.account.label, LABEL), (service.account.subject, SUBJECT)):
        for path in TEMPLATE_FIELD.findall(templates[0]):
            _put(fields, path.split("."), value)
    return {name: _with_lists(value) for name, value in fields.items()}


def _token_fields(service: Service) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "access_token": "{access_token}",
        "token_type": "Bearer",
        service.expires_field: "{expires_in}",
        "refresh_token": "{refresh_token}",
        service.scope_field: "{scope}",
    }
    if OPENID in service.scopes:
        fields |= {"id_token": "{id_token}"}
    return {**account_fields(service), **fields} if service.account.in_response else fields


def _claims(service: Service) -> dict[str, Any]:
    # A multi-tenant issuer has the tenant in its URL and in a claim.
    known = [service.issuer, *service.id_token.issuers, service.authorization_endpoint]
    issuer = next(filter(None, known), service.token_endpoint)
    return {
        "sub": SUBJECT,
        **account_fields(service),
        **dict.fromkeys(TEMPLATE_FIELD.findall(issuer), TENANT),
        "iss": TEMPLATE_FIELD.sub(TENANT, issuer),
        "aud": "{client_id}",
        "iat": "{now}",
        "nbf": "{now}",
        "exp": "{expires_at}",
        "at_hash": "{at_hash}",
    }


def _account(service: Service) -> Call | None:
    return _call(service.account.endpoint, account_fields(service)) if service.account.endpoint else None


def _call(url: str, fields: Mapping[str, Any]) -> Call:
    request = DocumentedRequest(method="POST", url=url, headers={})
    return Call(link=(), request=request, response=DocumentedResponse(body=json.dumps(fields)))


def _put(fields: dict[str, Any], path: list[str], value: str) -> None:
    """Put a value at a path, replacing any value that is in the way, but not objects."""
    *parents, last = path
    for parent in parents:
        if not isinstance(fields.get(parent), dict):
            fields[parent] = {}
        fields = fields[parent]
    if not isinstance(fields.get(last), dict):
        fields[last] = value


def _with_lists(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Turn objects whose keys are item numbers into lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(item) for name, item in value.items()}
    if not all(name.isdecimal() for name in inner):
        return inner
    return [inner.get(str(number), {}) for number in range(max(map(int, inner)) + 1)]
