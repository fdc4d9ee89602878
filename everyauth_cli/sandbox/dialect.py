"""The dialect files: what each core service is sent and answers, as its documentation shows it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

HOME = Path(__file__).with_name("dialects")
SUFFIX = ".toml"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
NUMBERS = ("expires_in", "expires_at", "now", "now_ms")
"""Placeholders that are numbers where a JSON text is nothing else."""

Values = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it is documented; `body` is its exact text, with placeholders."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An answer as it is documented."""

    status: int = 200
    content_type: str = JSON
    body: str = ""

    def filled(self, values: Values) -> bytes:
        """The answer's body with the placeholders filled in."""
        if self.content_type.startswith(JSON) and self.body:
            return json.dumps(_filled(json.loads(self.body), values), ensure_ascii=False).encode()
        encoded = {name: quote_plus(str(value)) for name, value in values.items()}
        return in_text(self.body, encoded if self.content_type == FORM else values).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request and its answer, with the documentation's links."""

    link: Sequence[str]
    request: Sent
    answer: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What tokens look like, how long access tokens live (seconds), and what becomes of refresh tokens."""

    access: str
    refresh: str = ""
    life: int | None = None
    refresh_kind: str = "none"
    link: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """How the scopes that are asked for are treated."""

    always: Sequence[str] = ()
    known: str = ""
    unknown: str = "grant"
    separator: str = ""
    link: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """The authorization request's query, and what the service adds to the redirect."""

    link: Sequence[str]
    query: str
    callback: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """How tokens are revoked, which types, and what ends with one."""

    call: Call
    ends: str
    tokens: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The account that must come out, and the call that tells it where one is needed."""

    subject: str
    label: str
    call: Call | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A documented error: where it is answered, which error of RFC 6749 it is, and which of ours it `becomes`.

    The last is empty where a revocation's answer is no failure: the service does not revoke that type of token.
    """

    at: str
    error: str
    becomes: str
    shape: Shape
    link: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A further documented shape of a token answer, and what must come out of it."""

    name: str
    at: str
    shape: Shape
    access_token: str
    native: Sequence[str]
    refreshable: bool
    expires: bool
    link: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One service's documented way to speak OAuth 2.0."""

    name: str
    tokens: Tokens
    scopes: Scopes
    authorize: Authorize
    token: Call
    refresh: Call | None
    revoke: Revoke | None
    account: Named
    id_token: str
    native: Sequence[str]
    native_after_refresh: Sequence[str]
    errors: Sequence[Failure]
    variants: Sequence[Variant]


def names() -> list[str]:
    """The services whose dialects are known."""
    return sorted(path.stem for path in HOME.iterdir() if path.suffix == SUFFIX)


def load(name: str) -> Dialect:
    """The dialect of a service; raises `FileNotFoundError` when it is not documented here."""
    with (HOME / (name + SUFFIX)).open("rb") as file:
        told = tomllib.load(file)
    native, account = told["native"], dict(told["account"])
    return Dialect(
        name=name,
        tokens=Tokens(**_linked(told["tokens"])),
        scopes=Scopes(**_linked(told.get("scopes", {}))),
        authorize=Authorize(**_linked({"callback": {}, **told["authorize"]})),
        token=_call(told["token"]),
        refresh=_call(told["refresh"]) if "refresh" in told else None,
        revoke=_revoke(told["revoke"]) if "revoke" in told else None,
        account=Named(**account.pop("is"), call=_call(account) if account else None),
        id_token=told.get("id_token", {}).get("claims", ""),
        native=native["fields"],
        native_after_refresh=native.get("after_refresh", native["fields"]),
        errors=[Failure(**_shaped(error)) for error in told.get("errors", [])],
        variants=[Variant(**_shaped(variant)) for variant in told.get("variants", [])],
    )


def in_text(text: str, values: Values) -> str:
    """A text with its placeholders filled in; one that is not known stays as it is."""
    return PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)


def _filled(told: Any, values: Values) -> Any:  # noqa: ANN401 - JSON
    if isinstance(told, dict):
        return {name: _filled(value, values) for name, value in told.items()}
    if isinstance(told, list):
        return [_filled(value, values) for value in told]
    if not isinstance(told, str):
        return told
    alone = PLACEHOLDER.fullmatch(told)
    return values[alone[1]] if alone and alone[1] in NUMBERS and alone[1] in values else in_text(told, values)


def _linked(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose link is a list, whether one was given or several."""
    link = table.get("link", [])
    return {**table, "link": [link] if isinstance(link, str) else link}


def _call(table: Mapping[str, Any]) -> Call:
    told = _linked(table)
    return Call(link=told["link"], request=Sent(**told["request"]), answer=Shape(**told["answer"]))


def _revoke(table: Mapping[str, Any]) -> Revoke:
    tokens = table.get("tokens", ["refresh_token", "access_token"])
    return Revoke(call=_call(table), ends=table["ends"], tokens=tokens)


def _shaped(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose answer is a shape of its own."""
    told = _linked(table)
    shape = {name: told.pop(name) for name in ("status", "content_type", "body") if name in told}
    return {**told, "shape": Shape(**shape)}
