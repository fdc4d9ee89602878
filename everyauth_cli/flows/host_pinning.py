"""Host pinning: secrets, tokens and browsers go to no other origins than was agreed until the user confirms them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from everyauth_cli.errors import ConfigurationProblem, HostChanged
from everyauth_cli.model import Client, Identity, Service
from everyauth_cli.oauth.localhost_client import of_grant
from everyauth_cli.oauth.resource_indicator import for_resource
from everyauth_cli.services.callback import callback_parameters, with_callback
from everyauth_cli.services.endpoints import SENT_NO_SECRET, urls_of
from everyauth_cli.services.placeholders import variants
from everyauth_cli.urls import PLACEHOLDER, is_url, origin


def origins_of(service: Service) -> dict[str, str]:
    """Return the origins of all URLs of a service; a placeholder that has no value yet is part of its origin.

    Where an authorization response chooses among origins that the entry lists, they are all there, each by its key and
    the word for it.
    """
    service = service.before_callback or service
    return {
        " ".join(filter(None, (_pin_name(service, key), words))): origin(text)
        for key, url in urls_of(service).items()
        for words, text in variants(service, url)
    }


def _pin_name(service: Service, key: str) -> str:
    """Return the name by which a URL's origin is pinned: presets share a client, and each may have a URL of its own."""
    return f"presets.{service.name}.{key}" if key in service.preset_keys else key


def _key(name: str) -> str:
    """Return the key of a URL without the words that chose its origin."""
    return name.partition(" ")[0]


def origins_for_secrets(origins: Mapping[str, str]) -> dict[str, str]:
    """Return those of some origins that are sent secrets or tokens."""
    return {key: name for key, name in origins.items() if _key(key) not in SENT_NO_SECRET}


def granted_origins(service: Service) -> dict[str, str]:
    """Return the origins that a grant at this service is bound to."""
    return origins_for_secrets(_present(service))


def _present(service: Service) -> dict[str, str]:
    return {key: origin(url) for key, url in urls_of(service).items()}


def moved(service: Service, client: Client) -> tuple[str, str, str] | None:
    """Return the key of a URL whose origin is not one that the client was set for, that origin, and the pinned ones.

    A URL that is newer than the client counts as moved when it is from the user's file; the catalogue's is trusted as
    much as those before it. So is one that has moved from an origin that its entry names.
    """
    return next(moves(service, client.origins), None)


def is_bound_to(identity: Identity, service: Service, client: Client) -> bool:
    """Return whether a grant belongs to that client and these endpoints; its tokens go to no other (RFC 6749 6)."""
    try:
        service, client = for_resource(service, identity.resource), of_grant(client, identity.client_id)
        present = _present(with_callback(service, identity.params))
    except ConfigurationProblem:
        # The entry has no more the place that the authorization response named.
        return False
    is_moved = any(key not in SENT_NO_SECRET for key, _, _ in _moves(service, present, identity.origins))
    is_same = (identity.client_id, identity.issuer, identity.resource) == (client.client_id, *bound_names(service))
    return bool(identity.origins) and is_same and not is_moved


def bound_names(service: Service) -> tuple[str, str]:
    """Return the issuer, at a server's URL alone, and the resource that a grant is bound to; each may be empty."""
    return service.issuer or "" if is_url(service.name) else "", service.resource or ""


def moves(service: Service, bound: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield what `moved` returns for each URL that has moved since these origins were pinned; nothing if none were."""
    return _moves(service, origins_of(service), bound)


def _moves(service: Service, present: Mapping[str, str], bound: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    # What was agreed for a browser or for public keys is not agreed for secrets.
    for_secrets, any_known = set(origins_for_secrets(bound).values()), set(bound.values())
    for key, name in present.items():
        known = any_known if _key(key) in SENT_NO_SECRET else for_secrets
        before, is_own = bound.get(key), _is_own(service, key)
        if not bound or name in known or (not is_own and (before is None or before in service.moved_from)):
            continue
        yield key, name, before or " and ".join(sorted(known))


def _is_own(service: Service, key: str) -> bool:
    """Whether the user's file may have a say in a URL; its parameters are part of any."""
    return not service.own_keys.isdisjoint((_key(key), "params"))


def check_hosts(service: Service, client: Client, *, has_secret: bool) -> None:
    """Raise `HostChanged` when a request or a browser would go to another origin than the client was set for.

    Also raises `ConfigurationProblem` for a URL with a placeholder left in it, whose host cannot be compared.
    """
    _check_filled(service)
    if (change := moved(service, client)) is None:
        return
    key, name, before = change
    raise HostChanged(
        f"the {key} of {service.name} is at {name} now, and its client was set for {before}; nothing was sent",
        hint=f"if {name} is right, confirm it: {confirmation(service, has_secret=has_secret)}",
    )


def _check_filled(service: Service) -> None:
    later = {param.name for param in callback_parameters(service)}
    for key, url in urls_of(service).items():
        if left := set(PLACEHOLDER.findall(url)) - later:
            raise ConfigurationProblem(
                f"nothing fills {{{min(left)}}} in the {key} of {service.name}; nothing was sent",
                hint=f"correct {key}: everyauth service get {shlex.quote(service.name)}",
            )


def confirmation(service: Service, *, has_secret: bool) -> str:
    """Return the command that pins a client to the service's present origins."""
    if is_url(service.name):
        return f"everyauth login {shlex.quote(service.name)}"
    return f"everyauth service set {service.name} {'--client-secret -' if has_secret else '--client-id ID'}"
