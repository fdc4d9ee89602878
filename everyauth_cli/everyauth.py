"""Class `EveryAuth`: all parts put together, and logging in (`begin`, `redeem`, `keep`)."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from everyauth_cli.async_methods import async_method
from everyauth_cli.errors import InvalidGrant, LoginFailed, LoginTimedOut, UsageProblem
from everyauth_cli.event_log import LOGIN, EventLog, Record, ignore, recorded
from everyauth_cli.flows.clients import Clients, Override
from everyauth_cli.flows.refresh import Refresher, refreshed
from everyauth_cli.flows.revoke import Revoker
from everyauth_cli.flows.selector import check_texts
from everyauth_cli.identities import Identities
from everyauth_cli.model import (
    DEFAULT_PROFILE,
    DEFAULT_USER,
    ID_PREFIX,
    Identity,
    Pending,
    RecordKey,
    Request,
    Response,
    Secret,
)
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import Settings, read_settings
from everyauth_cli.store import Store
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identity_record import StoredIdentity, identity_key, read_identity, write_identity

if TYPE_CHECKING:
    from everyauth_cli.flows.account import Accounts
    from everyauth_cli.flows.login import Grant

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
    ) -> Pending:
        """Begin a login at a service; `authorization_url` says where to send the browser.

        The scope is the one asked for here (an empty one asks for none), else the client's, else the catalogue's.
        Raises `ServiceNotFound`, `ClientNotSet`, `ConfigurationProblem`, `StoreError`, and `UsageProblem` for a user
        that could not be told from nobody or from an identity's id.
        """
        from everyauth_cli.oauth import authorization_code  # as all that only a login needs, by who logs in

        check_texts(user, tenant)
        if not user or user.startswith(ID_PREFIX):
            raise UsageProblem(f"{user!r} cannot be a user: it is empty or begins with {ID_PREFIX}")
        service = self.clients.filled(name)
        client = self.clients.without_secret(service, redirect_uri=redirect_uri)
        return authorization_code.begin(
            service,
            client,
            user=user,
            tenant=tenant or user,
            tags=tags or {},
            scope=client.scope or service.scope_separator.join(service.scopes) if scope is None else scope,
            redirect_uri=redirect_uri,
            now=self.clock(),
        )

    @contextmanager
    def login_lock(self, service: str, *, user: str, tenant: str = "", timeout: float) -> Iterator[None]:
        """Keep other logins for the same identity out; the identity itself stays free to be read and refreshed.

        Raises `StoreBusy` after `timeout` seconds.
        """
        key = RecordKey(profile=self.profile, kind="login", service=service, tenant=tenant or user, user=user)
        with self.store.lock(key, timeout=timeout):
            yield

    def authorization_url(self, pending: Pending) -> str:
        """The URL that a person grants access at."""
        from everyauth_cli.oauth.authorization_code import authorization_url

        return authorization_url(self.clients.filled(pending.service), pending)

    def redeem(self, pending: Pending, query: Sequence[tuple[str, str]]) -> Grant:
        """Check the answer to a login, redeem its code at once, and learn whose account it is; no token is stored.

        Raises `LoginFailed`, `ServiceError`, `ClientRejected`.
        """
        key = identity_key(self.profile, pending.service, user=pending.user, tenant=pending.tenant)
        hide = [pending.verifier, *(Secret(value) for name, value in query if name in ("code", "state"))]
        with recorded(self._record, self.clock, LOGIN, key, hide=hide, done=False):
            return self._redeem(pending, query, key, hide)

    def _redeem(
        self, pending: Pending, query: Sequence[tuple[str, str]], key: RecordKey, hide: list[Secret[str] | None]
    ) -> Grant:
        from everyauth_cli.flows.login import Grant
        from everyauth_cli.oauth.authorization_code import read_callback
        from everyauth_cli.oauth.token_endpoint import code_request, kept_fields, missing_scopes, read_token

        service = self.clients.filled(pending.service)
        callback = read_callback(service, pending, query)
        client = self.clients.get(service)
        hide.append(client.client_secret)
        if (client.client_id, service.token_endpoint) != (pending.client_id, pending.token_endpoint):
            raise LoginFailed(f"{service.name} was set anew during the login; log in again")
        now = self.clock()
        try:
            answer = self._send(code_request(service, client, pending, callback))
            token = read_token(
                service, answer, asked=pending.scope, now=now, kept=kept_fields(service, client, callback)
            )
        except InvalidGrant as refused:
            life = f"; its codes live {service.code_lifetime} s" if service.code_lifetime else ""
            raise LoginTimedOut(f"{refused.message}: the code was too old or used before{life}") from None
        token = self._accounts.named(service, client, pending, token, key=key)
        return Grant(pending=pending, token=token, missing_scopes=missing_scopes(service, pending.scope, token.scope))

    @functools.cached_property
    def _accounts(self) -> Accounts:
        from everyauth_cli.flows.account import Accounts
        from everyauth_cli.flows.jwks import IssuerKeys

        keys = IssuerKeys(store=self.store, send=self._send, clock=self.clock)
        return Accounts(keys=keys, send=self._send, clock=self.clock, warn=self._warn, record=self._record)

    def keep(self, grant: Grant, *, replace_account: bool = False) -> Identity:
        """Store what a login granted; an identity that is there already keeps its id.

        Raises `OtherAccount` when the identity belongs to another account and `replace_account` is not set, and
        `StoreError`.
        """
        from everyauth_cli.flows.login import check_account, identity_of

        pending, token = grant.pending, grant.token
        key = identity_key(self.profile, pending.service, user=pending.user, tenant=pending.tenant)
        with recorded(self._record, self.clock, LOGIN, key), self.store.lock(key):
            before = read_identity(self.store, key)
            if before and not replace_account:
                check_account(before.identity, token)
            if before and before.identity.account is None and token.account is not None:
                who = token.account.label
                self._warn(f"whose account {pending.user} at {pending.service} was is not known; now it is {who}")
            identity = identity_of(pending, before, now=token.issued_at)
            identity = refreshed(replace(identity, account=None) if replace_account else identity, token)
            write_identity(self.store, key, StoredIdentity(identity=identity, token=token))
        return identity

    abegin, aauthorization_url, aredeem, akeep = (
        async_method(begin),
        async_method(authorization_url),
        async_method(redeem),
        async_method(keep),
    )


def _send(request: Request) -> Response:
    from everyauth_cli.transport import send  # httpx costs more than all else together

    return send(request)
