"""The dialect files: the requests and responses of each core service, as its documentation shows them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from everyauth_cli.services.rules import RevocationEnds

FOLDER = Path(__file__).with_name("dialects")
SUFFIX = ".toml"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
NUMBERS = ("expires_in", "expires_at", "refresh_expires_in", "now", "now_ms", "interval")
"""Placeholders that become JSON numbers where a JSON string holds nothing else."""

Values = Mapping[str, str | int]
"""The value of each placeholder."""


class Endpoint(StrEnum):
    """An endpoint of a service, and in an error response the request that it answers."""

    AUTHORIZATION = "authorization"
    TOKEN = "token"
    REFRESH = "refresh"
    DEVICE_AUTHORIZATION = "device_authorization"
    DEVICE_TOKEN = "device_token"
    REVOCATION = "revocation"
    ACCOUNT = "account"


class RefreshTokens(StrEnum):
    """The kind of refresh tokens of a service: none, one for the whole grant, or a new one with each refresh.

    A new one ends the one before at once (`rotating`), at its own first use (`overlapping`), or never (`added`).
    """

    NONE = "none"
    STATIC = "static"
    ROTATING = "rotating"
    OVERLAPPING = "overlapping"
    ADDED = "added"

    @property
    def changes(self) -> bool:
        """Whether each refresh brings a new one."""
        return self not in (RefreshTokens.NONE, RefreshTokens.STATIC)


class UnknownScopes(StrEnum):
    """The treatment of scopes that the service does not know."""

    DROP = "drop"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedRequest:
    """A request as it is documented; `body` is its exact text, with placeholders."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedResponse:
    """A response as it is documented; `body` is its text, with placeholders."""

    status: int = 200
    content_type: str = JSON
    body: str = ""

    def filled(self, values: Values) -> bytes:
        """Return the body with its placeholders filled in."""
        if self.content_type.startswith(JSON) and self.body:
            return json.dumps(_fill_json(json.loads(self.body), values), ensure_ascii=False).encode()
        encoded = {name: quote_plus(str(value)) for name, value in values.items()}
        return fill_text(self.body, encoded if self.content_type == FORM else values).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request and its response, with links to the documentation."""

    link: Sequence[str]
    request: DocumentedRequest
    response: DocumentedResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The form of access and refresh tokens; `lifetime` is that of access tokens in seconds, None for no expiry.

    `refresh_lifetime` is that of each refresh token in seconds, None where none is documented.
    """

    access: str
    refresh: str = ""
    lifetime: int | None = None
    refresh_lifetime: int | None = None
    refresh_tokens: RefreshTokens = RefreshTokens.NONE
    link: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """The scopes that are granted: the `always` ones and the requested ones that match `known`, if it is given."""

    always: Sequence[str] = ()
    known: str = ""
    unknown: UnknownScopes = UnknownScopes.DROP
    separator: str = ""
    link: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The query of the authorization request, and the parameters that the service adds to its response."""

    link: Sequence[str]
    query: str
    response_params: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The call that revokes a token, the types of token that it takes, and the extent of the revocation."""

    call: Call
    ends: RevocationEnds
    tokens: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedAccount:
    """The subject and label that `everyauth` must find, and the call for them if the token response lacks them."""

    subject: str
    label: str
    call: Call | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedError:
    """An error response: `error` is RFC 6749's name for it, `raises` the name of our own error for it.

    `raises` is empty where a revocation has not failed: the service does not revoke that type of token.
    """

    endpoint: Endpoint
    error: str
    raises: str
    response: DocumentedResponse
    link: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A further documented form of a token response, and the credential that must come out of it."""

    name: str
    endpoint: Endpoint
    response: DocumentedResponse
    access_token: str
    native: Sequence[str]
    refreshable: bool
    expires: bool
    link: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The documented form of one service's OAuth 2.0.

    Without an `account` nothing that `everyauth` can ask names it. `id_token` has its claims.
    """

    name: str
    tokens: Tokens
    scopes: Scopes
    authorization: Authorization
    token: Call
    refresh: Call | None
    client_credentials: Call | None
    device_authorization: Call | None
    device_token: Call | None
    revocation: Revocation | None
    account: DocumentedAccount | None
    id_token: str
    repeats_nonce: bool
    native: Sequence[str]
    native_after_refresh: Sequence[str]
    errors: Sequence[DocumentedError]
    variants: Sequence[Variant]


def names() -> list[str]:
    """Return the names of the services that have a dialect file."""
    return sorted(path.stem for path in FOLDER.iterdir() if path.suffix == SUFFIX)


def load(name: str) -> Dialect:
    """Read the dialect of a service; raises `FileNotFoundError` if it has no dialect file."""
    with (FOLDER / (name + SUFFIX)).open("rb") as file:
        table = tomllib.load(file)
    native, id_token = table["native"], table.get("id_token", {})
    return Dialect(
        name=name,
        tokens=_tokens(_linked(table["tokens"])),
        scopes=_scopes(_linked(table.get("scopes", {}))),
        authorization=Authorization(**_linked({"response_params": {}, **table["authorization"]})),
        token=_call(table["token"]),
        refresh=_call(table["refresh"]) if "refresh" in table else None,
        client_credentials=_call(table["client_credentials"]) if "client_credentials" in table else None,
        device_authorization=_call(table["device_authorization"]) if "device_authorization" in table else None,
        device_token=_call(table["device_token"]) if "device_token" in table else None,
        revocation=_revocation(table["revocation"]) if "revocation" in table else None,
        account=_account(table["account"]) if "account" in table else None,
        id_token=id_token.get("claims", ""),
        repeats_nonce=id_token.get("nonce", True),
        native=native["fields"],
        native_after_refresh=native.get("after_refresh", native["fields"]),
        errors=[DocumentedError(**_with_response(error)) for error in table.get("errors", [])],
        variants=[Variant(**_with_response(variant)) for variant in table.get("variants", [])],
    )


def fill_text(text: str, values: Values) -> str:
    """Fill in the placeholders of a text; an unknown one stays as it is."""
    return PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)


def _fill_json(template: Any, values: Values) -> Any:  # noqa: ANN401 - JSON
    if isinstance(template, dict):
        return {name: _fill_json(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [_fill_json(value, values) for value in template]
    if not isinstance(template, str):
        return template
    alone = PLACEHOLDER.fullmatch(template)
    is_number = alone is not None and alone[1] in NUMBERS and alone[1] in values
    return values[alone[1]] if alone and is_number else fill_text(template, values)


def _linked(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose link is a list, even if the file has only one."""
    link = table.get("link", [])
    return {**table, "link": [link] if isinstance(link, str) else link}


def _tokens(table: Mapping[str, Any]) -> Tokens:
    return Tokens(**{**table, "refresh_tokens": RefreshTokens(table["refresh_tokens"])})


def _scopes(table: Mapping[str, Any]) -> Scopes:
    return Scopes(**{**table, "unknown": UnknownScopes(table.get("unknown", UnknownScopes.DROP))})


def _call(table: Mapping[str, Any]) -> Call:
    linked = _linked(table)
    return Call(
        link=linked["link"],
        request=DocumentedRequest(**linked["request"]),
        response=DocumentedResponse(**linked["response"]),
    )


def _revocation(table: Mapping[str, Any]) -> Revocation:
    tokens = table.get("tokens", ["refresh_token", "access_token"])
    return Revocation(call=_call(table), ends=RevocationEnds(table["ends"]), tokens=tokens)


def _account(table: Mapping[str, Any]) -> DocumentedAccount:
    return DocumentedAccount(**table["expected"], call=_call(table) if "request" in table else None)


def _with_response(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose response is a value of its own."""
    linked = _linked(table)
    response = {name: linked.pop(name) for name in ("status", "content_type", "body") if name in linked}
    return {**linked, "endpoint": Endpoint(linked["endpoint"]), "response": DocumentedResponse(**response)}
