"""The errors for a client that is not set, or that cannot be set as it was tried."""

from __future__ import annotations

import shlex

from everyauth_cli.errors import ClientNotSet, UsageProblem
from everyauth_cli.flows.client_keys import file_command, takes_file
from everyauth_cli.model import SANDBOX_PROFILE, Client, Service
from everyauth_cli.services.at_url import login_at
from everyauth_cli.services.redirect_uri import is_registered, redirect_uri


def set_in_sandbox(service: Service) -> UsageProblem:
    """Make the error for a client that is set in the sandbox's profile."""
    return UsageProblem(
        f"no client is set in the profile {SANDBOX_PROFILE}: the sandbox knows its own",
        hint=f"log in at the sandbox, or use another profile: everyauth login {service.name} --sandbox",
    )


def set_at_url(service: Service) -> UsageProblem:
    """Make the error for a client that is set for a server's URL."""
    return UsageProblem(
        f"the client at {service.name} is not set by hand: a login registers it", hint=login_at(service.name)
    )


def scope_of_preset(service: Service, scope: str) -> UsageProblem:
    """Make the error for a scope that is set for a preset which has its own."""
    return UsageProblem(
        f"the scopes of {service.name} are its own, not those of the client of {service.registered_at.name}",
        hint=f"give others at a login: everyauth login {service.name} --scope {shlex.quote(scope)}",
    )


def not_set(service: Service, client: Client, *, redirects: bool = True) -> ClientNotSet:
    """Make the error for a service that has no client yet; a grant that never `redirects` needs no redirect URI."""
    place = service.registered_at
    link = place.docs or next(iter(place.sources), "")
    about = f" ({link})" if link else ""
    whose = f" for {service.name}" if service.preset_of else ""
    needed = "".join(f" --param {p.name}=..." for p in service.params if p.default is None)
    uri = (
        f" with the redirect URI {redirect_uri(service, client)}"
        if redirects and is_registered(service, client)
        else ""
    )
    command = f"everyauth service set {place.name} --client-id ID --client-secret -{needed}"
    return ClientNotSet(
        f"{place.name} has no client yet{whose}: register an app at {place.title}{about}{uri}",
        hint=file_command(place) if takes_file(place) else command,
    )


def not_in_sandbox(service: Service) -> ClientNotSet:
    """Make the error for a service at which no login at the sandbox has set a client."""
    return ClientNotSet(
        f"the profile {SANDBOX_PROFILE} is for the sandbox alone, and has no login to {service.name} yet",
        hint=f"everyauth login {service.name} --sandbox",
    )
