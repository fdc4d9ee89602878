"""`everyauth login`: with a browser (RFC 8252), a code on any device (RFC 8628), or without a person."""

from __future__ import annotations

import functools

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.durations import read_duration, read_pairs
from everyauth_cli.cli.login.at_sandbox import at_sandbox, at_service
from everyauth_cli.cli.login.by_grant import GrantOptions
from everyauth_cli.cli.login.by_url import UrlOptions, log_in_at
from everyauth_cli.cli.login.keeping import LoginOptions
from everyauth_cli.cli.login.run import run_login
from everyauth_cli.cli.login_options import (
    DeviceOption,
    DpopOption,
    EventsOption,
    LoginArgument,
    NoBrowserOption,
    ReplaceOption,
    ResourceOption,
    SandboxOption,
    ScopeThisTime,
    TagOption,
    TenantOption,
    TimeoutOption,
    UserToStore,
)
from everyauth_cli.cli.session import Session
from everyauth_cli.model import DEFAULT_USER
from everyauth_cli.oauth.grant import only_grant
from everyauth_cli.services import EXAMPLE
from everyauth_cli.urls import is_url


@command(
    app.app,
    "login",
    examples=[
        f"everyauth login {EXAMPLE}",
        f"everyauth login {EXAMPLE} --user user-123 --no-browser",
        "everyauth login github --device",
        f"everyauth login {EXAMPLE} --sandbox",
        f"everyauth login {EXAMPLE} --client-credentials",
        f"everyauth login {EXAMPLE} --jwt-bearer --subject ann@example.org",
        "everyauth login acme --identity-token-from github",
        "everyauth login acme --exchange corp --audience acme-api",
        "everyauth login https://mcp.example.com/mcp",
        "everyauth login https://mcp.example.com/mcp --idp corp --client acme",
    ],
)
def login(
    session: Session,
    service: LoginArgument,
    user: UserToStore = DEFAULT_USER,
    tenant: TenantOption = None,
    tag: TagOption = None,
    scope: ScopeThisTime = None,
    resource: ResourceOption = None,
    timeout: TimeoutOption = None,
    no_browser: NoBrowserOption = False,
    device: DeviceOption = None,
    events: EventsOption = False,  # noqa: ARG001 - the terminal is made before the options are read
    replace: ReplaceOption = False,
    dpop: DpopOption = False,
    sandbox: SandboxOption = False,
    *,
    grants: GrantOptions,
    at_url: UrlOptions,
) -> None:
    """Log in to a service.

    It opens your browser. Where none opens, such as over SSH, it shows a code to enter on any device if the service
    takes one, or else a URL. The tokens are stored, and refreshed when needed. At a server's URL, such as an MCP
    server's, it finds out how to log in, and registers a client where the server allows that.

    With --client-credentials, --jwt-bearer, --identity-token-from, --exchange or --idp no person takes part: a token is
    got at once, and another one when needed.
    """
    at_url.check(service, sandbox=sandbox, resource=resource)
    tags, seconds = read_pairs(tag or [], "--tag"), None if timeout is None else read_duration(timeout)
    with at_sandbox(session, service) if sandbox else at_service(session) as active:
        only = None if is_url(service) else only_grant(active.auth.catalogue.get(service).grant_types_supported)
        grant = grants.chosen(active, only, device=bool(device))
        options = functools.partial(
            LoginOptions,
            user=user,
            tenant=tenant or user,
            tags=tags,
            seconds=seconds,
            no_browser=no_browser,
            device=device,
            replace=replace,
            dpop=dpop,
            resource=resource,
            grant=grant,
        )
        if is_url(service):
            log_in_at(active, service, at_url, options, scope=scope)
            return
        entry = active.auth.clients.filled(service)
        known = active.auth.clients.get(entry, redirects=grant is None)
        run_login(active, options(service=entry, client=known, scope=scope))
