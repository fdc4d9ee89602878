"""`everyauth init`: set up a service, step by step."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.client_options import ClientIdOption, ClientSecretOption, ParamOption, ScopeOption
from everyauth_cli.cli.client_questions import TypedClient, ask_client
from everyauth_cli.cli.clipboard import copy_to_clipboard
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.login.browser import choose_browser, open_browser
from everyauth_cli.cli.login.keeping import LoginOptions
from everyauth_cli.cli.login.run import run_login
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.options import service_names
from everyauth_cli.cli.registry import Registry, registry_of
from everyauth_cli.cli.sealing_key import with_sealing_key
from everyauth_cli.cli.service_guide import Guide, guide_to
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ServiceNotFound, StoreError, UsageProblem
from everyauth_cli.flows.client_keys import file_command, takes_file
from everyauth_cli.flows.clients import missing_params, needs_scope, no_client
from everyauth_cli.flows.hints import login_command
from everyauth_cli.model import DEFAULT_USER, Secret, Service
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.at_url import login_at
from everyauth_cli.services.client_checks import check_client_id, check_client_secret, check_pair, check_scope
from everyauth_cli.services.console import console_url, documentation_url
from everyauth_cli.settings import remember
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.urls import is_url

SEALED_FILE = "sqlite://"
TRIES = 3


@command(
    app.app,
    "init",
    examples=[
        "everyauth init",
        f"everyauth init {EXAMPLE}",
        f"everyauth init {EXAMPLE} --client-id ID --client-secret -",
    ],
)
def init(
    session: Session,
    name: Annotated[
        str | None,
        typer.Argument(metavar="SERVICE", autocompletion=service_names, help="A service; it is asked for otherwise."),
    ] = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    scope: ScopeOption = None,
    param: ParamOption = None,
    browse: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open the page where an app is registered; else it asks.")
    ] = None,
    log_in: Annotated[bool | None, typer.Option("--login/--no-login", help="Log in afterwards; else it asks.")] = None,
) -> None:
    """Set up a service, step by step.

    It finds a store, shows where to register an app and with which redirect URI, and asks for the client id and the
    client secret. Without a terminal it takes them from its options.
    """
    _choose_store(session)
    registry = registry_of(session)
    service = _service(session, registry, name)
    _check_needs_setup(session, service)
    given = read_pairs(param or [], "--param")
    if not session.terminal.can_ask:
        _check_options(session, registry, service, client_id, client_secret, given, scope)
    guide = guide_to(registry, service)
    if session.terminal.can_ask:
        _show_steps(session, service, guide, browse=browse)
    known = registry.clients.peek(service)
    secret = None if client_secret in (None, "-") else check_client_secret(Secret(client_secret or ""))
    if client_secret == "-" and not session.terminal.can_ask:
        secret = check_client_secret(session.terminal.ask_secret("client secret"))
    typed = ask_client(
        session.terminal,
        service,
        client_id=None if client_id is None else check_client_id(client_id),
        client_secret=secret,
        missing=missing_params(service, {**(known[0].params if known else {}), **given}),
        wants_scope=not scope and guide.needs_scope,
    )
    check_pair(service, typed.client_id, typed.client_secret)
    _save(session, registry, service, typed._replace(params={**given, **typed.params}), scope=scope or typed.scope)
    if session.terminal.can_ask and log_in is not False and (log_in or session.terminal.confirm("Log in now?")):
        _log_in(session, service)
    else:
        _finish(session, registry, service)


def _choose_store(session: Session) -> None:
    """Try the store; where it cannot be used, offer a sealed file in its place."""
    store = store_of(session.settings, warn=session.terminal.warn)
    try:
        store.probe()
    except StoreError as error:
        if not session.terminal.can_ask or session.settings.store_url == SEALED_FILE:
            raise
        session.terminal.warn(f"Credentials cannot be kept in {store.url.removesuffix(':')}: {error.message}")
        if not session.terminal.confirm("Keep them in a sealed file instead?"):
            raise
        settings = with_sealing_key(session, replace(session.settings, store_url=SEALED_FILE))
        store_of(settings).probe()
        remember(settings, store=SEALED_FILE, sealing_key=settings.sealing_key)
        session.settings = settings


def _service(session: Session, registry: Registry, name: str | None) -> Service:
    """Return the service that is named, or that is asked for until there is one."""
    if name is not None and is_url(name):
        raise UsageProblem("nothing is set up for a URL: a login registers a client by itself", hint=login_at(name))
    if name is not None:
        return registry.catalogue.get(name)
    if not session.terminal.can_ask:
        raise UsageProblem("no service is named", hint="everyauth init SERVICE --client-id ID --client-secret -")
    for _ in range(TRIES - 1):
        try:
            return registry.catalogue.get(session.terminal.ask("Service"))
        except ServiceNotFound as error:
            session.terminal.warn(error.message)
    return registry.catalogue.get(session.terminal.ask("Service"))


def _check_needs_setup(session: Session, service: Service) -> None:
    """Raise `UsageProblem` for a service that has another command, or none, to set it up."""
    if service.redirect.makes_client:
        command = session.suggestion(f"everyauth login {service.name}")
        raise UsageProblem(f"nothing is set up for {service.name}: a login needs no registered client", hint=command)
    if takes_file(service):
        command = session.suggestion(file_command(service))
        raise UsageProblem(f"{service.title} takes a client with a private key, which is in a file", hint=command)


def _check_options(
    session: Session,
    registry: Registry,
    service: Service,
    client_id: str | None,
    client_secret: str | None,
    params: dict[str, str],
    scope: str | None,
) -> None:
    """Raise `UsageProblem` with all options that are missing where no question can be asked."""
    known = registry.clients.peek(service)
    missing = [
        *(["--client-id ID"] if client_id is None else []),
        *(["--client-secret -"] if client_secret is None and service.takes_secret else []),
        *(f"--param {p.name}=..." for p in missing_params(service, {**(known[0].params if known else {}), **params})),
        *(["--scope SCOPES"] if not scope and needs_scope(service, known[0] if known else no_client(service)) else []),
    ]
    if missing:
        raise UsageProblem(
            f"this is not a terminal, so what cannot be asked for is missing: {', '.join(missing)}",
            hint=session.suggestion(f"everyauth init {service.name} {' '.join(missing)}"),
        )


def _show_steps(session: Session, service: Service, guide: Guide, *, browse: bool | None) -> None:
    terminal = session.terminal
    if guide.client.client_id:
        terminal.instruct(f"{service.title} is set up with the client {guide.client.client_id}; another replaces it.")
    terminal.instruct(f"To use {service.title}, register an app (a client) there:")
    for number, step in enumerate(guide.registration, 1):
        terminal.instruct(f"  {number}. {step}")
    if guide.scope:
        terminal.instruct(f"Scopes that a login requests by default: {' '.join(service.split_scope(guide.scope))}")
    url = console_url(service) or documentation_url(service)
    if url and browse is not False:
        _offer_page(session, url, browse=bool(browse))
    terminal.instruct("")
    if not guide.uri_is_registered:
        return
    terminal.instruct("The redirect URI to enter there:")
    terminal.instruct("")
    terminal.instruct(f"  {guide.uri}")
    if copy_to_clipboard(guide.uri):
        terminal.instruct("  (it is in the clipboard)")
    terminal.instruct("")


def _offer_page(session: Session, url: str, *, browse: bool) -> None:
    choice = choose_browser(read_surroundings())
    if choice.opener is None:
        session.terminal.instruct(f"The page: {url}")
    elif browse or session.terminal.confirm(f"Open {url} now?"):
        open_browser(choice.opener, url, on_failure=lambda: session.terminal.warn(f"open it yourself: {url}"))


def _save(session: Session, registry: Registry, service: Service, typed: TypedClient, *, scope: str | None) -> None:
    registry.clients.set(
        service,
        client_id=typed.client_id,
        client_secret=typed.client_secret,
        scope=None if scope is None else check_scope(service, scope),
        params=typed.params,
    )
    session.terminal.done(f"{service.title} is set up.")


def _log_in(session: Session, service: Service) -> None:
    """Log in as the default user, as `everyauth login SERVICE` does."""
    filled = session.auth.clients.filled(service.name)
    options = LoginOptions(
        service=filled,
        client=session.auth.clients.get(filled),
        user=DEFAULT_USER,
        tenant=DEFAULT_USER,
        tags={},
        scope=None,
        seconds=None,
        no_browser=False,
        replace=False,
    )
    run_login(session, options)


def _finish(session: Session, registry: Registry, service: Service) -> None:
    """Show the redirect URI as data, and the commands that follow."""
    if session.terminal.as_json:
        session.terminal.json(guide_to(registry, service).as_json())
    elif not session.terminal.can_ask:
        session.terminal.data(guide_to(registry, service).uri)
    session.terminal.info("To log in, and to use the token in a script:")
    session.terminal.suggest(login_command(service.name, user=DEFAULT_USER, profile=session.profile_to_name))
    session.terminal.suggest(session.suggestion(f"everyauth token {shlex.quote(service.name)}"))
