"""Class `EveryAuth`: log users in, and get, check, refresh and delete the credentials that they granted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from everyauth_cli.async_methods import async_method, read_and_await, read_in_lane, send_in_lane
from everyauth_cli.bearer import methods
from everyauth_cli.errors import UsageProblem, raised_anew
from everyauth_cli.event_log import EventLog, Record, ignore
from everyauth_cli.flows import device_methods, login_methods
from everyauth_cli.flows.clients import Override
from everyauth_cli.flows.composition import Flows
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.listing import grouped
from everyauth_cli.flows.refresh import PATIENT, Patience
from everyauth_cli.flows.requirement import requirement
from everyauth_cli.flows.selector import Page, Selector, Who, read_who
from everyauth_cli.model import DEFAULT_PROFILE, DEFAULT_USER, Identity, Request, Response, Secret
from everyauth_cli.sender import send_request
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import Settings, read_settings
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import IdentitySummary, key_of
from everyauth_cli.store.records import Store

if TYPE_CHECKING:
    from everyauth_cli.flows.batch import Outcome, Pacing
    from everyauth_cli.flows.granted import Grant
    from everyauth_cli.flows.revoke import Revocation
    from everyauth_cli.oauth.authorization_code import PendingLogin

Send = Callable[[Request], Response]


class EveryAuth:
    """OAuth 2.0 credentials of users at services, over a store, a catalogue, a way to send requests and a clock.

    `clock` returns milliseconds since the epoch; `override` returns the client id and secret that the environment
    gives for a service; `warn` receives what a caller should know although the call succeeded; `record` receives each
    event at a service; in `shield` interrupts wait for a revocation; `patience` bounds the wait for a refresh.

    A method that may wait has an async method: `await auth.aget_identity(...)` is `auth.get_identity(...)` in a thread.
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
        patience: Patience = PATIENT,
    ) -> None:
        if not profile:
            raise UsageProblem("the profile is empty; it would match any")
        self.store, self.profile, self.clock = store, profile, clock
        self._flows = Flows(
            store=store,
            catalogue=catalogue,
            profile=profile,
            send=send,
            clock=clock,
            override=override,
            warn=warn,
            record=record,
            shield=shield,
            patience=patience,
        )
        self.clients, self.discard = self._flows.clients, self._flows.discard
        self.catalogue = self.clients.catalogue

    @classmethod
    def from_env(cls) -> Self:
        """Assemble it from the environment and the configuration file. Raises `ConfigurationProblem`."""
        return cls.from_settings(read_settings())

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        warn: Callable[[str], None] = lambda _: None,
        around_send: Callable[[Send, Request], Response] | None = None,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
        patience: Patience = PATIENT,
    ) -> Self:
        """Assemble it from settings; `around_send` may watch each request. Raises `ConfigurationProblem`."""
        return cls(
            store=store_of(settings, warn=warn),
            catalogue=Catalogue(settings.services_dir),
            send=functools.partial(around_send, send_request) if around_send else send_request,
            profile=settings.profile,
            override=settings.client_override,
            warn=warn,
            record=EventLog(settings.log_dir).record,
            shield=shield,
            patience=patience,
        )

    def login_lock(self, service: str, *, user: str, tenant: str = "", timeout: float) -> AbstractContextManager[None]:
        """Keep other logins for the same identity out; raises `StoreBusy` after `timeout` seconds."""
        return self._flows.login.lock(service, user=user, tenant=tenant, timeout=timeout)

    def authorization_url(self, pending: PendingLogin) -> str:
        """Return the URL at which a person grants access (RFC 6749 section 4.1.1)."""
        return self._flows.login.authorization_url(pending)

    @raised_anew
    def redeem(self, pending: PendingLogin, query: Sequence[tuple[str, str]]) -> Grant:
        """Check an authorization response, redeem its code and find out the account; stores nothing.

        `query` is what came back to the redirect URI (RFC 6749 sections 4.1.2 and 4.1.3, RFC 9207).
        Raises `LoginFailed`, `ServiceError`, `ClientRejected`, `StoreError`.
        """
        return self._flows.login.redeem(pending, query)

    def keep(self, grant: Grant, *, replace_account: bool = False) -> Identity:
        """Store what was granted; an identity that exists already keeps its id.

        Raises `OtherAccount` when the stored identity belongs to another account, unless `replace_account` is set,
        and `StoreError`.
        """
        return self._flows.login.keep(grant, replace_account=replace_account)

    def get_identity(
        self,
        service: str,
        who: Who = DEFAULT_USER,
        *,
        tenant: str = "",
        identity_id: str | None = None,
        min_ttl: int = 0,
        rejected: str | Secret[str] | None = None,
    ) -> Credential | None:
        """Return a credential with a current access token; None when no identity matches.

        `who` is a user, or tags that all have to match: `{"userId": "user-123", "plan": "gold"}`. A text is never
        taken for an id, which is given as `identity_id` in place of `who`.
        With a `tenant` (`tenantId` in the tags) it is the user's identity there and no other; without, the one whose
        tenant is the user, else the only one of that user. The token lives at least `min_ttl` milliseconds more, and
        is not the `rejected` one, which a service answered with 401.
        Raises `ServiceNotFound`, `Ambiguous`, `LoginRequired`, `ServiceError`, `StoreError`, `UsageProblem`.
        """
        needed = requirement(min_ttl, rejected)
        return self._flows.identities.credential_of(service, who, tenant, needed, identity_id=identity_id)

    def credential(
        self, identity: Identity, *, min_ttl: int = 0, rejected: str | Secret[str] | None = None
    ) -> Credential | None:
        """Return the current credential of an identity, as `get_identity` does; None when it was deleted since."""
        return self._flows.identities.credential(identity, requirement(min_ttl, rejected))

    def get_identities(
        self,
        service: str = "",
        tags: Mapping[str, str] | None = None,
        *,
        count: int = 100,
        next: str | None = None,  # noqa: A002 - as in the page that it comes from
    ) -> Page:
        """Return up to `count` identities that have all these tags, sorted by service, tenant and user.

        `next` of one page gets the page that follows: logins and deletions between them make none come twice or be
        left out. Without a service they are those of all. Reads metadata only.
        Raises `ServiceNotFound`, `StoreError`, and `UsageProblem` for a cursor of another listing.
        """
        return self._flows.identities.page(service, tags or {}, count=count, cursor=next)

    def find(
        self,
        *,
        service: str = "",
        user: str = "",
        tenant: str = "",
        tags: Mapping[str, str] | None = None,
        identity_id: str = "",
    ) -> list[Identity]:
        """Return the identities that match all that is given, sorted as `get_identities` does; reads metadata only.

        Raises `StoreError`, `UsageProblem`.
        """
        selector = Selector(user=user, tenant=tenant, tags=tags or {}, identity_id=identity_id)
        return list(self._flows.identities.find(service, selector))

    def listed(
        self, *, service: str = "", user: str = "", tenant: str = "", tags: Mapping[str, str] | None = None
    ) -> Iterator[IdentitySummary]:
        """Yield the same as summaries, one by one: memory stays flat however many there are."""
        return self._flows.identities.summaries(service, Selector(user=user, tenant=tenant, tags=tags or {}))

    def find_one(
        self, who: Who = DEFAULT_USER, *, service: str = "", tenant: str = "", identity_id: str | None = None
    ) -> Identity | None:
        """Return the one identity that is named, as in `get_identity`, at a service or at any; None if none is.

        Raises `Ambiguous`, which lists the candidates, `StoreError`, `UsageProblem`.
        """
        return self._flows.identities.one(service, read_who(who, tenant=tenant, identity_id=identity_id))

    def service_name(self, service: str) -> str:
        """Return the name of a service or alias, or of stored identities; raises `ServiceNotFound` for any other."""
        return self._flows.identities.service_name(service)

    def holds(self, service: str, *, user: str, tenant: str = "") -> bool:
        """Return whether the store has a secret for that user, even where its metadata is lost. Raises `StoreError`."""
        return self._flows.identities.has_secret(service, user=user, tenant=tenant)

    def check(self, identity: Identity) -> Outcome:
        """Ask the service whether it accepts the identity's access token, after a refresh if it is stale or rejected.

        Errors of the identity, its service or the store are in the outcome.
        """
        return self._flows.health.check(identity)

    def check_all(self, identities: Sequence[Identity] | None = None, *, pacing: Pacing | None = None) -> list[Outcome]:
        """Check many identities, as `refresh_all` refreshes them."""
        given = None if identities is None else grouped(identities)
        return [*(self.checked(pacing=pacing) if given is None else self._flows.health.check_all(given, pacing))]

    def refresh_all(
        self,
        identities: Sequence[Identity] | None = None,
        *,
        expiring_within: int | None = None,
        pacing: Pacing | None = None,
    ) -> list[Outcome]:
        """Refresh the access tokens of many identities, all of the profile unless given, several at once.

        With `expiring_within` (milliseconds) only those that expire so soon are refreshed; where no identities are
        given, no others are read, besides those that need a login. Errors are in the outcomes.
        Raises `StoreError` when some cannot be read, after the others.
        """
        if identities is None:
            return [*self.refreshed(expiring_within=expiring_within, pacing=pacing)]
        return [*self._flows.health.refresh_all(grouped(identities), pacing, expiring_within=expiring_within)]

    def checked(self, *, service: str = "", pacing: Pacing | None = None) -> Iterator[Outcome]:
        """Check all identities, or those of one service, and yield the outcomes as they come: memory stays flat."""
        return self._flows.health.check_all(self._flows.identities.by_service(service), pacing)

    def refreshed(
        self, *, service: str = "", expiring_within: int | None = None, pacing: Pacing | None = None
    ) -> Iterator[Outcome]:
        """Refresh as `refresh_all` does, all or those of one service, and yield the outcomes as they come."""
        before = None if expiring_within is None else self.clock() + expiring_within + 1
        found = self._flows.identities.by_service(service, due_before=before)
        return self._flows.health.refresh_all(found, pacing, expiring_within=expiring_within)

    def siblings(self, identity: Identity) -> list[tuple[str, Identity]]:
        """Return the identities, each with its profile, that `delete_identity` would end along with this one.

        There are some only where revoking a token ends the whole grant, which several identities may share.
        """
        return self._flows.revoker.siblings(key_of(self.profile, identity), identity)

    def ends_grant(self, identity: Identity) -> bool:
        """Return whether `delete_identity` would end all that the same account has granted; reads no other identity."""
        return self._flows.revoker.ends_grant(identity)

    def delete_identity(
        self,
        service: str,
        user: str | None = None,
        *,
        tenant: str = "",
        identity_id: str | None = None,
        local: bool = False,
    ) -> Revocation:
        """Revoke an identity's tokens at the service (RFC 7009) and delete it from the store, if it exists.

        It is that of a `user`, whose tenant is the user unless given, or of an `identity_id`. It is deleted whatever
        the service answers; the result says what was revoked and what was not. With `local` nothing is revoked.
        Raises `StoreError` when it cannot be deleted, and `ClientNotSet`, `ConfigurationProblem`, `ServiceNotFound` or
        `LoginRequired` when no revocation could be requested; nothing is deleted then.
        """
        key = self._flows.identities.key_to_delete(service, user, tenant=tenant, identity_id=identity_id)
        return self._flows.revoker.delete(key, local=local)

    def delete_identities(self, service: str, tags: Mapping[str, str], *, local: bool = False) -> list[Revocation]:
        """Delete all identities at a service that have these tags, each as `delete_identity` does.

        The first that cannot be deleted raises what `delete_identity` would; those before it are deleted, and the same
        call goes on with the others. Raises `UsageProblem` where no tag is given: all would match.
        """
        keys = self._flows.identities.keys_to_delete(service, tags)
        return [self._flows.revoker.delete(key, local=local) for key in keys]

    begin, prepare = login_methods.begin, login_methods.prepare
    discover, client_credentials = login_methods.discover, login_methods.client_credentials
    jwt_bearer, exchange, id_jag = login_methods.jwt_bearer, login_methods.exchange, login_methods.id_jag
    begin_device, poll_device = device_methods.begin_device, device_methods.poll_device
    redeem_device = device_methods.redeem_device
    httpx_auth, requests_auth = methods.httpx_auth, methods.requests_auth
    token_source, google_auth = methods.token_source, methods.google_auth

    # Each is the method of the same name without the `a`, run in a thread of ours.
    aget_identity, acredential = async_method(get_identity, read_and_await), async_method(credential, read_and_await)
    adiscover, aclient_credentials = async_method(discover), async_method(client_credentials)
    ajwt_bearer, aexchange, aid_jag = async_method(jwt_bearer), async_method(exchange), async_method(id_jag)
    aprepare, abegin = async_method(prepare, read_in_lane), async_method(begin)
    aauthorization_url = async_method(authorization_url, read_in_lane)
    abegin_device, apoll_device = async_method(begin_device), async_method(poll_device)
    aredeem_device = device_methods.async_redeem_device(send_in_lane)
    aget_identities, afind = async_method(get_identities, read_in_lane), async_method(find, read_in_lane)
    afind_one, aservice_name = async_method(find_one, read_in_lane), async_method(service_name, read_in_lane)
    aholds, asiblings = async_method(holds, read_in_lane), async_method(siblings, read_in_lane)
    aends_grant, aredeem, akeep = async_method(ends_grant, read_in_lane), async_method(redeem), async_method(keep)
    acheck, acheck_all, arefresh_all = async_method(check), async_method(check_all), async_method(refresh_all)
    adelete_identity, adelete_identities = async_method(delete_identity), async_method(delete_identities)
