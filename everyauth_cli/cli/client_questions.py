"""Asks a person for the client at a service, and asks again where a value was copied wrongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret, Service
from everyauth_cli.services.client_checks import check_client_id, check_client_secret, check_pair, check_scope
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.rules import Parameter

T = TypeVar("T")
TRIES = 3


class TypedClient(NamedTuple):
    """The client as it was typed; without a secret where the service takes none, or a scope where it needs none."""

    client_id: str
    client_secret: Secret[str] | None
    params: Mapping[str, str]
    scope: str | None = None


def ask_client(
    terminal: Terminal,
    service: Service,
    *,
    client_id: str | None,
    client_secret: Secret[str] | None,
    missing: list[Parameter],
    wants_scope: bool,
) -> TypedClient:
    """Ask for what is not given. Raises `UsageProblem` for a value that stays wrong."""
    params = {parameter.name: _ask_param(terminal, service, parameter) for parameter in missing}
    typed = _again(terminal, lambda: _pair(terminal, service, client_id, client_secret))
    return typed._replace(params=params, scope=ask_scope(terminal, service) if wants_scope else None)


def ask_scope(terminal: Terminal, service: Service) -> str:
    """Ask for the scopes that logins request."""
    return _again(terminal, lambda: check_scope(service, terminal.ask(f"Scopes, which {service.title} requires")))


def _pair(
    terminal: Terminal, service: Service, client_id: str | None, client_secret: Secret[str] | None
) -> TypedClient:
    name = client_id or _again(terminal, lambda: check_client_id(terminal.ask("Client id")))
    secret = client_secret
    if secret is None and service.takes_secret:
        secret = _again(terminal, lambda: _secret(terminal, service))
    check_pair(service, name, secret)
    return TypedClient(name, secret, {})


def _secret(terminal: Terminal, service: Service) -> Secret[str] | None:
    """Ask for the secret; none is right for an app that was registered as a public client."""
    secret = check_client_secret(terminal.ask_secret("Client secret (hidden)", may_be_empty=True))
    if secret.reveal():
        return secret
    if terminal.confirm(f"{service.title} usually wants one. Go on without a client secret?"):
        return None
    raise UsageProblem("no client secret was typed")


def _ask_param(terminal: Terminal, service: Service, parameter: Parameter) -> str:
    def read() -> str:
        value = terminal.ask(f"{parameter.name}, {parameter.help}")
        check_param(service, parameter.name, value)
        return value

    return _again(terminal, read)


def _again(terminal: Terminal, ask: Callable[[], T]) -> T:
    """Ask again after a mistake, so that a person need not begin anew; the last mistake is the error."""
    for _ in range(TRIES - 1):
        try:
            return ask()
        except UsageProblem as problem:
            if not terminal.can_ask:
                raise
            terminal.warn(f"{problem.message}: {problem.hint}" if problem.hint else problem.message)
    return ask()
