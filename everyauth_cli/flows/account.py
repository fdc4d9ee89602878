"""The account that a login granted: named by the verified id token, else by the service's account endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from everyauth_cli.errors import ServiceError, ServiceUnreadable
from everyauth_cli.flows.account_endpoint import AccountEndpoint
from everyauth_cli.flows.jwks import IssuerKeys, Keys
from everyauth_cli.model import Account, Client, RecordKey, Secret, Service, Token
from everyauth_cli.oauth.authorization_code import OPENID
from everyauth_cli.oauth.id_token import (
    IdToken,
    KeyUnknown,
    check_claims,
    check_signature,
    is_symmetric,
    keys_of_client,
    read_id_token,
    subject_of,
)
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.oauth.userinfo import account_in, has_name
from everyauth_cli.services.rules import IdTokenUse
from everyauth_cli.store.credential import AccessToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Finds the account of a login; `warn` receives a message when it stays unknown or unproven."""

    keys: IssuerKeys
    endpoint: AccountEndpoint
    clock: Callable[[], int]
    warn: Callable[[str], None]

    def named(
        self,
        service: Service,
        client: Client,
        request: LoginRequest,
        token: Token,
        *,
        nonce: Secret[str] | None = None,
        key: RecordKey,
    ) -> Token:
        """Return a login's token with the account that granted it, or with none where the service names none.

        `nonce` is the one that the id token must have; `key` is the identity's, for the log.
        Raises `ServiceUnreadable` for an id token that is not valid, or is missing where one was requested.
        """
        account = None
        id_token = self._usable(service, client, request, token, nonce=nonce)
        if id_token is not None:
            token = replace(token, subject=subject_of(id_token))
            account = account_in(service, id_token.claims)
            if account and service.account.endpoint and not has_name(account) and _has_openid(service, request.scope):
                account = self._named_by_userinfo(service, client, token, account, key)
        elif _is_missing(service, request, token):
            raise ServiceUnreadable(f"{service.name} sent no id token, although the scope openid was granted")
        if account is None and service.account.in_response:
            account = account_in(service, token.native.reveal())
        if account is None and service.account.endpoint:
            account = self._from_endpoint(service, client, token, key)
        return replace(token, account=account)

    def _usable(
        self, service: Service, client: Client, request: LoginRequest, token: Token, *, nonce: Secret[str] | None
    ) -> IdToken | None:
        """Return the verified id token; None where there is none, or one that was not requested and is not valid."""
        if token.id_token is None or service.id_token.use is IdTokenUse.IGNORE:
            return None
        try:
            return self._verified(service, client, token.id_token, nonce=nonce)
        except ServiceUnreadable as error:
            if _has_openid(service, request.scope):
                raise
            self.warn(f"{error.message}; it was ignored, because the scope openid was not requested")
            return None

    def _verified(self, service: Service, client: Client, text: Secret[str], *, nonce: Secret[str] | None) -> IdToken:
        id_token = read_id_token(service, text)
        check_claims(service, client, id_token, nonce=nonce, now=self.clock())
        if is_symmetric(id_token):
            check_signature(service, id_token, keys_of_client(client))
        elif service.jwks_uri or service.issuer:
            self._check_signature(service, id_token)
        return id_token

    def _check_signature(self, service: Service, id_token: IdToken) -> None:
        """Check the signature with the cached keys, then with those published now: an issuer may rotate them any time.

        When these cannot be fetched, TLS vouches for what came straight from the token endpoint (OpenID Connect Core
        section 3.1.3.7, rule 6).
        """
        problem = _problem(service, id_token, self.keys.cached(service) or ())
        if problem is not None and (published := self.keys.fetch(service)) is not None:
            problem = _problem(service, id_token, published)
        elif isinstance(problem, KeyUnknown):
            self.warn(f"the keys of {service.name} cannot be fetched, so the id token's signature was not checked")
            return
        if problem is not None:
            raise problem

    def _named_by_userinfo(
        self, service: Service, client: Client, token: Token, account: Account, key: RecordKey
    ) -> Account:
        """Return the account with the name that UserInfo has for it (OpenID Connect Core section 5.4).

        One of another subject says nothing about this login (section 5.3.2).
        """
        found = self._from_endpoint(service, client, token, key, unknown="name of the account")
        if found is not None and found.subject != account.subject:
            self.warn(
                f"the account endpoint of {service.name} names another account than the id token, so it is ignored"
            )
            return account
        return found or account

    def _from_endpoint(
        self, service: Service, client: Client, token: Token, key: RecordKey, *, unknown: str = "account"
    ) -> Account | None:
        try:
            return self.endpoint.ask(service, client, AccessToken.of(token), key=key)
        except ServiceError as error:
            self.warn(f"the {unknown} of this login at {service.name} is not known: {error.message}")
            return None


def _problem(service: Service, id_token: IdToken, keys: Keys) -> ServiceUnreadable | None:
    """Return the problem of a signature, as far as these keys tell."""
    try:
        check_signature(service, id_token, keys)
    except ServiceUnreadable as problem:
        return problem
    return None


def _is_missing(service: Service, request: LoginRequest, token: Token) -> bool:
    """Whether an id token was requested, granted and not sent."""
    if service.issuer is None or service.id_token.use is IdTokenUse.IGNORE or token.id_token is not None:
        return False
    return _has_openid(service, request.scope) and _has_openid(service, token.scope)


def _has_openid(service: Service, scope: str | None) -> bool:
    return OPENID in service.split_scope(scope)
