"""Subjects: the stored identities whose tokens a grant presents (RFC 8693), and those tokens, always current ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from everyauth_cli.errors import EveryAuthError, LoginRequired, NotFound, ServiceError, ServiceUnreadable, UsageProblem
from everyauth_cli.flows.hints import login_again, not_logged_in, user_of_tenant
from everyauth_cli.flows.identities import Identities
from everyauth_cli.flows.requirement import Requirement
from everyauth_cli.flows.selector import Selector
from everyauth_cli.model import ID_PREFIX, Account, Identity, RecordKey, Secret
from everyauth_cli.oauth.authorization_code import OPENID
from everyauth_cli.oauth.error_response import Refusal, refusal_of
from everyauth_cli.oauth.grant import SubjectIdentity
from everyauth_cli.services.rules import OFFLINE
from everyauth_cli.store.identities import StoredIdentity, identity_key, read_identity

ID_TOKEN_REFRESHES = 2
"""Refreshes for one ID token: another process may have used up the response to the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Finds subjects in a profile, and has their tokens refreshed as everyone else's are.

    A subject's own token may be one of a token exchange, but not of one that leads back to it: its refresh would wait
    for itself.
    """

    identities: Identities

    def named(self, word: str, *, holder: RecordKey) -> tuple[SubjectIdentity, Account]:
        """Return the subject for a login of `holder`, by its id, or by its service where it is the same user's.

        Raises `NotFound`, `LoginRequired` and `UsageProblem`.
        """
        identity = self._identity(word, holder)
        account = identity.account or _unnamed(identity)
        subject = SubjectIdentity(
            id=identity.id,
            service=identity.service,
            tenant=identity.tenant,
            user=identity.user,
            account=identity.account.subject if identity.account else "",
        )
        self._check_chain(subject, holder)
        return subject, account

    def access_token(self, subject: SubjectIdentity) -> Secret[str]:
        """Return the current access token of a subject. Raises what `Refresher.current` raises."""
        key = self._checked(subject)
        with _about(subject):
            credential = self.identities.refresher.current(key)
            if credential is None:
                raise not_logged_in(key)
            _check_account(subject, key, credential.account)
            return Secret(credential.access_token)

    def id_token(self, subject: SubjectIdentity) -> Secret[str]:
        """Return a new ID token of a subject, from a refresh (OpenID Connect Core section 12.2): none is stored.

        A refresh token is never presented in its place, as some servers would allow: it belongs to this one client and
        its refreshes, and a server that rotates them might take it for spent.
        """
        key = self._checked(subject)
        with _about(subject):
            stored = self._refreshable(key)
            for _ in range(ID_TOKEN_REFRESHES):
                stored = self._renewed(key, stored)
                _check_account(subject, key, stored.identity.account)
                if stored.token.id_token is not None:
                    return stored.token.id_token
            raise ServiceUnreadable(
                f"{subject.service} answered a refresh without an ID token", hint=_with_scopes(key, OPENID)
            )

    def _renewed(self, key: RecordKey, stored: StoredIdentity) -> StoredIdentity:
        newer = Requirement(replaced=stored.token.access_token)
        renewed = self.identities.refresher.renewed(key, stored, newer)
        if renewed is None:
            raise not_logged_in(key)
        return renewed

    def _refreshable(self, key: RecordKey) -> StoredIdentity:
        stored = read_identity(self.identities.store, key)
        if stored is None:
            raise not_logged_in(key)
        if not stored.identity.has_refresh_token:
            raise LoginRequired(
                f"the login at {key.service} has no refresh token, with which a new ID token is got",
                hint=_with_scopes(key, f"{OPENID} {OFFLINE}"),
            )
        return stored

    def _checked(self, subject: SubjectIdentity) -> RecordKey:
        """Return the key of a subject whose chain of subjects has an end."""
        self._check_chain(subject)
        return self._key(subject)

    def _check_chain(self, subject: SubjectIdentity, *seen: RecordKey) -> None:
        """Raise `UsageProblem` where token exchanges lead back to the token that they begin with."""
        chain, last = [*seen, self._key(subject)], subject
        while chain[-1] not in chain[:-1]:
            following = self._next(last)
            if following is None:
                return
            chain, last = [*chain, self._key(following)], following
        shown = ", ".join(f"{key.service} (user {user_of_tenant(key.user, key.tenant)})" for key in chain)
        raise UsageProblem(
            f"each of these tokens would come from a token exchange for the next one, without end: {shown}",
            hint=f"log in at one of them in another way: {login_again(chain[-1])} --replace",
        )

    def _next(self, subject: SubjectIdentity) -> SubjectIdentity | None:
        """Return the subject of a subject, if it has one."""
        selector = Selector(user=subject.user, tenant=subject.tenant)
        found = self.identities.one(subject.service, selector)
        return found.repeated.exchanged if found and found.repeated else None

    def _key(self, subject: SubjectIdentity) -> RecordKey:
        return identity_key(self.identities.profile, subject.service, user=subject.user, tenant=subject.tenant)

    def _identity(self, word: str, holder: RecordKey) -> Identity:
        if not word:
            # An empty name matches every service, and the token of the only login would be sent.
            raise UsageProblem("the name of the login whose token is presented is empty", hint="everyauth identity ls")
        if word.startswith(ID_PREFIX):
            found = self.identities.one("", Selector(identity_id=word))
            if found is None:
                profile = self.identities.profile
                raise NotFound(f'no identity in profile {profile} has the id "{word}"', hint="everyauth identity ls")
            return found
        name = self.identities.service_name(word)
        found = self.identities.one(name, Selector(user=holder.user, tenant=holder.tenant))
        if found is None:
            raise not_logged_in(holder._replace(service=name))
        return found


@contextmanager
def _about(subject: SubjectIdentity) -> Iterator[None]:
    """Say in an error whose token was needed: the command that failed did not name the subject."""
    try:
        yield
    except LoginRequired as error:
        raise error.copy(message=_message(subject, error)) from None
    except ServiceError as error:
        if refusal_of(error) is not Refusal.OTHER:
            raise error.copy(message=_message(subject, error)) from None
        raise LoginRequired(_message(subject, error), hint=error.hint) from None


def _message(subject: SubjectIdentity, error: EveryAuthError) -> str:
    return f"a token exchange needs the token of {subject.service}: {error.message}"


def _check_account(subject: SubjectIdentity, key: RecordKey, account: Account | None) -> None:
    """Raise `LoginRequired` where the subject has logged in with another account since the first token exchange."""
    if not subject.account or account is None or account.subject == subject.account:
        return
    raise LoginRequired(
        f"user {user_of_tenant(key.user, key.tenant)} is logged in at {key.service} as {account.label} now, and the "
        "token exchange was for another account",
        hint="run the token exchange again with --replace, or log in there with the former account",
    )


def _unnamed(identity: Identity) -> Account:
    user = user_of_tenant(identity.user, identity.tenant)
    return Account(
        subject=f"{identity.service} {identity.tenant} {identity.user}", label=f"{user} at {identity.service}"
    )


def _with_scopes(key: RecordKey, scopes: str) -> str:
    return f'{login_again(key)} --scope "{scopes}"'
