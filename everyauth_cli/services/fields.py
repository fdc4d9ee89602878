"""The fields of a `Service` that the keys of an entry set, and the values of a service by key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from everyauth_cli.model import Service
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.rules import (
    AccountRules,
    ApiRules,
    ClientAssertionRules,
    ClientCredentialsRules,
    DeviceRules,
    DpopRules,
    IdTokenRules,
    JwtBearerRules,
    LongLivedRules,
    RedirectRules,
    RequestRules,
    ResponseRules,
    RevocationRules,
)

PARTS = {
    "requests": RequestRules,
    "response": ResponseRules,
    "client_assertion": ClientAssertionRules,
    "client_credentials": ClientCredentialsRules,
    "device": DeviceRules,
    "dpop": DpopRules,
    "jwt_bearer": JwtBearerRules,
    "long_lived": LongLivedRules,
    "revocation": RevocationRules,
    "id_token": IdTokenRules,
    "account": AccountRules,
    "redirect": RedirectRules,
    "api": ApiRules,
}
FIELDS = {key: about.field or key for key, about in KEYS.items()}
"""The field of `Service` that each key sets, `part.field` where it is one of a part."""
_SPLIT = {key: (part, name) for key, field in FIELDS.items() for part, _, name in [field.rpartition(".")]}
"""The part of `Service` that each key sets a field of, empty for `Service` itself, and that field."""
_FIRST = {field: key for key, field in reversed(FIELDS.items())}


def canonical(key: str) -> str:
    """Return the first of all keys with the same field: `docs` for `service_documentation`."""
    return _FIRST[FIELDS[key]] if key in FIELDS else key


def value_of(service: Service, key: str) -> Any:  # noqa: ANN401 - each key has its own type
    """Return the value of a key in a service."""
    part, name = _SPLIT[key]
    return getattr(getattr(service, part) if part else service, name)


def default_of(key: str) -> str | None:
    """Return the default of a key as TOML; None for a key that has no value by default."""
    bare = Service(name="", title="", token_endpoint="")
    value = value_of(bare, key)
    return json.dumps(value) if isinstance(value, bool | str | tuple) and value not in ("", ()) else None


def fields_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Service` that has these values by key."""
    fields, parts = _by_part(found)
    return fields | {part: PARTS[part](**inner) for part, inner in parts.items()}


def with_values(service: Service, changes: Mapping[str, Any]) -> Service:
    """Return the service with other values for some keys."""
    fields, parts = _by_part(changes)
    fields |= {part: replace(getattr(service, part), **inner) for part, inner in parts.items()}
    return replace(service, **fields)


def _by_part(found: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split values by key into those of `Service` itself and those of each of its parts."""
    fields: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        part, name = _SPLIT[key]
        (parts.setdefault(part, {}) if part else fields)[name] = value
    return fields, parts
