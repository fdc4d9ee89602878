"""A login without a person: a grant that the command line names gets the token."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from everyauth_cli.cli.login.keeping import (
    ChosenGrant,
    LoginOptions,
    command_line_of,
    keep,
    report,
    warn_of_missing_scopes,
    with_hint,
)
from everyauth_cli.cli.login_options import (
    AudienceOption,
    ClientCredentialsOption,
    ExchangeOption,
    IdentityTokenOption,
    IdpOption,
    JwtBearerOption,
    SubjectOption,
)
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.flows.identity_tokens import check_source
from everyauth_cli.oauth.grant import GIVEN, GrantType

if TYPE_CHECKING:
    from everyauth_cli.flows.granted import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantOptions:
    """The options of a login that choose a grant without a person, and say what it presents."""

    client_credentials: ClientCredentialsOption = False
    jwt_bearer: JwtBearerOption = False
    subject: SubjectOption = None
    identity_token_from: IdentityTokenOption = None
    exchange: ExchangeOption = None
    idp: IdpOption = None
    audience: AudienceOption = None

    def chosen(self, session: Session, only: GrantType | None, *, device: bool) -> ChosenGrant | None:
        """Return the grant that is chosen; None if a person is to grant access, by a `device` code or otherwise.

        Where none is chosen it is the `only` one that the service has. Raises `UsageProblem`.
        """
        if only is GrantType.JWT_BEARER and not (self.client_credentials or device):
            return replace(self, jwt_bearer=True).chosen(session, None, device=False)
        self._check(device=device)
        auth, presents = session.auth, self._presented(session)
        if self.client_credentials:
            return self._grant(GrantType.CLIENT_CREDENTIALS, auth.client_credentials, presents)
        if self.exchange is not None:
            about = {"subject": self.exchange, "audience": self.audience or ""}
            return self._grant(GrantType.TOKEN_EXCHANGE, auth.exchange, about)
        if self.idp is not None:
            return self._grant(GrantType.ID_JAG, auth.id_jag, {"idp": self.idp, **presents})
        if self.jwt_bearer or self.identity_token_from is not None:
            return self._grant(GrantType.JWT_BEARER, auth.jwt_bearer, {"subject": self.subject or "", **presents})
        return None

    def _check(self, *, device: bool) -> None:
        grants = {"--device": device, **self._grants()}
        if device:
            grants["--identity-token-from"] = self.identity_token_from is not None
        chosen = [option for option, is_chosen in grants.items() if is_chosen]
        if len(chosen) > 1:
            raise UsageProblem(f"{chosen[0]} and {chosen[1]} are different grants", hint="give one of them")
        if self.subject is not None and (not self.jwt_bearer or self.identity_token_from is not None):
            raise UsageProblem("--subject is for --jwt-bearer with your own key", hint="give both, or neither")
        if self.exchange is not None and self.identity_token_from is not None:
            raise UsageProblem(
                "--exchange presents a stored login's token, and --identity-token-from another one",
                hint="give one of them",
            )
        if self.audience is not None and self.identity_token_from is None and self.exchange is None:
            raise UsageProblem("--audience is for --identity-token-from or --exchange", hint="give one too, or neither")

    def _grants(self) -> Mapping[str, bool]:
        return {
            "--client-credentials": self.client_credentials,
            "--jwt-bearer": self.jwt_bearer,
            "--exchange": self.exchange is not None,
            "--idp": self.idp is not None,
        }

    def _presented(self, session: Session) -> dict[str, Any]:
        if self.identity_token_from is None:
            return {}
        if self.identity_token_from == GIVEN:
            return {"identity_token": session.terminal.ask_secret("identity token")}
        source = check_source(self.identity_token_from)
        return {"identity_token_from": source, "audience": self.audience or ""}

    def _grant(self, grant_type: GrantType, run: Callable[..., Grant], about: Mapping[str, Any]) -> ChosenGrant:
        named = {
            "--exchange": self.exchange,
            "--idp": self.idp,
            "--subject": self.subject,
            "--identity-token-from": self.identity_token_from,
            "--audience": self.audience,
        }
        words = ["--client-credentials"] * self.client_credentials + ["--jwt-bearer"] * self.jwt_bearer
        words += [word for option, value in named.items() if value is not None for word in (option, value)]
        return ChosenGrant(grant_type=grant_type, words=words, run=functools.partial(run, **about))


def log_in_by_grant(session: Session, options: LoginOptions, chosen: ChosenGrant) -> None:
    """Run a grant, and store its token."""
    granted = functools.partial(chosen.run, options.service.name, scope=options.scope or "", **options.terms)
    try:
        grant, identity = keep(session, options, granted)
    except EveryAuthError as error:
        raise with_hint(error, command_line_of(session, options)) from None
    report(session, options, identity)
    warn_of_missing_scopes(session, grant, identity)
