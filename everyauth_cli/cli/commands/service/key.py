"""`everyauth service key`: make the private key of our client, and print the public one to register."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.client_keys import ChangeKeys, file_command, takes_file
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.oauth.late_jose import jose
from everyauth_cli.services import EXAMPLE

Keys = tuple[Secret[str], ...]
RotateOption = Annotated[
    bool, typer.Option("--rotate", help="Make the next key too; the present one signs until --switch.")
]
SwitchOption = Annotated[bool, typer.Option("--switch", help="Sign with the next key, and delete the present one.")]


@command(
    group,
    "key",
    examples=[
        f"everyauth service key {EXAMPLE}",
        f"everyauth service key {EXAMPLE} --rotate",
        f"everyauth service key {EXAMPLE} --switch",
    ],
)
def key(
    session: Session,
    name: ServiceArgument,
    rotate: RotateOption = False,
    switch: SwitchOption = False,
) -> None:
    """Print your client's public key, making it first.

    The private key is in the store, and signs each request in place of a client secret (private_key_jwt, RFC 7523).
    Register the JWK Set at the service. It has the next key too, once there is one.
    """
    if rotate and switch:
        raise UsageProblem("--rotate and --switch exclude each other", hint="register the next key in between")
    registry = registry_of(session)
    service = registry.catalogue.get(name)
    client = registry.clients.set(service, change_keys=_change(service, rotate=rotate, switch=switch))
    session.terminal.json(public_jwks(client.private_keys))
    _show_next_step(session, service, client)


def _change(service: Service, *, rotate: bool, switch: bool) -> ChangeKeys:
    def change(keys: Keys) -> Keys:
        if switch and len(keys) < 2:  # noqa: PLR2004
            raise UsageProblem(
                f"the client of {service.registered_at.name} has no next key",
                hint=f"make it: everyauth service key {service.registered_at.name} --rotate",
            )
        if switch:
            return keys[1:]
        if not keys and takes_file(service):
            raise UsageProblem(
                f"the key of a client is made at {service.title}, which offers it as a file",
                hint=file_command(service),
            )
        is_there = len(keys) > 1 if rotate else bool(keys)
        return keys if is_there else (*keys, _new(service))

    return change


def _new(service: Service) -> Secret[str]:
    made: Secret[str] = jose().new_private_key(service.client_assertion.signing_algs)
    return made


def _show_next_step(session: Session, service: Service, client: Client) -> None:
    name, title = service.registered_at.name, service.registered_at.title
    if len(client.private_keys) > 1:
        session.terminal.advise(
            f"Register both keys at {title}, then sign with the next one", f"everyauth service key {name} --switch"
        )
        return
    session.terminal.info(f"Register this JWK Set at {title}; the private key stays in the store.")
    if not client.client_id:
        session.terminal.advise("Still to set", f"everyauth service set {name} --client-id ID")
