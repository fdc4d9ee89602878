"""A login without a person: a grant that the command line names gets the token."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from everyauth_cli.cli.login.keeping import (
    ChosenGrant,
    LoginOptions,
    command_line_of,
    keep,
    report,
    warn_of_missing_scopes,
    with_hint,
)
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.oauth.grant import GrantType


def chosen_grant(
    auth: EveryAuth, *, client_credentials: bool, jwt_bearer: bool, subject: str | None
) -> ChosenGrant | None:
    """Return the grant that the options choose; None if a person is to grant access. Raises `UsageProblem` for two."""
    chosen = [*_client_credentials(auth, client_credentials), *_jwt_bearer(auth, jwt_bearer, subject)]
    if len(chosen) > 1:
        first, second, *_ = (grant.words[0] for grant in chosen)
        raise UsageProblem(f"{first} and {second} are different grants", hint="give one of them")
    return chosen[0] if chosen else None


def _client_credentials(auth: EveryAuth, is_chosen: bool) -> Iterator[ChosenGrant]:
    if is_chosen:
        words = ["--client-credentials"]
        yield ChosenGrant(grant_type=GrantType.CLIENT_CREDENTIALS, words=words, run=auth.client_credentials)


def _jwt_bearer(auth: EveryAuth, is_chosen: bool, subject: str | None) -> Iterator[ChosenGrant]:
    if subject is not None and not is_chosen:
        raise UsageProblem("--subject is for --jwt-bearer", hint="give both, or neither")
    if is_chosen:
        words = ["--jwt-bearer", *(["--subject", subject] if subject else [])]
        run = functools.partial(auth.jwt_bearer, subject=subject or "")
        yield ChosenGrant(grant_type=GrantType.JWT_BEARER, words=words, run=run)


def log_in_by_grant(session: Session, options: LoginOptions, chosen: ChosenGrant) -> None:
    """Run a grant, and store its token."""
    granted = functools.partial(
        chosen.run,
        options.service.name,
        user=options.user,
        tenant=options.tenant,
        tags=options.tags,
        scope=options.scope or "",
        resource=options.resource or "",
    )
    try:
        grant, identity = keep(session, options, granted)
    except EveryAuthError as error:
        raise with_hint(error, command_line_of(session, options)) from None
    report(session, options, identity)
    warn_of_missing_scopes(session, grant, identity)
