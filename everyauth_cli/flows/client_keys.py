"""A client that authenticates with a private key of its own, and the change of that key for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.grant import GrantType, only_grant
from everyauth_cli.services.rules import BEARER, SIGNING_METHODS, ClientAuthMethod, PrivateKeyUse

ChangeKeys = Callable[[tuple[Secret[str], ...]], tuple[Secret[str], ...]]
"""Returns the private keys of a client after a change; called while no other process changes them."""


def with_key(service: Service, client: Client) -> Service:
    """Return the service as a client with a private key authenticates there: by `private_key_jwt`, everywhere.

    A key that only signs assertions of the JWT bearer grant, or the client secret, changes nothing.
    """
    if not client.private_keys or is_file(service):
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
    return service.token_endpoint_auth_method in SIGNING_METHODS or names_client(service)


def is_file(service: Service) -> bool:
    """Return whether the key of a client is in a file that the service or its user made, rather than one of ours."""
    is_secret = service.token_endpoint_auth_method is ClientAuthMethod.CLIENT_SECRET_SIGNED
    return is_secret or service.client_assertion.key_use is PrivateKeyUse.JWT_BEARER


def names_client(service: Service) -> bool:
    """Return whether the key's file names the client too: it has nothing else that a login needs.

    Elsewhere that grant alone means that another party signs the assertion, such as an identity provider.
    """
    return is_file(service) and only_grant(service.grant_types_supported) is GrantType.JWT_BEARER


def keeps_key(service: Service) -> bool:
    """Return whether a client may have a key there beside a secret, or has one anyway."""
    return takes_key(service) or service.client_assertion.key_use is PrivateKeyUse.JWT_BEARER


def check_has_key(service: Service, client: Client) -> Client:
    """Return a client; raises `ConfigurationProblem` where the service takes a key and the client has none."""
    if takes_key(service) and not client.private_keys:
        raise ConfigurationProblem(
            f"{service.name} takes a client with a private key, and yours has none", hint=key_command(service)
        )
    return client


def check_signs(service: Service, client: Client) -> None:
    """Raise `ConfigurationProblem` for a client without a private key, which can sign no assertion (RFC 7523)."""
    if not client.private_keys:
        raise ConfigurationProblem(
            f"the client of {service.name} has no private key, which signs the assertion of this grant",
            hint=key_command(service),
        )


def key_command(service: Service) -> str:
    """Return the command that gives a client a key: one of ours, or where it signs assertions mostly the service's."""
    name = service.registered_at.name
    if is_file(service):
        return f"everyauth service set {name} --private-key FILE"
    return f"everyauth service key {name}"


def takes_file(service: Service) -> bool:
    """Return whether a client is nothing without a key in a file."""
    return takes_key(service) and is_file(service)


def file_command(service: Service) -> str:
    """Return the command that sets a client whose key is in a file."""
    client_id = "" if names_client(service) else " --client-id ID"
    params = "".join(f" --param {param.name}=..." for param in service.params if param.default is None)
    return f"everyauth service set {service.name}{client_id} --private-key FILE{params}"


def check_is_confidential(service: Service, client: Client) -> None:
    """Raise `ConfigurationProblem` for a client that has nothing to prove who it is (RFC 6749 section 4.4)."""
    if client.client_secret is None and not client.private_keys:
        raise ConfigurationProblem(
            f"the client of {service.name} has neither a secret nor a private key, and gets no token of its own",
            hint=f"everyauth service set {service.registered_at.name} --client-secret -",
        )
