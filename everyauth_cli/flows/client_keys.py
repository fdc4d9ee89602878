"""A client that authenticates with a private key of its own, and the change of that key for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.services.rules import BEARER, ClientAuthMethod

ChangeKeys = Callable[[tuple[Secret[str], ...]], tuple[Secret[str], ...]]
"""Returns the private keys of a client after a change; called while no other process changes them."""


def with_key(service: Service, client: Client) -> Service:
    """Return the service as a client with a private key authenticates there: by `private_key_jwt`, everywhere."""
    if not client.private_keys:
        return service
    kept = (BEARER, ClientAuthMethod.NONE)
    method = service.revocation.auth_method if service.revocation.auth_method in kept else None
    return replace(
        service,
        token_endpoint_auth_method=ClientAuthMethod.PRIVATE_KEY_JWT,
        revocation=replace(service.revocation, auth_method=method),
    )


def takes_key(service: Service) -> bool:
    """Return whether a service takes no client without a private key."""
    return service.token_endpoint_auth_method is ClientAuthMethod.PRIVATE_KEY_JWT


def check_has_key(service: Service, client: Client) -> Client:
    """Return a client; raises `ConfigurationProblem` where the service takes a key and the client has none."""
    if takes_key(service) and not client.private_keys:
        raise ConfigurationProblem(
            f"{service.name} takes a client with a private key (private_key_jwt), and yours has none",
            hint=f"everyauth service key {service.registered_at.name}",
        )
    return client


def check_signs(service: Service, client: Client) -> None:
    """Raise `ConfigurationProblem` for a client without a private key, which can sign no assertion (RFC 7523)."""
    if not client.private_keys:
        raise ConfigurationProblem(
            f"the client of {service.name} has no private key, which signs the assertion of this grant",
            hint=f"everyauth service set {service.registered_at.name} --private-key FILE",
        )


def check_is_confidential(service: Service, client: Client) -> None:
    """Raise `ConfigurationProblem` for a client that has nothing to prove who it is (RFC 6749 section 4.4)."""
    if client.client_secret is None and not client.private_keys:
        raise ConfigurationProblem(
            f"the client of {service.name} has neither a secret nor a private key, and gets no token of its own",
            hint=f"everyauth service set {service.registered_at.name} --client-secret -",
        )
