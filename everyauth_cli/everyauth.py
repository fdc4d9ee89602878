"""Class `EveryAuth`: all parts put together, and logging in (`begin`, `redeem`, `keep`)."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from everyauth_cli.async_methods import async_method
from everyauth_cli.errors import UsageProblem
from everyauth_cli.event_log import EventLog, Record, ignore
from everyauth_cli.flows.clients import Clients, Override
from everyauth_cli.flows.refresh import Refresher
from everyauth_cli.flows.revoke import Revoker
from everyauth_cli.identities import Identities
from everyauth_cli.model import (
    DEFAULT_PROFILE,
    DEFAULT_USER,
    Identity,
    Request,
    Response,
)
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import Settings, read_settings
from everyauth_cli.store import Store
from everyauth_cli.store.from_settings import store_of

if TYPE_CHECKING:
    from everyauth_cli.flows.login import Grant, LoginFlow
    from everyauth_cli.oauth.authorization_code import PendingLogin

Send = Callable[[Request], Response]


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class EveryAuth(Identities):
    """All that everyauth does, over a store, a catalogue, a way to send requests and a clock.

    `clock` gives milliseconds since the epoch; `override` is what the environment says of a client; `warn` is told
    what a caller should know although it got what it asked for; `record` is given each event at a service; `shield`
    keeps interrupts out of a refresh and of the end of an identity.
    """

    def __init__(
        self,
        *,
        store: Store,
        catalogue: Catalogue,
        send: Send,
        clock: Callable[[], int] = now_ms,
        profile: str = DEFAULT_PROFILE,
        override: Override = lambda _: (None, None),
        warn: Callable[[str], None] = lambda _: None,
        record: Record = ignore,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        if not profile:
            raise UsageProblem("the profile is empty; it would match any")
        self.clients = Clients(store, catalogue, profile=profile, override=override)
        self._send = send
        self.clock = clock
        self._warn = warn
        self._record = record
        refresher = Refresher(
            store=store, clients=self.clients, send=send, clock=clock, warn=warn, record=record, shield=shield
        )
        revoker = Revoker(
            store=store,
            catalogue=catalogue,
            clients=self.clients,
            send=send,
            clock=clock,
            record=record,
            shield=shield,
        )
        super().__init__(store=store, catalogue=catalogue, profile=profile, refresher=refresher, revoker=revoker)

    @classmethod
    def from_env(cls) -> Self:
        """Put together from the environment and the files that `everyauth store use` and others wrote.

        Raises `ConfigurationProblem`.
        """
        return cls.from_settings(read_settings())

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        warn: Callable[[str], None] = lambda _: None,
        around_send: Callable[[Send, Request], Response] | None = None,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Self:
        """Put together from settings that were read before; `around_send` may watch each request.

        Raises `ConfigurationProblem`.
        """
        return cls(
            store=store_of(settings),
            catalogue=Catalogue(settings.services_dir),
            send=functools.partial(around_send, _send) if around_send else _send,
            profile=settings.profile,
            override=settings.client_override,
            warn=warn,
            record=EventLog(settings.log_dir).record,
            shield=shield,
        )

    def begin(
        self,
        name: str,
        *,
        redirect_uri: str,
        user: str = DEFAULT_USER,
        tenant: str = "",
        tags: Mapping[str, str] | None = None,
        scope: str | None = None,
    ) -> PendingLogin:
        """Begin a login at a service; `authorization_url` says where to send the browser.

        The scope is the one asked for here (an empty one asks for none), else the client's, else the catalogue's.
        Raises `ServiceNotFound`, `ClientNotSet`, `ConfigurationProblem`, `StoreError`, and `UsageProblem` for a user
        that could not be told from nobody or from an identity's id.
        """
        return self._login.begin(
            name, redirect_uri=redirect_uri, user=user, tenant=tenant, tags=tags or {}, scope=scope
        )

    def login_lock(self, service: str, *, user: str, tenant: str = "", timeout: float) -> AbstractContextManager[None]:
        """Keep other logins for the same identity out; the identity itself stays free to be read and refreshed.

        Raises `StoreBusy` after `timeout` seconds.
        """
        return self._login.lock(service, user=user, tenant=tenant, timeout=timeout)

    def authorization_url(self, pending: PendingLogin) -> str:
        """The URL that a person grants access at."""
        return self._login.authorization_url(pending)

    def redeem(self, pending: PendingLogin, query: Sequence[tuple[str, str]]) -> Grant:
        """Check the answer to a login, redeem its code at once, and learn whose account it is; no token is stored.

        Raises `LoginFailed`, `ServiceError`, `ClientRejected`.
        """
        return self._login.redeem(pending, query)

    def keep(self, grant: Grant, *, replace_account: bool = False) -> Identity:
        """Store what a login granted; an identity that is there already keeps its id.

        Raises `OtherAccount` when the identity belongs to another account and `replace_account` is not set, and
        `StoreError`.
        """
        return self._login.keep(grant, replace_account=replace_account)

    @functools.cached_property
    def _login(self) -> LoginFlow:
        # Only a login needs these modules, and start-up is paid at every call.
        from everyauth_cli.flows.account import Accounts
        from everyauth_cli.flows.jwks import IssuerKeys
        from everyauth_cli.flows.login import LoginFlow

        keys = IssuerKeys(store=self.store, send=self._send, clock=self.clock)
        accounts = Accounts(keys=keys, send=self._send, clock=self.clock, warn=self._warn, record=self._record)
        return LoginFlow(
            profile=self.profile,
            store=self.store,
            clients=self.clients,
            accounts=accounts,
            send=self._send,
            clock=self.clock,
            warn=self._warn,
            record=self._record,
        )

    abegin, aauthorization_url, aredeem, akeep = (
        async_method(begin),
        async_method(authorization_url),
        async_method(redeem),
        async_method(keep),
    )


def _send(request: Request) -> Response:
    from everyauth_cli.transport import send  # httpx costs more than all else together

    return send(request)
