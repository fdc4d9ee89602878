"""`everyauth service`: the catalogue, and our registration at each service."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.cli.complete import service_names
from everyauth_cli.cli.words import read_pairs
from everyauth_cli.clients import on_loopback, redirect_uri
from everyauth_cli.errors import NotFound, UsageProblem
from everyauth_cli.model import Client, Secret, Service

group = app.group("service", "Services and our registration (client) at each.")

Name = Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="As `service ls` has it.")]
HISTORY = "the secret is in your shell's history now; `--client-secret -` asks for it or reads standard input"


@command(group, "ls")
def ls(session: Session) -> None:
    """List the services of the catalogue, and which are set."""
    items = [_summary(session, name) for name in session.auth.catalogue.names()]
    rows = [[item["id"], item["title"], item["clientId"] or ""] for item in items]
    session.terminal.list(["service", "title", "client id"], rows, items)


@command(group, "get")
def get(session: Session, name: Name) -> None:
    """Show a service: its configuration, its documentation, and the redirect URI to register."""
    service = session.auth.catalogue.get(name)
    known = session.auth.clients.peek(service)
    client, has_secret = known or (Client(service=service.name, client_id=""), False)
    uri = redirect_uri(service, client)
    if session.terminal.as_json:
        session.terminal.json(_as_json(service, client, has_secret=has_secret, uri=uri))
        return
    lines = {
        "scope": client.scope or _default_scope(service),
        "client id": client.client_id or "not set",
        "client secret": "***" if has_secret else "not set",
        **{name: client.params.get(name, "") for name in (p.name for p in service.params)},
        "authorize": service.authorize_url,
        "token": service.token_url,
        "revocation": _revocation(service),
        "documentation": service.docs or "none known",
    }
    session.terminal.data(f"{service.name}: {service.title}")
    for label, value in lines.items():
        session.terminal.data(f"  {label:<15}{value}")
    session.terminal.data(f"Register this redirect URI at {service.title}:")
    session.terminal.data(uri)


@command(group, "set")
def set_(
    session: Session,
    name: Name,
    scope: Annotated[str | None, typer.Option("--scope", help="The scopes to ask for at a login.")] = None,
    client_id: Annotated[str | None, typer.Option("--client-id", "--clientId", help="The client id.")] = None,
    client_secret: Annotated[
        str | None,
        typer.Option("--client-secret", "--clientSecret", help="The client secret; - asks for it, or reads stdin."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="The port of the redirect URI, when not 28282.")
    ] = None,
    own_uri: Annotated[
        str | None,
        typer.Option("--redirect-uri", metavar="URI", help="The redirect URI that is registered, when not ours."),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="KEY=VALUE", help="A further setting of the service.")
    ] = None,
) -> None:
    """Set the client of a service; only what is named changes. With nothing named, list what can be set."""
    service = session.auth.catalogue.get(name)
    named = {
        "scope": scope,
        "client id": client_id,
        "client secret": client_secret,
        "port": port,
        "redirect URI": own_uri,
        "parameters": param,
    }
    saved = [label for label, value in named.items() if value not in (None, [])]
    if not saved:
        _list_settings(session, service)
        return
    if client_id == "":
        raise UsageProblem("the client id is empty", hint=f"everyauth service rm {service.name} takes the client out")
    if port and own_uri:
        raise UsageProblem(
            "--port and --redirect-uri exclude each other", hint="give the port in --redirect-uri, or --port alone"
        )
    client = session.auth.clients.set(
        service,
        client_id=client_id,
        client_secret=_read_secret(session, client_secret),
        scope=scope,
        port=port,
        redirect_uri=own_uri,
        params=read_pairs(param or [], "--param"),
    )
    session.terminal.note(f"Saved for {service.name}: {', '.join(saved)}.")
    if not client.client_id:
        session.terminal.note(f"Still to set: everyauth service set {service.name} --client-id ID --client-secret -")
    uri = redirect_uri(service, client)
    if not on_loopback(uri):
        session.terminal.note("Nothing of ours listens there: a login has you paste the address that it ends at.")
    if session.terminal.as_json:
        session.terminal.json(_as_json(service, client, has_secret=client.client_secret is not None, uri=uri))
        return
    session.terminal.note(f"Register this redirect URI at {service.title}:")
    session.terminal.data(uri)


@command(group, "add")
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="A name of your choice: a-z, 0-9 and -.")],
    authorize_url: Annotated[str, typer.Option("--authorize-url", help="The authorization endpoint.")],
    token_url: Annotated[str, typer.Option("--token-url", help="The token endpoint.")],
    scope: Annotated[str | None, typer.Option("--scope", help="The scopes to ask for by default.")] = None,
    client_auth: Annotated[
        str | None, typer.Option("--client-auth", help="How the client shows who it is: post (default), basic or none.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="The issuer of its logins and id tokens, which both are checked for.")
    ] = None,
    authorize_param: Annotated[
        list[str] | None,
        typer.Option(
            "--authorize-param", metavar="KEY=VALUE", help="A further parameter of the authorization request."
        ),
    ] = None,
    revoke_url: Annotated[
        str | None, typer.Option("--revoke-url", help="The revocation endpoint (RFC 7009), if there is one.")
    ] = None,
    docs: Annotated[str | None, typer.Option("--docs", help="A link to the documentation.")] = None,
) -> None:
    """Add a service that the catalogue lacks; the file that is written can be edited."""
    entry: dict[str, Any] = {
        "authorize_url": authorize_url,
        "token_url": token_url,
        "revoke_url": revoke_url,
        "scopes": scope.split() if scope else None,
        "client_auth": client_auth,
        "issuer": issuer,
        "authorize_params": read_pairs(authorize_param, "--authorize-param") if authorize_param else None,
        "docs": docs,
    }
    path = session.auth.catalogue.add(name, {key: value for key, value in entry.items() if value is not None})
    session.terminal.note(f"Added {name} in {path}.")
    session.terminal.note(f"Now: everyauth service set {name} --client-id ID --client-secret -")


@command(group, "rm")
def rm(
    session: Session,
    name: Name,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the client of a service, and the service itself if you added it."""
    auth = session.auth
    service = auth.catalogue.get(name)
    known = auth.clients.peek(service) is not None
    goes = [f"the client of {service.name}"] * known + [f"your catalogue entry {service.name}"] * service.own
    if not goes:
        raise NotFound(f"{service.name} has no client here", hint="everyauth service ls")
    if not yes and not session.terminal.confirm(f"Remove {' and '.join(goes)}?"):
        session.terminal.note("Nothing was removed.")
        return
    auth.clients.delete(service.name)
    if service.own:
        auth.catalogue.remove(service.name)
    session.terminal.note(f"Removed {' and '.join(goes)}.")
    if left := len(auth.find(service=service.name)):
        session.terminal.note(f"{left} of its identities stay: everyauth identity ls --service {service.name}")
        session.terminal.note("They can be deleted here, but no longer revoked there, until it is set again.")


def _read_secret(session: Session, given: str | None) -> Secret[str] | None:
    if given == "-":
        return session.terminal.ask_secret("client secret")
    if given and session.terminal.can_ask:
        session.terminal.note(HISTORY)
    return None if given is None else Secret(given)


def _list_settings(session: Session, service: Service) -> None:
    rows = [
        ["--scope", "the scopes to ask for at a login"],
        ["--client-id", "the client id of your registration"],
        ["--client-secret", "its client secret; - asks for it, or reads standard input"],
        ["--port", "the port of the redirect URI, when not 28282"],
        ["--redirect-uri", "the redirect URI that is registered, when not ours; https is answered by pasting"],
        *([f"--param {p.name}=", p.help + (f" (default {p.default})" if p.default else "")] for p in service.params),
    ]
    session.terminal.list(["setting", "what it is"], rows, [{"setting": s, "help": h} for s, h in rows])


def _summary(session: Session, name: str) -> dict[str, Any]:
    service = session.auth.catalogue.get(name)
    known = session.auth.clients.peek(service)
    return {
        "id": service.name,
        "title": service.title,
        "clientId": known[0].client_id if known else None,
        "added": service.own,
    }


def _as_json(service: Service, client: Client, *, has_secret: bool, uri: str) -> dict[str, Any]:
    return {
        "id": service.name,
        "title": service.title,
        "configuration": {
            "scope": client.scope or _default_scope(service),
            "clientId": client.client_id or None,
            "clientSecret": "***" if has_secret else None,
            "port": client.port,
            "redirectUri": client.redirect_uri,
            "params": dict(client.params),
        },
        "authorizeUrl": service.authorize_url,
        "tokenUrl": service.token_url,
        "revokeUrl": service.revoke_url,
        "docs": service.docs or None,
        "redirectUri": uri,
        "added": service.own,
    }


def _revocation(service: Service) -> str:
    if service.revoke_url is None:
        return f"none: tokens stand until they expire or are revoked at {service.title}"
    return service.revoke_url + (" (ends the whole grant)" if service.revokes == "grant" else "")


def _default_scope(service: Service) -> str:
    return service.scope_separator.join(service.scopes)
