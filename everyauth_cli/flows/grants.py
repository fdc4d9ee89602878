"""The grants that need no redirect: those that bring no refresh token are run again in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from everyauth_cli.errors import ClientRejected, ConfigurationProblem, InvalidGrant, UsageProblem
from everyauth_cli.event_log import Action, recorded
from everyauth_cli.flows.client_keys import check_is_confidential, check_signs
from everyauth_cli.flows.clients import default_scope
from everyauth_cli.flows.device_login import DeviceLogin
from everyauth_cli.flows.granted import Grant
from everyauth_cli.flows.hints import login_again
from everyauth_cli.flows.host_pinning import bound_names, granted_origins
from everyauth_cli.flows.identities import Identities
from everyauth_cli.flows.identity_tokens import given_token, source_of
from everyauth_cli.flows.login import LoginFlow
from everyauth_cli.flows.presented_tokens import PresentedTokens
from everyauth_cli.flows.subjects import Subjects
from everyauth_cli.model import Account, Client, RecordKey, Secret, Service
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant, only_grant
from everyauth_cli.oauth.jwt_bearer import consent_url, subject_of
from everyauth_cli.oauth.login_request import LoginRequest, Terms
from everyauth_cli.oauth.presented import IdentityToken
from everyauth_cli.oauth.repeated_request import repeated_request
from everyauth_cli.oauth.token_endpoint import added_fields, missing_scopes, read_token
from everyauth_cli.services.redirect_uri import redirect_uri
from everyauth_cli.services.rules import AssertionSubject, ScopePlace
from everyauth_cli.urls import PLACEHOLDER

CONSENT_REQUIRED = "consent_required"
"""OpenID Connect Core section 3.1.2.6; some services answer so at the token endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Gets tokens without a redirect; `LoginFlow.keep` stores them. `presented` gets what a grant presents."""

    login: LoginFlow
    presented: PresentedTokens

    @classmethod
    def of(cls, login: LoginFlow, identities: Identities) -> Self:
        """Make them with the flow of a login, over the identities that may be subjects."""
        subjects = Subjects(identities=identities)
        presented = PresentedTokens(clients=login.clients, subjects=subjects, send=login.send, clock=login.clock)
        return cls(login=login, presented=presented)

    @property
    def device(self) -> DeviceLogin:
        """The one of them that a person takes part in, whose token is refreshed."""
        return DeviceLogin(login=self.login)

    def client_credentials(
        self,
        terms: Terms,
        *,
        identity_token: IdentityToken,
    ) -> Grant:
        """Get a token for the client itself (RFC 6749 section 4.4); see `EveryAuth.client_credentials`."""
        service, client = self.login.registered(terms, redirects=False)
        _check_params(self.login.clients.catalogue.get(terms.service), service)
        repeated = _repeated(GrantType.CLIENT_CREDENTIALS, terms, identity_token)
        if not repeated.assertion_from:
            check_is_confidential(service, client)
        request = self.login.request(service, client, terms)
        account = Account(subject=client.client_id, label=f"client {client.client_id}")
        presented = self._presented(service, client, request, repeated, given=given_token(identity_token))
        return self._granted(service, client, request, repeated, presented=presented, account=account)

    def jwt_bearer(
        self,
        terms: Terms,
        *,
        subject: str,
        identity_token: IdentityToken,
    ) -> Grant:
        """Get a token for an assertion (RFC 7523 section 2.1); see `EveryAuth.jwt_bearer`."""
        service, client = self.login.registered(terms, redirects=False)
        is_own = not source_of(identity_token)
        if is_own:
            terms = replace(terms, scope=_scope(service, client, terms.scope or ""))
        request = self.login.request(service, client, terms)
        if is_own:
            check_signs(service, client)
            _check_subject(service, self.login.key(request), subject)
        repeated = replace(_repeated(GrantType.JWT_BEARER, terms, identity_token), subject=subject)
        presented = self._presented(service, client, request, repeated, given=given_token(identity_token))
        about = subject or (subject_of(presented) if presented else "")
        account = Account(subject=about or client.client_id, label=about or f"client {client.client_id}")
        return self._granted(service, client, request, repeated, presented=presented, account=account)

    def exchange(
        self,
        terms: Terms,
        *,
        subject: str,
        audience: str,
    ) -> Grant:
        """Get a token in exchange for that of another login (RFC 8693); see `EveryAuth.exchange`."""
        service, client = self.login.registered(terms, redirects=False)
        request = self.login.request(service, client, terms)
        found, account = self.presented.subjects.named(subject, holder=self.login.key(request))
        exchange = RepeatedGrant(
            grant_type=GrantType.TOKEN_EXCHANGE, scope=terms.scope or "", exchanged=found, audience=audience
        )
        presented = self._presented(service, client, request, exchange)
        return self._granted(service, client, request, exchange, presented=presented, account=account)

    def id_jag(
        self,
        terms: Terms,
        *,
        idp: str,
        identity_token: IdentityToken,
    ) -> Grant:
        """Get a token for an assertion of an identity provider; see `EveryAuth.id_jag`."""
        service, client = self.login.registered(terms, redirects=False)
        _check_issuer(service)
        request = self.login.request(service, client, terms)
        repeated = _repeated(GrantType.ID_JAG, terms, identity_token)
        if repeated.assertion_from:
            repeated = replace(repeated, idp=self.login.clients.filled(idp).name)
            account = Account(subject=f"identity token for {repeated.idp}", label=f"an identity of {repeated.idp}")
        else:
            found, account = self.presented.subjects.named(idp, holder=self.login.key(request))
            repeated = replace(repeated, idp=found.service, exchanged=found)
        presented = self._presented(service, client, request, repeated, given=given_token(identity_token))
        return self._granted(service, client, request, repeated, presented=presented, account=account)

    def _presented(
        self,
        service: Service,
        client: Client,
        request: LoginRequest,
        repeated: RepeatedGrant,
        *,
        given: Secret[str] | None = None,
    ) -> Secret[str] | None:
        """Get what a login presents; its own request is not sent where that fails, so the failure is recorded here."""
        key = self.login.key(request)
        with recorded(self.login.record, self.login.clock, Action.LOGIN, key, given, success=False):
            return self.presented(service, client, repeated, given)

    def _granted(
        self,
        service: Service,
        client: Client,
        request: LoginRequest,
        repeated: RepeatedGrant,
        *,
        presented: Secret[str] | None,
        account: Account,
    ) -> Grant:
        """Run a grant that is run again in place of a refresh, and return its token with the account that it is for."""
        now, added = self.login.clock(), added_fields(service, client)
        key, record, sender = self.login.key(request), self.login.record, self.login.sender(request)
        failing = recorded(record, self.login.clock, Action.LOGIN, key, presented, client.client_secret, success=False)
        with failing, _advised(service, client, key, repeated):
            # It signs our assertions anew each time: one may serve once, as a proof does.
            made = partial(repeated_request, service, client, repeated, presented=presented, now=now)
            token = read_token(
                service,
                sender.send(made(), again=made),
                requested_scope=repeated.scope,
                now=now,
                added=added,
                repeated=repeated,
                proof_key=request.proof_key,
            )
        issuer, resource = bound_names(service)
        return Grant(
            request=request,
            token=replace(token, account=account, nonces=sender.nonces),
            origins=granted_origins(service),
            missing_scopes=missing_scopes(service, repeated.scope, token.scope, refreshable=False),
            issuer=issuer,
            resource=resource,
            repeated=repeated,
        )


def _repeated(grant_type: GrantType, terms: Terms, token: IdentityToken) -> RepeatedGrant:
    source, scope = source_of(token), terms.scope or ""
    audience = token.audience if source else ""
    return RepeatedGrant(grant_type=grant_type, scope=scope, assertion_from=source, audience=audience)


@contextmanager
def _advised(service: Service, client: Client, key: RecordKey, repeated: RepeatedGrant) -> Iterator[None]:
    """Say what to do where what a grant presents is refused: it is not sent again."""
    try:
        yield
    except (ClientRejected, InvalidGrant) as refusal:
        presents = repeated.grant_type is not GrantType.CLIENT_CREDENTIALS or repeated.assertion_from
        # The hint of a rejected client is about its secret, in whose place it presented a token.
        is_about_secret = isinstance(refusal, ClientRejected) and bool(repeated.assertion_from)
        if not presents or (refusal.hint is not None and not is_about_secret):
            raise
        again = login_again(key, repeated)
        advice = f"check that {service.title} trusts the issuer, the subject and the audience of what was presented"
        if repeated.is_signed_by_us:
            advice = "check the client id, the key and the user, and that this user lets the client act for them"
        if isinstance(refusal, InvalidGrant) and refusal.error == CONSENT_REQUIRED and service.authorization_endpoint:
            uri = redirect_uri(service, client)
            url = consent_url(service, client, scope=repeated.scope, redirect_uri=uri)
            advice = f"have that user open {url} and consent, once (a page that does not open afterwards is right)"
        raise refusal.copy(hint=f"{advice}: {again}") from None


def _scope(service: Service, client: Client, given: str) -> str:
    """Return the scope that the JWT bearer grant requests: the one that is given, or else the default one.

    Raises `UsageProblem` where the grant has no place for it.
    """
    if given and service.jwt_bearer.scope_in is ScopePlace.NONE:
        raise UsageProblem(
            f"{service.title} takes no scope in this grant: the settings of the client there say what it grants",
            hint="leave out --scope",
        )
    if given:
        return given
    if only_grant(service.grant_types_supported) is GrantType.JWT_BEARER:
        return default_scope(service, client)
    return service.scope_separator.join(service.jwt_bearer.scopes)


def _check_subject(service: Service, key: RecordKey, subject: str) -> None:
    """Raise `UsageProblem` where an assertion must name the user, and none is given."""
    if not subject and service.jwt_bearer.subject is AssertionSubject.REQUIRED:
        raise UsageProblem(
            f"{service.title} needs the name of the user that the assertion is about; nothing was sent",
            hint=f"{login_again(key)} --jwt-bearer --subject WHO",
        )


def _check_issuer(service: Service) -> None:
    """Raise `ConfigurationProblem` where no assertion can be requested for a service, as it has no known issuer."""
    if not service.issuer:
        raise ConfigurationProblem(
            f"{service.name} has no issuer, which an identity provider issues the assertion for",
            hint=f"set issuer in services/{service.registered_at.name}.toml, in the configuration directory",
        )


def _check_params(entry: Service, filled: Service) -> None:
    """Raise `ConfigurationProblem` where a placeholder that the client credentials grant needs has no value."""
    for name, text in entry.client_credentials.params.items():
        if name not in filled.client_credentials.params:
            needed = "".join(f" --param {param}=..." for param in PLACEHOLDER.findall(text))
            raise ConfigurationProblem(
                f"{filled.name} needs {name} for the client credentials grant",
                hint=f"everyauth service set {filled.registered_at.name}{needed}",
            )
