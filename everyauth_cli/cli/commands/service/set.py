"""`everyauth service`: the catalogue, and our registration at each service."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.cli.completers import service_names
from everyauth_cli.cli.durations import read_pairs
from everyauth_cli.cli.service_guide import PASTED, guide_to, wanted_upstream
from everyauth_cli.errors import NotFound, ServiceNotFound, UsageProblem
from everyauth_cli.flows.clients import missing_params, on_loopback, redirect_uri
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.services.catalogue import ServiceSummary
from everyauth_cli.services.placeholders import check_param

group = app.group("service", "Services and our registration (client) at each.")

Name = Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="As `service ls` has it.")]
HISTORY = "the secret is in your shell's history now; `--client-secret -` asks for it or reads standard input"


@command(group, "ls")
def ls(
    session: Session,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only those with this in a name, title or alias.")
    ] = None,
) -> None:
    """List the services of the catalogue, those that are set first."""
    listed = session.auth.catalogue.listed()
    ids = session.auth.clients.ids([service.name for service in listed])
    if search is not None:
        listed = _matching(listed, search)
    listed.sort(key=lambda service: service.name not in ids)
    rows = [[service.name, service.title, ids.get(service.name, "")] for service in listed]
    session.terminal.list(["service", "title", "client id"], rows, [_summary(s, ids.get(s.name)) for s in listed])


@command(group, "get")
def get(session: Session, name: Name) -> None:
    """Show how a service is set up: steps, redirect URI, scopes, settings, what to expect, and where that is from."""
    guide = guide_to(session, session.auth.catalogue.get(name))
    if session.terminal.as_json:
        session.terminal.json(guide.as_json())
        return
    for line in guide.lines():
        session.terminal.data(line)


@command(group, "export")
def export(session: Session, name: Name) -> None:
    """Print the catalogue entry of a service as TOML, yours over the shipped one, ready for a pull request."""
    service = session.auth.catalogue.get(name)
    text = session.auth.catalogue.source(service.name)
    keys = session.auth.catalogue.own_keys(service.name)
    missing = wanted_upstream(service) if keys else []
    if session.terminal.as_json:
        session.terminal.json({"id": service.name, "toml": text, "ownKeys": keys, "missing": missing})
        return
    session.terminal.data(text.removesuffix("\n"))
    if keys and not service.own:
        session.terminal.note("Comments are not in it: take the shipped file's from the repository.")
    for line in missing:
        session.terminal.note(f"Still to do before a pull request: {line}.")


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
    params = _complete(session, service, read_pairs(param or [], "--param"))
    before = session.auth.clients.peek(service)
    client = session.auth.clients.set(
        service,
        client_id=client_id,
        client_secret=_read_secret(session, client_secret),
        scope=scope,
        port=port,
        redirect_uri=own_uri,
        params=params,
    )
    session.terminal.note(f"Saved for {service.name}: {', '.join(saved)}.")
    _show_set(session, service, client, hosts_before=before[0].hosts if before else {})


def _show_set(session: Session, service: Service, client: Client, *, hosts_before: Mapping[str, str]) -> None:
    """Say where a client's secrets go from now on, and what is to be done with it next."""
    if hosts_before:
        for host in sorted({*client.hosts.values()} - {*hosts_before.values()}):
            session.terminal.note(f"Its secrets go to {host} from now on.")
    if not client.client_id:
        session.terminal.note(f"Still to set: everyauth service set {service.name} --client-id ID --client-secret -")
    uri = redirect_uri(service, client)
    if not on_loopback(uri):
        session.terminal.note(PASTED)
    if session.terminal.as_json:
        session.terminal.json(guide_to(session, service).as_json())
        return
    session.terminal.note(f"Register this redirect URI at {service.title}:")
    session.terminal.data(uri)


@command(group, "add")
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="A name of your choice: a-z, 0-9 and -.")],
    authorization_endpoint: Annotated[str, typer.Option("--authorize-url", help="The authorization endpoint.")],
    token_endpoint: Annotated[str, typer.Option("--token-url", help="The token endpoint.")],
    scope: Annotated[str | None, typer.Option("--scope", help="The scopes to ask for by default.")] = None,
    token_endpoint_auth_method: Annotated[
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
    revocation_endpoint: Annotated[
        str | None, typer.Option("--revoke-url", help="The revocation endpoint (RFC 7009), if there is one.")
    ] = None,
    docs: Annotated[str | None, typer.Option("--docs", help="A link to the documentation.")] = None,
) -> None:
    """Add a service that the catalogue lacks; the file that is written can be edited."""
    entry: dict[str, Any] = {
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": token_endpoint,
        "revocation_endpoint": revocation_endpoint,
        "scopes": scope.split() if scope else None,
        "token_endpoint_auth_method": token_endpoint_auth_method,
        "issuer": issuer,
        "authorization_params": read_pairs(authorize_param, "--authorize-param") if authorize_param else None,
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


def _matching(listed: list[ServiceSummary], search: str) -> list[ServiceSummary]:
    """The services that a search finds; raises `ServiceNotFound` with near names when there is none."""
    wanted = search.casefold()
    words = {word.casefold(): s for s in listed for word in (s.name, s.title, *s.aliases)}
    found = {s.name for word, s in words.items() if wanted in word}
    if not found:
        near = dict.fromkeys(words[word].name for word in difflib.get_close_matches(wanted, words, 5, 0.6))
        raise ServiceNotFound(
            f"no service has {search!r} in its name, title or aliases"
            + (f"; did you mean {' or '.join(near)}?" if near else ""),
            hint=f"everyauth service get {next(iter(near))}"
            if len(near) == 1
            else "`everyauth service ls` lists all; `everyauth service add` adds one",
        )
    return [s for s in listed if s.name in found]


def _summary(service: ServiceSummary, client_id: str | None) -> dict[str, Any]:
    return {
        "id": service.name,
        "title": service.title,
        "aliases": list(service.aliases),
        "clientId": client_id,
        "added": service.own,
    }


def _complete(session: Session, service: Service, params: dict[str, str]) -> dict[str, str]:
    """The parameters with those that must have a value and have none, asked for where somebody is.

    Raises `UsageProblem` with the command that names them.
    """
    for name, value in params.items():
        check_param(service, name, value)
    known = session.auth.clients.peek(service)
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
