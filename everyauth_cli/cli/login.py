"""`everyauth login`: the authorization code flow with a redirect to loopback (RFC 8252)."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.cli.browser import open_browser
from everyauth_cli.cli.complete import service_names, users
from everyauth_cli.cli.identity import as_json
from everyauth_cli.cli.words import expiry, read_duration, read_pairs
from everyauth_cli.clients import callback_path
from everyauth_cli.errors import EveryAuthError
from everyauth_cli.everyauth import Grant, now_ms
from everyauth_cli.loopback import Loopback
from everyauth_cli.model import DEFAULT_PORT, DEFAULT_USER, Client, Identity, Service
from everyauth_cli.oauth.authorization import is_answer_to


@command(app.app, "login")
def login(
    session: Session,
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="As `service ls` has it.")
    ],
    user: Annotated[
        str, typer.Option("--user", autocompletion=users, help="Whose credential it is, in your words.")
    ] = DEFAULT_USER,
    tenant: Annotated[str | None, typer.Option("--tenant", help="The user's tenant.", show_default="the user")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag to find it by; may be repeated.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", help="The scopes to ask for, this time.", show_default="as set")
    ] = None,
    timeout: Annotated[str, typer.Option("--timeout", metavar="DURATION", help="How long to wait.")] = "300s",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser; the URL is on stderr.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put another account in the place of the one that is held.")
    ] = False,
) -> None:
    """Log in at a service through the browser, and keep what it grants."""
    auth, seconds, tags = session.auth, read_duration(timeout), read_pairs(tag or [], "--tag")
    target = auth.clients.filled(service)
    client = auth.clients.get(target)
    auth.store.probe()
    with _listen(session, target, client) as listener:
        pending = auth.begin(
            target.name, redirect_uri=listener.redirect_uri, user=user, tenant=tenant or "", tags=tags, scope=scope
        )
        listener.expect(lambda query: is_answer_to(pending, query))
        _send_to_browser(session, target, auth.authorization_url(pending), no_browser=no_browser)
        try:
            grant = auth.exchange(pending, listener.wait(seconds))
            identity = auth.keep(grant, replace_account=replace)
        except EveryAuthError as error:
            listener.show(good=False, title="Not logged in", text=error.message)
            raise
        listener.show(good=True, title=f"Logged in to {target.title}", text=_who(identity))
    _report(session, grant, identity)


def _listen(session: Session, service: Service, client: Client) -> Loopback:
    port = client.port or (0 if service.any_port else DEFAULT_PORT)
    return Loopback(
        callback_path(service),
        host=service.loopback_host,
        port=port,
        on_unverified=lambda said: session.terminal.note(
            f"Somebody says that a login failed ({said}), without saying which: not verified, so the login goes on."
        ),
    )


def _send_to_browser(session: Session, service: Service, url: str, *, no_browser: bool) -> None:
    opens = not no_browser and session.settings.has_browser
    if opens:
        session.terminal.note(f"Opening your browser to log in to {service.title}. If it does not come up, open:")
    elif no_browser:
        session.terminal.note(f"To log in to {service.title}, open this in a browser on this machine:")
    else:
        session.terminal.note(
            f"No browser can be opened here. To log in to {service.title}, open this on this machine:"
        )
    session.terminal.note(url)
    if opens:
        open_browser(url)
    if session.terminal.stderr.isatty():
        session.terminal.note(f"Waiting for {service.title} to come back (Ctrl-C ends it) ...")


def _who(identity: Identity) -> str:
    account = f"{identity.account.label}, " if identity.account else ""
    return f"{account}kept as {identity.user}" + (f" of {identity.tenant}" if identity.tenant != identity.user else "")


def _report(session: Session, grant: Grant, identity: Identity) -> None:
    session.terminal.note(
        f"Logged in to {identity.service}: {_who(identity)}. "
        f"The access token expires {expiry(identity.expires_at, now=now_ms())}"
        + (" and is refreshed by itself." if identity.refreshable else ".")
    )
    if grant.missing_scopes:
        session.terminal.warn(
            f"{identity.service} granted less than was asked for: {' '.join(grant.missing_scopes)} is missing; "
            f"granted is {identity.scope or 'nothing'}"
        )
    if session.terminal.as_json:
        session.terminal.json(as_json(identity))
