"""Suggested commands, and the errors about one identity that several flows raise, each with its command."""

from __future__ import annotations

import shlex
from dataclasses import replace

from everyauth_cli.errors import BoundToken, LoginRequired, RejectedAlthoughNew
from everyauth_cli.model import DEFAULT_PROFILE, DEFAULT_USER, SANDBOX_PROFILE, RecordKey
from everyauth_cli.oauth.grant import EndedGrant, GrantType, LoginReason, RepeatedGrant, SubjectIdentity


def user_of_tenant(user: str, tenant: str, *, quotes: tuple[str, str] = ('"', '"')) -> str:
    """Name a user, and the tenant where that is another: "ann" of tenant "acme"."""
    name = user.join(quotes)
    return name if tenant in ("", user) else f"{name} of tenant {tenant.join(quotes)}"


def login_command(
    service: str, *, user: str, tenant: str = "", profile: str = "", repeated: RepeatedGrant | None = None
) -> str:
    """Return the command that logs a user in, or runs a grant again; the profile is named when it is given."""
    words = ["everyauth", "login", service]
    if user != DEFAULT_USER:
        words += ["--user", user]
    if tenant not in ("", user):
        words += ["--tenant", tenant]
    if profile == SANDBOX_PROFILE:
        words += ["--sandbox"]
    elif profile:
        words += ["--profile", profile]
    if repeated is not None:
        words += grant_words(repeated, user=user, tenant=tenant)
        words += ["--scope", repeated.scope] if repeated.scope else []
    return shlex.join(words)


def grant_words(grant: RepeatedGrant, *, user: str, tenant: str) -> list[str]:
    """Return the options of `everyauth login` that run a grant for a user of a tenant, without its scope."""
    named = {"--subject": grant.subject, "--identity-token-from": grant.assertion_from, "--audience": grant.audience}
    more = [word for option, value in named.items() if value for word in (option, value)]
    match grant.grant_type:
        case GrantType.CLIENT_CREDENTIALS:
            return ["--client-credentials", *more]
        case GrantType.JWT_BEARER:
            return more if grant.assertion_from else ["--jwt-bearer", *more]
        case GrantType.TOKEN_EXCHANGE:
            return ["--exchange", _subject_word(grant.exchanged, user, tenant), *more]
        case GrantType.ID_JAG:
            return ["--idp", _subject_word(grant.exchanged, user, tenant) if grant.exchanged else grant.idp, *more]


def _subject_word(subject: SubjectIdentity | None, user: str, tenant: str) -> str:
    """Return the word that names a subject to a user of a tenant: its service, or the id of another user's identity."""
    assert subject is not None
    return subject.service if (subject.user, subject.tenant) == (user, tenant or user) else subject.id


def login_again(key: RecordKey, repeated: RepeatedGrant | None = None) -> str:
    """Return the command that renews the grant of an identity, which it may have by a `repeated` grant."""
    profile = "" if key.profile == DEFAULT_PROFILE else key.profile
    return login_command(key.service, user=key.user, tenant=key.tenant, profile=profile, repeated=repeated)


def not_logged_in(key: RecordKey) -> LoginRequired:
    """Make the error for a user who has no identity at a service."""
    return _login_required(key, f"{_user(key)} has not logged in at {key.service}")


def must_log_in(key: RecordKey, ended: EndedGrant, repeated: RepeatedGrant | None = None) -> LoginRequired:
    """Make the error for an identity that is marked as in need of a login."""
    message = f"{_user(key)} must log in at {key.service} again: {ended.reason}"
    replaces = " --replace" if ended.kind is LoginReason.ACCOUNT_CHANGED else ""
    return LoginRequired(message, hint=login_again(key, repeated) + replaces)


def bound_elsewhere(key: RecordKey, repeated: RepeatedGrant | None = None) -> LoginRequired:
    """Make the error for a grant of another client or other endpoints: its tokens are sent nowhere (RFC 6749 6)."""
    return _login_required(
        key,
        f"{_user(key)} granted access at {key.service} to another client, or for other endpoints, than those that "
        "are set now; nothing was sent",
        repeated,
    )


def no_refresh_token(key: RecordKey, repeated: RepeatedGrant | None = None, *, rejected: bool) -> LoginRequired:
    """Make the error for an access token that is of no more use and cannot be refreshed."""
    if rejected:
        problem = f"{key.service} rejected the access token of {_user(key)}"
    else:
        problem = f"the access token of {_user(key)} at {key.service} has expired or expires too soon"
    return _login_required(key, f"{problem}, and there is no refresh token", repeated)


def rejected_although_new(key: RecordKey, repeated: RepeatedGrant | None = None) -> RejectedAlthoughNew:
    """Make the error for an access token that an API rejects right after it was refreshed."""
    return RejectedAlthoughNew(
        f"the access token of {_user(key)} was rejected although {key.service} has just issued it; check its scopes",
        hint=f'{login_again(key, replace(repeated, scope="") if repeated else None)} --scope "..."',
    )


def bound_token(key: RecordKey) -> BoundToken:
    """Make the error for an access token that serves only who has its key, which is never handed out (RFC 9449)."""
    call = signing_call(key.service, user=key.user, tenant=key.tenant)
    return BoundToken(
        f"the access token of {_user(key)} at {key.service} is bound to a key (DPoP) that everyauth keeps: without a "
        "signature for each request it is useless",
        hint=f"sign requests in Python by {call}, or by requests_auth",
    )


def signing_call(service: str, *, user: str, tenant: str) -> str:
    """Return the Python that signs requests for a user of a service, whose token is bound to a key."""
    words = [repr(word) for word in ([service] if user == DEFAULT_USER else [service, user])]
    words += [f"tenant={tenant!r}"] * (tenant != user)
    return f"EveryAuth.from_env().httpx_auth({', '.join(words)})"


def deleted_meanwhile(key: RecordKey, repeated: RepeatedGrant | None = None) -> LoginRequired:
    """Make the error for an identity that another process deleted during a refresh."""
    return _login_required(
        key, f"the identity of {_user(key)} at {key.service} was deleted during its refresh", repeated
    )


def _login_required(key: RecordKey, message: str, repeated: RepeatedGrant | None = None) -> LoginRequired:
    return LoginRequired(message, hint=login_again(key, repeated))


def _user(key: RecordKey) -> str:
    return f"user {user_of_tenant(key.user, key.tenant)}"
