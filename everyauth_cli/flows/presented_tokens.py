"""Gets the token that a grant presents besides our client, each time that the grant is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.event_log import redacted
from everyauth_cli.flows.clients import Clients
from everyauth_cli.flows.identity_tokens import IdentityTokens
from everyauth_cli.flows.subjects import Subjects
from everyauth_cli.model import Client, Request, Response, Secret, Service
from everyauth_cli.oauth.client_assertion import audience
from everyauth_cli.oauth.grant import RepeatedGrant
from everyauth_cli.oauth.id_jag import id_jag_request, read_id_jag


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedTokens:
    """Gets what a grant presents, anew each time: none of it is stored."""

    clients: Clients
    subjects: Subjects
    send: Callable[[Request], Response]
    clock: Callable[[], int]

    def __call__(
        self, service: Service, client: Client, grant: RepeatedGrant, given: Secret[str] | None = None
    ) -> Secret[str] | None:
        """Return the token, or None for a grant that takes our client alone; raises what reading it raises.

        An identity token that was `given` is read nowhere else.
        """
        if grant.idp:
            return self._id_jag(service, client, grant, given or self._identity_token(grant))
        if given is not None:
            return given
        if grant.exchanged is not None:
            return self.subjects.access_token(grant.exchanged)
        if grant.assertion_from:
            return IdentityTokens(send=self.send).read(
                grant.assertion_from, audience=grant.audience or audience(service)
            )
        return None

    def _id_jag(
        self, service: Service, client: Client, grant: RepeatedGrant, identity_token: Secret[str]
    ) -> Secret[str]:
        """Return the assertion that the identity provider of a grant issues for an identity token, sent once only.

        Raises what the provider answers: `InvalidGrant`, `ClientRejected` or `ServiceError`.
        """
        idp, idp_client = self.clients.registered(grant.idp, redirects=False)
        now = self.clock()
        request = id_jag_request(idp, idp_client, identity_token, service=service, scope=grant.scope, now=now)
        with redacted(identity_token, idp_client.client_secret):
            return read_id_jag(idp, self.send(request), service=service, client=client)

    def _identity_token(self, grant: RepeatedGrant) -> Secret[str]:
        if grant.exchanged is not None:
            return self.subjects.id_token(grant.exchanged)
        return IdentityTokens(send=self.send).read(
            grant.assertion_from, audience=grant.audience or self.clients.filled(grant.idp).issuer or ""
        )
