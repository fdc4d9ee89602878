"""`everyauth service set`: set our client (registration) at a service."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.client_options import (
    ClientIdOption,
    ClientSecretOption,
    ParamOption,
    PortOption,
    PrivateKeyOption,
    RedirectUriOption,
    ScopeOption,
)
from everyauth_cli.cli.client_questions import ask_client
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.key_input import GivenKey, read_key
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.registry import Registry, registry_of
from everyauth_cli.cli.service_guide import PASTED, guide_to
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.client_keys import takes_key
from everyauth_cli.flows.clients import Clients, missing_params, needs_scope, no_client
from everyauth_cli.flows.hints import login_command
from everyauth_cli.flows.host_pinning import origins_for_secrets
from everyauth_cli.model import DEFAULT_USER, Client, Secret, Service
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.client_checks import check_client_id, check_client_secret, check_pair, check_scope
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.redirect_uri import is_registered, on_loopback, redirect_uri

HISTORY = "the secret is in your shell's history now; `--client-secret -` asks for it, or reads standard input"


@command(
    group,
    "set",
    examples=[
        f"everyauth service set {EXAMPLE}",
        f"everyauth service set {EXAMPLE} --client-id ID --client-secret -",
        f'everyauth service set {EXAMPLE} --scope "read write"',
    ],
)
def set_(
    session: Session,
    name: ServiceArgument,
    scope: ScopeOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    private_key: PrivateKeyOption = None,
    port: PortOption = None,
    own_uri: RedirectUriOption = None,
    param: ParamOption = None,
) -> None:
    """Set your client (registration) at a service.

    Only the given values change. Without any it asks for the client on a terminal, and lists elsewhere what can be set.
    """
    registry = registry_of(session)
    service = registry.catalogue.get(name)
    given = {
        "scope": scope,
        "client id": client_id,
        "client secret": client_secret,
        "private key": private_key,
        "port": port,
        "redirect URI": own_uri,
        "parameters": param,
    }
    saved = [label for label, value in given.items() if value not in (None, [])]
    if not saved and (session.terminal.as_json or not session.terminal.can_ask):
        _list_settings(session, service)
        return
    if not saved:
        _ask(session, registry, service)
        return
    _check_options(service, client_id=client_id, both=[client_secret, private_key], port=port, own_uri=own_uri)
    params = _complete(session, registry.clients, service, read_pairs(param or [], "--param"))
    before = registry.clients.peek(service)
    key = None if private_key is None else read_key(session.terminal, registry, service, private_key)
    client_id = _client_id(None if client_id is None else check_client_id(client_id), key)
    secret = _read_secret(session, client_secret)
    check_pair(service, client_id or (before[0].client_id if before else ""), secret)
    client = registry.clients.set(
        service,
        client_id=client_id,
        client_secret=secret,
        scope=None if scope is None else check_scope(service, scope),
        port=port,
        redirect_uri=own_uri,
        params=params,
        change_keys=key.change if key else None,
    )
    session.terminal.info(f"Saved for {_client_name(service)}: {', '.join(saved)}.")
    _show_next_steps(session, registry, service, client, before=before[0] if before else None)


def _check_options(
    service: Service, *, client_id: str | None, both: list[str | None], port: int | None, own_uri: str | None
) -> None:
    if client_id == "":
        raise UsageProblem("the client id is empty", hint=f"remove the client: everyauth service rm {service.name}")
    if both == ["-", "-"]:
        raise UsageProblem("standard input cannot be both the secret and the key", hint="give one at a time")
    if port and own_uri:
        raise UsageProblem(
            "--port and --redirect-uri exclude each other", hint="give the port in --redirect-uri, or --port alone"
        )


def _client_id(given: str | None, key: GivenKey | None) -> str | None:
    """Return the client id that is given, or that the key's file names."""
    named = key.client_id if key else None
    if given and named and given != named:
        raise UsageProblem(
            f"--client-id is {given}, and the key file is of the client {named}", hint="leave out --client-id"
        )
    return given or named


def _client_name(service: Service) -> str:
    """Return the name of the service whose client is set, with the preset that it was set for."""
    name = service.registered_at.name
    return f"{name}, whose client {service.name} uses" if service.preset_of else name


def _ask(session: Session, registry: Registry, service: Service) -> None:
    known = registry.clients.peek(service)
    before = known[0] if known else None
    missing = missing_params(service, before.params if before else {})
    typed = ask_client(
        session.terminal,
        service,
        client_id=None,
        client_secret=None,
        missing=missing,
        wants_scope=needs_scope(service, before or no_client(service)),
    )
    client = registry.clients.set(
        service,
        client_id=typed.client_id,
        client_secret=typed.client_secret,
        scope=typed.scope,
        params=typed.params,
    )
    session.terminal.done(f"The client at {service.registered_at.title} is set.")
    _show_next_steps(session, registry, service, client, before=before)


def _show_next_steps(
    session: Session, registry: Registry, service: Service, client: Client, *, before: Client | None
) -> None:
    """Show the origins that get the client's secrets from now on, and what to do next."""
    if before is not None and before.origins:
        known = origins_for_secrets(before.origins).values()
        for name in sorted({*origins_for_secrets(client.origins).values()} - {*known}):
            session.terminal.info(f"Its secrets go to {name} from now on.")
    guide = guide_to(registry, service)
    if not client.client_id:
        secret = " --client-secret -" if service.takes_secret else ""
        session.terminal.advise("Still to set", f"everyauth service set {service.name} --client-id ID{secret}")
    if takes_key(service) and not client.private_keys:
        session.terminal.advise("Still to set", guide.key_command)
    if needs_scope(service, client):
        session.terminal.advise("Still to set", f"everyauth service set {service.name} --scope SCOPES")
    uri = redirect_uri(service, client)
    if guide.redirects and not on_loopback(uri):
        session.terminal.info(PASTED)
    if session.terminal.as_json:
        session.terminal.json(guide.as_json())
        return
    if not guide.redirects:
        session.terminal.suggest(login_command(service.name, user=DEFAULT_USER, profile=session.profile_to_name))
        return
    if is_registered(service, client):
        session.terminal.info(f"Register this redirect URI at {service.registered_at.title}:")
    else:
        session.terminal.info("A login ends at this redirect URI, which need not be registered:")
    session.terminal.data(uri)


def _read_secret(session: Session, given: str | None) -> Secret[str] | None:
    if given == "-":
        return check_client_secret(session.terminal.ask_secret("client secret"))
    if given and session.terminal.can_ask:
        session.terminal.info(HISTORY)
    return None if given is None else check_client_secret(Secret(given))


def _list_settings(session: Session, service: Service) -> None:
    rows = [
        ["--scope", "the scopes to request at a login"],
        ["--client-id", "the client id of your registration"],
        ["--client-secret", "its client secret; - asks for it, or reads standard input"],
        ["--private-key", "a file with a private key in place of the secret; - reads standard input"],
        ["--port", "the port of the redirect URI, if it is not 28282"],
        ["--redirect-uri", "the redirect URI that you registered; for https you paste the URL of the response"],
        *([f"--param {p.name}=", p.help + (f" (default {p.default})" if p.default else "")] for p in service.params),
    ]
    session.terminal.list(["setting", "help"], rows, [{"setting": s, "help": h} for s, h in rows])


def _complete(session: Session, clients: Clients, service: Service, params: dict[str, str]) -> dict[str, str]:
    """Return the parameters with every required one; on a terminal, the missing ones are asked for.

    Raises `UsageProblem` with the command that sets them.
    """
    for name, value in params.items():
        check_param(service, name, value)
    known = clients.peek(service)
    missing = missing_params(service, {**(known[0].params if known else {}), **params})
    if missing and not session.terminal.can_ask:
        raise UsageProblem(
            f"{service.name} needs {' and '.join(f'{p.name} ({p.help})' for p in missing)}; nothing was saved",
            hint=f"everyauth service set {service.name} {' '.join(f'--param {p.name}=...' for p in missing)}",
        )
    for parameter in missing:
        params[parameter.name] = session.terminal.ask(f"{parameter.name}, {parameter.help}")
        check_param(service, parameter.name, params[parameter.name])
    return params
