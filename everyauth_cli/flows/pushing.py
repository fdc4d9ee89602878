"""Pushes the request of a login to the service (RFC 9126), before the browser opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from everyauth_cli.errors import ClientRejected, InvalidGrant, ServiceError
from everyauth_cli.flows.proofs import Sender
from everyauth_cli.model import Client, Service
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.oauth.pushed_authorization import failed_push, push_request, read_pushed


def pushed(
    service: Service,
    client: Client,
    pending: PendingLogin,
    *,
    sender: Sender,
    clock: Callable[[], int],
) -> PendingLogin:
    """Return a login with the reference to its request. Raises `LoginFailed`, `ClientRejected`, `ServiceError`."""
    now = clock()
    make = partial(push_request, service, client, pending, now=now)
    try:
        pushed = read_pushed(service, pending, sender.send(make(), again=make), now=now)
        return replace(pushed, nonces=sender.nonces)
    except (InvalidGrant, ServiceError, ClientRejected) as error:
        raise failed_push(service, error) from None
