"""The hosts that a client's secret and tokens were set for: they go to no other until the user says so."""

from __future__ import annotations

from everyauth_cli.errors import ConfigurationProblem, HostChanged
from everyauth_cli.model import Client, Service
from everyauth_cli.services.endpoints import SENT_SECRETS, urls_of
from everyauth_cli.urls import PLACEHOLDER, host


def hosts_of(service: Service) -> dict[str, str]:
    """Return the hosts of a service that are sent secrets; a placeholder that has no value yet is part of its host."""
    return {key: host(url) for key, url in _pinned(service).items()}


def _pinned(service: Service) -> dict[str, str]:
    return {key: url for key, url in urls_of(service).items() if key in SENT_SECRETS}


def moved(service: Service, client: Client) -> tuple[str, str, str] | None:
    """The key of a URL that leads to another host than the client was set for, that host, and those before.

    A URL that came later than the client counts as moved when the user's file brought it; one that came with the
    catalogue is as good as those before it.
    """
    bound, known = client.hosts, set(client.hosts.values())
    for key, name in hosts_of(service).items():
        if name not in known and (key in bound or (bound and key in service.own_keys)):
            return key, name, bound.get(key) or " and ".join(sorted(known))
    return None


def check_hosts(service: Service, client: Client, *, has_secret: bool) -> None:
    """Raise `HostChanged` when secrets would go to another host than the client was set for.

    Raises `ConfigurationProblem` for a URL with a placeholder left in it, whose host cannot be compared.
    """
    _check_filled(service)
    if (change := moved(service, client)) is None:
        return
    key, there, before = change
    raise HostChanged(
        f"the {key} of {service.name} leads to {there} now, and its client was set for {before}; nothing was sent",
        hint=f"if {there} is to have the secrets, say so: {confirmation(service, has_secret=has_secret)}",
    )


def _check_filled(service: Service) -> None:
    for key, url in _pinned(service).items():
        if left := PLACEHOLDER.search(url):
            raise ConfigurationProblem(
                f"nothing fills {left[0]} in the {key} of {service.name}; nothing was sent",
                hint=f"correct {key}: everyauth service get {service.name}",
            )


def confirmation(service: Service, *, has_secret: bool) -> str:
    """The command that sets a client for the hosts of this moment."""
    return f"everyauth service set {service.name} {'--client-secret -' if has_secret else '--client-id ID'}"
