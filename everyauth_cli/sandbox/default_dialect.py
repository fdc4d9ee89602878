"""The dialect of a service whose own is not documented here: RFC 6749 to the letter, with what its entry says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from everyauth_cli.model import Service
from everyauth_cli.sandbox import dialect
from everyauth_cli.sandbox.dialect import Authorize, Call, Dialect, Named, Revoke, Scopes, Sent, Shape, Tokens
from everyauth_cli.services.rules import TEMPLATE_FIELD

LIFE = 3600
OPENID = "openid"
SUBJECT, LABEL, TENANT = "{user_id}", "{user}", "sandbox"


def dialect_of(service: Service) -> Dialect:
    """The documented dialect of a service, or else a plain one."""
    return dialect.load(service.name) if service.name in dialect.names() else plain(service)


def plain(service: Service) -> Dialect:
    """A dialect made from a catalogue entry."""
    answer = _answer(service)
    refreshed = {name: value for name, value in answer.items() if name != "id_token"}
    return Dialect(
        name=service.name,
        tokens=Tokens(
            access="sandbox-access-{uuid}", refresh="sandbox-refresh-{uuid}", life=LIFE, refresh_kind="rotating"
        ),
        scopes=Scopes(),
        authorize=Authorize(link=(), query="", callback=dict.fromkeys(service.keep_callback, "sandbox")),
        token=_call(service.token_endpoint, answer),
        refresh=_call(service.token_endpoint, refreshed),
        revoke=plain_revoke(service),
        account=Named(subject=SUBJECT, label=LABEL, call=_account(service)),
        id_token=json.dumps(_claims(service)) if OPENID in service.scopes else "",
        native=service.native or (),
        native_after_refresh=service.native or (),
        errors=(),
        variants=(),
    )


def plain_revoke(service: Service) -> Revoke | None:
    """Revocation as RFC 7009 has it, where the entry knows an endpoint for it."""
    if service.revocation.endpoint is None:
        return None
    call = Call(link=(), request=Sent(method="POST", url=service.revocation.endpoint, headers={}), answer=Shape())
    return Revoke(call=call, ends=service.revocation.ends, tokens=service.revocation.tokens)


def account_fields(service: Service) -> dict[str, Any]:
    """An answer to "who am I" that has something in each place where the entry looks for the account."""
    fields: dict[str, Any] = {"id": SUBJECT, "email": LABEL}
    for templates, word in ((service.account.label, LABEL), (service.account.subject, SUBJECT)):
        for path in TEMPLATE_FIELD.findall(templates[0]):
            _put(fields, path.split("."), word)
    return {name: _with_lists(value) for name, value in fields.items()}


def _answer(service: Service) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": "{access_token}",
        "token_type": "Bearer",
        service.expires_field: "{expires_in}",
        "refresh_token": "{refresh_token}",
        service.scope_field: "{scope}",
    }
    if OPENID in service.scopes:
        answer |= {"id_token": "{id_token}"}
    return {**account_fields(service), **answer} if service.account.in_response else answer


def _claims(service: Service) -> dict[str, Any]:
    # An issuer of many tenants has the tenant in its name, and in a claim.
    issuer = next(filter(None, [service.issuer, *service.id_token.issuers]), service.authorization_endpoint)
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


def _call(url: str, answer: Mapping[str, Any]) -> Call:
    sent = Sent(method="POST", url=url, headers={})
    return Call(link=(), request=sent, answer=Shape(body=json.dumps(answer)))


def _put(fields: dict[str, Any], steps: list[str], word: str) -> None:
    """Put a word where these steps lead, over what is no step on another way."""
    *way, last = steps
    for step in way:
        if not isinstance(fields.get(step), dict):
            fields[step] = {}
        fields = fields[step]
    if not isinstance(fields.get(last), dict):
        fields[last] = word


def _with_lists(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Lists where the steps are the numbers of items."""
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(item) for name, item in value.items()}
    if not all(name.isdecimal() for name in inner):
        return inner
    return [inner.get(str(number), {}) for number in range(max(map(int, inner)) + 1)]
