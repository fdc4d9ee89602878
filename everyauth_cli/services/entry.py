"""Makes a `Service` from one catalogue entry, and explains every mistake in it."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.fields import canonical, fields_of, value_of, with_values
from everyauth_cli.services.keys import KEYS, PRESET_KEYS
from everyauth_cli.services.old_keys import renamed
from everyauth_cli.services.placeholders import check_placeholders
from everyauth_cli.services.values import WrongInside
from everyauth_cli.urls import is_url

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_SHOWN = 200
AUTHORIZATION_CODE = "authorization_code"
MOVED_FROM, PRESETS = "moved_from", "presets"
SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother, SHORT.maxlong = 4, LONGEST_SHOWN, LONGEST_SHOWN, LONGEST_SHOWN
NEEDED = (
    ("authorization_response_iss_parameter_supported", "issuer"),
    ("require_pushed_authorization_requests", "pushed_authorization_request_endpoint"),
    ("long_lived_params", "long_lived_endpoint"),
)
"""Keys that mean nothing without another one."""

Where = Callable[[str], str]
"""Returns the file and line of a key; a key inside a table is given as `table.key`."""


def check_name(name: str) -> None:
    """Raise `ConfigurationProblem` for a text that cannot be the name of a service in the catalogue."""
    if not NAME.fullmatch(name):
        raise ConfigurationProblem(f"{name!r} cannot be a service's name: use a-z, 0-9 and -")


def make_service(
    name: str, entry: Mapping[str, Any], *, where: Where, own: bool, own_keys: Collection[str] = ()
) -> Service:
    """Return the service that an entry describes.

    `where` returns the place of a key for errors; `own` says that the entry is the user's alone, and `own_keys` are
    those that the user's file gives. Raises `ConfigurationProblem`, which names the key and the way out.
    """
    if not is_url(name):
        check_name(name)
    found = {key: _read(key, value, where) for key, value in entry.items()}
    found |= {"presets": {preset: _read_preset(preset, own, where) for preset, own in found.get("presets", {}).items()}}
    _check_endpoints(found, where)
    _check_given_once(entry, where)
    if MOVED_FROM in (entry if own else own_keys):
        raise ConfigurationProblem(
            f"{where(MOVED_FROM)}: {MOVED_FROM} is for the entries that everyauth ships: it lets secrets follow a move",
            hint=f"leave it out, and confirm new hosts: everyauth service set {name} --client-secret -",
        )
    fields = {"title": name, **fields_of(found)}
    service = Service(name=name, own=own, own_keys=frozenset(map(canonical, own_keys)), **fields)
    check_placeholders(service, where)
    _check_preset_names(service, where)
    for key, needed in NEEDED:
        if value_of(service, key) and not value_of(service, needed):
            raise ConfigurationProblem(f"{where(key)}: {key} needs {needed}")
    return service


def _check_endpoints(found: Mapping[str, Any], where: Where) -> None:
    """Refuse an entry without an endpoint that its grants need."""
    grants = found.get("grant_types_supported") or (AUTHORIZATION_CODE,)
    needed = ["authorization_endpoint"] * (AUTHORIZATION_CODE in grants) + ["token_endpoint"]
    for key in needed:
        if key not in found:
            raise ConfigurationProblem(f"{where(key)}: {key} is missing")


def make_preset(name: str, service: Service, *, where: Where) -> Service:
    """Return the preset of that name as a service of its own, whose client is registered at `service`.

    Raises `ConfigurationProblem`.
    """
    start = f"{PRESETS}.{name}."
    preset = replace(
        # Each product has an API of its own.
        with_values(service, {"title": name, "api_base": "", **service.presets[name]}),
        name=name,
        aliases=service.presets[name].get("aliases", ()),
        presets={},
        preset_of=service,
        own_keys=service.own_keys | {key.removeprefix(start) for key in service.own_keys},
    )
    check_placeholders(preset, lambda key: where(start + key if key.partition(".")[0] in preset.preset_keys else key))
    return preset


def override(entry: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the keys of the user's own file over it, each replacing every key with its meaning.

    So do the keys inside each preset.
    """
    if not own:
        return dict(entry)
    taken = set(map(canonical, own))
    found = {**{key: value for key, value in entry.items() if canonical(key) not in taken}, **own}
    shipped, mine = entry.get(PRESETS), own.get(PRESETS)
    if isinstance(shipped, dict) and isinstance(mine, dict):
        changed = {
            name: {**shipped[name], **table}
            for name, table in mine.items()
            if name in shipped and isinstance(table, dict)
        }
        found[PRESETS] = {**shipped, **mine, **changed}
    return found


def names_of_keys(own: Mapping[str, Any]) -> list[str]:
    """Return the keys of a user's file; those inside a preset as `presets.NAME.KEY`."""
    presets = own.get(PRESETS)
    tables = presets.items() if isinstance(presets, dict) else ()
    inside = [f"{PRESETS}.{name}.{key}" for name, table in tables if isinstance(table, dict) for key in table]
    return [*own, *inside]


def _check_preset_names(service: Service, where: Where) -> None:
    taken = {service.name, *service.aliases}
    for name, preset in service.presets.items():
        for word in (name, *preset.get("aliases", ())):
            if word in taken:
                raise ConfigurationProblem(
                    f"{where(f'{PRESETS}.{name}')}: {word} is a name of {service.name} or another preset too",
                    hint="give the preset another name",
                )
            taken.add(word)


def _read_preset(name: str, entry: Mapping[str, Any], where: Where) -> dict[str, Any]:
    place = f"{PRESETS}.{name}"
    if not NAME.fullmatch(name):
        raise ConfigurationProblem(f"{where(place)}: {name!r} cannot be a preset's name: use a-z, 0-9 and -")
    for key in entry:
        if key not in PRESET_KEYS:
            near = difflib.get_close_matches(key, PRESET_KEYS, 1)
            hint = f"did you mean {near[0]}?" if near else "the keys of a preset are " + ", ".join(PRESET_KEYS)
            what = "is a key of the service, not of a preset" if key in KEYS else "is unknown"
            raise ConfigurationProblem(f"{where(f'{place}.{key}')}: {place}: the key {key} {what}", hint=hint)
    return {key: _read(key, value, lambda inner: where(f"{place}.{inner}")) for key, value in entry.items()}


def _read(key: str, value: object, where: Where) -> Any:  # noqa: ANN401 - each reader has its own type
    if message := renamed(key, value):
        raise ConfigurationProblem(f"{where(key)}: {message}")
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, 1)
        hint = f"did you mean {near[0]}?" if near else "the keys are " + ", ".join(KEYS)
        raise ConfigurationProblem(f"{where(key)}: unknown key {key}", hint=hint)
    try:
        return KEYS[key].reader.read(value)
    except WrongInside as error:
        path = f"{key}.{error.name}"
        raise ConfigurationProblem(f"{where(path)}: {path} = {_shown(error.value)}: {error}") from None
    except ValueError as error:
        raise ConfigurationProblem(f"{where(key)}: {key} = {_shown(value)}: {error}") from None


def _shown(value: object) -> str:
    """Return a value as it may be shown: short, however long or deep it is."""
    try:
        text = SHORT.repr(value)
    except ValueError:
        return "a number of too many digits"
    return text


def _check_given_once(entry: Mapping[str, Any], where: Where) -> None:
    for key in entry:
        if (first := canonical(key)) != key and first in entry:
            raise ConfigurationProblem(f"{where(key)}: {key} means the same as {first}", hint="keep one of the two")
