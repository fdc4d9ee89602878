"""Whose account a login brought: by the id token, which is verified, else by the service's own "who am I"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from everyauth_cli.errors import ServiceError, ServiceUnreadable
from everyauth_cli.event_log import ACCOUNT, Record, ignore, recorded
from everyauth_cli.flows.jwks import IssuerKeys, Keys
from everyauth_cli.model import Account, Client, LoginRequest, RecordKey, Request, Response, Secret, Service, Token
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
from everyauth_cli.oauth.userinfo import account_in, account_request, read_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everything that is needed to learn the account; `warn` is told when it stays unknown or unproven."""

    keys: IssuerKeys
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    warn: Callable[[str], None]
    record: Record = ignore

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

        `nonce` is the one that the id token must have; `key` names the identity.
        Raises `ServiceUnreadable` for an id token that does not hold, or is missing where one was asked for.
        """
        account = None
        if token.id_token is not None:
            id_token = self._verified(service, client, token.id_token, nonce=nonce)
            token = replace(token, subject=subject_of(id_token))
            account = account_in(service, id_token.claims)
        elif service.issuer is not None and _has_openid(service, request.scope) and _has_openid(service, token.scope):
            raise ServiceUnreadable(f"{service.name} was asked for an id token (openid) and sent none")
        if account is None and service.account.in_response:
            account = account_in(service, token.native.reveal())
        if account is None and service.account.endpoint:
            account = self._asked(service, client, token, key)
        return replace(token, account=account)

    def _verified(self, service: Service, client: Client, text: Secret[str], *, nonce: Secret[str] | None) -> IdToken:
        """The id token, checked."""
        id_token = read_id_token(service, text)
        check_claims(service, client, id_token, nonce=nonce, now=self.clock())
        if is_symmetric(id_token):
            check_signature(service, id_token, keys_of_client(client))
        elif service.jwks_uri or service.issuer:
            self._check_signature(service, id_token)
        return id_token

    def _check_signature(self, service: Service, id_token: IdToken) -> None:
        """Try the keys at hand, then those of this moment: an issuer may change its keys at any time.

        When these cannot be had, TLS vouches for what came straight from the token endpoint (OpenID Connect Core
        section 3.1.3.7, rule 6).
        """
        problem = _problem(service, id_token, self.keys.remembered(service) or ())
        if problem is not None and (fresh := self.keys.fetch(service)) is not None:
            problem = _problem(service, id_token, fresh)
        elif isinstance(problem, KeyUnknown):
            self.warn(f"the keys of {service.name} cannot be had, so its id token's signature was not checked")
            return
        if problem is not None:
            raise problem

    def _asked(self, service: Service, client: Client, token: Token, key: RecordKey) -> Account | None:
        hide = (token.access_token, client.client_secret)
        try:
            with recorded(self.record, self.clock, ACCOUNT, key, hide=hide, done=False):
                return read_account(service, self.send(account_request(service, client, token.access_token)))
        except ServiceError as error:
            self.warn(f"{service.name} does not say whose account this is: {error.message}")
            return None


def _problem(service: Service, id_token: IdToken, keys: Keys) -> ServiceUnreadable | None:
    """What is wrong with the signature, as far as these keys tell."""
    try:
        check_signature(service, id_token, keys)
    except ServiceUnreadable as problem:
        return problem
    return None


def _has_openid(service: Service, scope: str | None) -> bool:
    return OPENID in service.split_scope(scope)
