"""Host pinning: a client's secret and tokens go to no other hosts than it was set for until the user confirms them."""

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
    """Return the key of a URL whose host is not one that the client was set for, that host, and the pinned ones.

    A URL that is newer than the client counts as moved when it is from the user's file; the catalogue's is trusted as
    much as those before it.
    """
    bound, known = client.hosts, set(client.hosts.values())
    for key, name in hosts_of(service).items():
        if name not in known and (key in bound or (bound and key in service.own_keys)):
            return key, name, bound.get(key) or " and ".join(sorted(known))
    return None


def check_hosts(service: Service, client: Client, *, has_secret: bool) -> None:
    """Raise `HostChanged` when secrets would go to another host than the client was set for.

    Also raises `ConfigurationProblem` for a URL with a placeholder left in it, whose host cannot be compared.
    """
    _check_filled(service)
    if (change := moved(service, client)) is None:
        return
    key, name, before = change
    raise HostChanged(
        f"the {key} of {service.name} is on {name} now, and its client was set for {before}; nothing was sent",
        hint=f"if {name} may have the secrets, confirm it: {confirmation(service, has_secret=has_secret)}",
    )


def _check_filled(service: Service) -> None:
    for key, url in _pinned(service).items():
        if left := PLACEHOLDER.search(url):
            raise ConfigurationProblem(
                f"nothing fills {left[0]} in the {key} of {service.name}; nothing was sent",
                hint=f"correct {key}: everyauth service get {service.name}",
            )


def confirmation(service: Service, *, has_secret: bool) -> str:
    """Return the command that pins a client to the service's present hosts."""
    return f"everyauth service set {service.name} {'--client-secret -' if has_secret else '--client-id ID'}"
