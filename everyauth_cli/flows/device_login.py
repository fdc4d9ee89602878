"""Logging in by the device authorization grant (RFC 8628): a user enters a code elsewhere, and polls wait for that."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

from everyauth_cli.errors import ConfigurationProblem, EveryAuthError, LoginTimedOut
from everyauth_cli.event_log import Action, recorded, redacted
from everyauth_cli.flows.granted import Grant
from everyauth_cli.flows.known_servers import doubted_on_failure
from everyauth_cli.flows.login import LoginFlow, check_has_scope, check_is_same
from everyauth_cli.model import Client, Response, Service
from everyauth_cli.oauth import polling
from everyauth_cli.oauth.device_authorization import (
    ENDPOINT,
    PendingDevice,
    device_authorization_request,
    device_token_request,
    device_verifier,
    read_device_authorization,
)
from everyauth_cli.oauth.login_request import Terms
from everyauth_cli.oauth.resource_indicator import for_resource
from everyauth_cli.oauth.token_endpoint import added_fields, read_token
from everyauth_cli.services.callback import read_callback, with_callback
from everyauth_cli.urls import is_url

GRACE_SECONDS = 30.0
"""A code that is over by our clock is asked for so much longer: the server's clock decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """Gets a token that a user grants on another device; `LoginFlow.keep` stores it."""

    login: LoginFlow

    def begin(self, terms: Terms) -> PendingDevice:
        """Get the codes of a login (RFC 8628 section 3.1); see `EveryAuth.begin_device`."""
        login = self.login
        service, client = login.registered(terms, redirects=False)
        _check_has_endpoint(service)
        check_has_scope(service, client, terms.scope)
        read_callback(service, {})
        request = login.request(service, client, terms)
        key, verifier, now = login.key(request), device_verifier(service), login.clock()
        with recorded(login.record, login.clock, Action.LOGIN, key, client.client_secret, verifier, success=False):
            sent = device_authorization_request(service, client, scope=request.scope, verifier=verifier, now=now)
            authorization = read_device_authorization(service, login.send(sent), now=now)
        pending = PendingDevice(
            request=request,
            authorization=authorization,
            verifier=verifier,
            polling=polling.first(authorization.interval),
            poll_at=0,
        )
        return self._waiting(pending)

    def poll(self, pending: PendingDevice) -> Grant | PendingDevice:
        """Ask for the token once, if it is time to; see `EveryAuth.poll_device`."""
        early = pending.poll_at - self.login.clock()
        # A clock that was set back since would let nothing be asked for long.
        if 0 < early <= pending.polling.wait * 1000:
            return pending
        outcome = self.ask(pending)
        expires_at = pending.authorization.expires_at + GRACE_SECONDS * 1000
        if isinstance(outcome, PendingDevice) and self.login.clock() > expires_at:
            self._give_up(outcome)
        return outcome

    def redeeming(
        self, pending: PendingDevice, *, timeout: float | None, elapsed: Callable[[], float]
    ) -> Generator[float, None, Grant]:
        """Yield the time of each poll by the clock `elapsed` (seconds), which is made once that is over, to the end.

        That clock goes on while the machine is suspended, and nothing sets it, as the time of day is set.
        """
        lifetime = (pending.authorization.expires_at - self.login.clock()) / 1000 + GRACE_SECONDS
        ends = elapsed() + min(max(lifetime, 0), lifetime if timeout is None else timeout)
        while True:
            early = (pending.poll_at - self.login.clock()) / 1000
            now = elapsed()
            due = now + min(max(early, 0), pending.polling.wait)
            if now + pending.polling.interval <= ends < due:
                # Who has confirmed while the server asked for a longer pause would have done so for nothing.
                due = ends
            yield min(due, ends)
            if due > ends:
                self._give_up(pending)
            outcome = self.ask(pending)
            if isinstance(outcome, Grant):
                return outcome
            pending = outcome

    def ask(self, pending: PendingDevice) -> Grant | PendingDevice:
        """Ask for the token now, and return what it grants, or the login with the time of the next poll."""
        login, request = self.login, pending.request
        key, secrets = login.key(request), (pending.authorization.device_code, pending.verifier)
        failing = doubted_on_failure(login.store, login.profile, request.service)
        with failing, recorded(login.record, login.clock, Action.LOGIN, key, *secrets, success=False):
            service, client = login.clients.registered(request.service, redirects=False)
            check_is_same(service, client, request)
            service = for_resource(service, request.resource)
            params = read_callback(service, {})
            with redacted(client.client_secret):
                return self._outcome(with_callback(service, params), client, pending, params)

    def _outcome(
        self, service: Service, client: Client, pending: PendingDevice, params: Mapping[str, str]
    ) -> Grant | PendingDevice:
        login, request = self.login, pending.request
        now, response, added = login.clock(), None, added_fields(service, client)
        sender = login.sender(request, pending.nonces)
        make = partial(device_token_request, service, client, pending, now=now)
        try:
            response = sender.send(make(), again=make)
            token = read_token(
                service,
                response,
                requested_scope=request.scope,
                now=now,
                added=added,
                proof_key=request.proof_key,
            )
        except EveryAuthError as error:
            return self._after(service, replace(pending, nonces=sender.nonces), error, response)
        return login.granted(service, client, request, replace(token, nonces=sender.nonces), params=params)

    def _after(
        self, service: Service, pending: PendingDevice, error: EveryAuthError, response: Response | None
    ) -> PendingDevice:
        pace = polling.after(pending.polling, service, error, response, now=self.login.clock())
        return self._waiting(replace(pending, polling=pace))

    def _give_up(self, pending: PendingDevice) -> NoReturn:
        problem = f"; the last request failed: {pending.polling.problem}" if pending.polling.problem else ""
        with recorded(self.login.record, self.login.clock, Action.LOGIN, self.login.key(pending.request)):
            raise LoginTimedOut(f"the code was not confirmed at {pending.request.service} in time{problem}")

    def _waiting(self, pending: PendingDevice) -> PendingDevice:
        return replace(pending, poll_at=self.login.clock() + int(pending.polling.wait * 1000))


def _check_has_endpoint(service: Service) -> None:
    if service.device_authorization_endpoint is None:
        name = service.name
        file = "" if is_url(name) else f"name its {ENDPOINT} in services/{service.registered_at.name}.toml, or "
        raise ConfigurationProblem(
            f"{name} is not known to take logins by a device code (RFC 8628)",
            hint=f"{file}log in with a browser: everyauth login {shlex.quote(name)}",
        )
