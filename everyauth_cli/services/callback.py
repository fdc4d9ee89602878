"""The placeholders whose values an authorization response has, such as the data center of an account.

Who sends a browser to a redirect URI writes such a value, so it is no more than a word that the entry lists, one label
of a host whose end the entry has, or text that is part of no URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from everyauth_cli.errors import ConfigurationProblem, LoginFailed
from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.parameters import SHOWN, check_param, part_of_host
from everyauth_cli.services.placeholders import filled_in
from everyauth_cli.services.rules import Parameter
from everyauth_cli.urls import PLACEHOLDER

LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""One label of a host name (RFC 1123 section 2.1)."""
LONGEST_TEXT = 300


def callback_parameters(service: Service) -> list[Parameter]:
    """Return the parameters of a service that an authorization response has values for."""
    return [param for param in service.params if param.callback]


def read_callback(service: Service, response: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each such parameter, by name: that in the response, else its default.

    Raises `LoginFailed` when there is none, or one that does not fit; then no code may be redeemed.
    """
    return {param.name: _read(service, param, response.get(param.callback)) for param in callback_parameters(service)}


def with_callback(service: Service, values: Mapping[str, str]) -> Service:
    """Return the service with these values filled in, else the defaults; a placeholder without either is left.

    Raises `ConfigurationProblem` for a value that does not fit: who can change it must not choose where secrets go.
    """
    before = service.before_callback or service
    if not (parameters := callback_parameters(before)):
        return service
    known = [(param, value) for param in parameters if (value := values.get(param.name) or param.default)]
    for param, value in known:
        _check(before, param, value)
    filled = filled_in(before, {param.name: param.text(value) for param, value in known})
    return replace(filled, before_callback=before)


def _read(service: Service, param: Parameter, given: str | None) -> str:
    base = service.before_callback or service
    if given and not param.values:
        given = part_of_host(base, param.name, given) or given
    value = given or param.default or ""
    try:
        _check(base, param, value)
    except ConfigurationProblem as error:
        raise LoginFailed(
            f"the authorization response of {service.name} cannot be used for its {param.callback}: {error.message}; "
            "no code was redeemed",
            hint=None
            if value
            else f"set it: everyauth service set {service.registered_at.name} --param {param.name}=...",
        ) from None
    return value


def _check(service: Service, param: Parameter, value: str) -> None:
    """Check a value; raises `ConfigurationProblem`."""
    if not value:
        raise ConfigurationProblem("it is missing")
    if not param.values:
        _check_free(service, param, value)
    check_param(service, param.name, value)


def _check_free(service: Service, param: Parameter, value: str) -> None:
    """Check a value that is none of a list."""
    hosts = [urlsplit(url).netloc for url in urls_of(service).values()]
    if any(param.name in PLACEHOLDER.findall(host) for host in hosts) and not LABEL.fullmatch(value):
        raise ConfigurationProblem(f"{value[:SHOWN]!r} is not one label of a host name")
    if len(value) > LONGEST_TEXT:
        raise ConfigurationProblem("it is too long")
