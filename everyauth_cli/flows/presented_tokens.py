"""Gets the token that a grant presents besides our client, each time that the grant is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.flows.identity_tokens import IdentityTokens
from everyauth_cli.flows.subjects import Subjects
from everyauth_cli.model import Client, Request, Response, Secret, Service
from everyauth_cli.oauth.client_assertion import audience
from everyauth_cli.oauth.grant import RepeatedGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedTokens:
    """Gets what a grant presents, anew each time: none of it is stored."""

    subjects: Subjects
    send: Callable[[Request], Response]

    def __call__(self, service: Service, client: Client, grant: RepeatedGrant) -> Secret[str] | None:  # noqa: ARG002
        """Return the token, or None for a grant that takes our client alone; raises what reading it raises."""
        if grant.exchanged is not None:
            return self.subjects.access_token(grant.exchanged)
        if grant.assertion_from:
            return IdentityTokens(send=self.send).read(
                grant.assertion_from, audience=grant.audience or audience(service)
            )
        return None
