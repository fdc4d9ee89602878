"""The account endpoint of a service: a request with a token shows whose it is, and whether it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.event_log import Action, Record, ignore, recorded
from everyauth_cli.flows.proofs import Sender
from everyauth_cli.model import Account, Client, RecordKey, Request, Response, Service
from everyauth_cli.oauth.userinfo import account_request, read_account
from everyauth_cli.store.credential import AccessToken


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEndpoint:
    """Asks a service for the account of an access token; `clock` gives milliseconds since the epoch."""

    send: Callable[[Request], Response]
    clock: Callable[[], int]
    record: Record = ignore

    def ask(self, service: Service, client: Client, token: AccessToken, *, key: RecordKey) -> Account:
        """Return the account; `key` is the identity's, for the log. Raises `ServiceError`."""
        sender = Sender(self.send, self.clock, token.proof_key, token.nonces)
        secrets = (token.value, token.proof_key, client.client_secret)
        with recorded(self.record, self.clock, Action.ACCOUNT, key, *secrets, success=False):
            request = account_request(service, client, token.value)
            return read_account(service, sender.send(request, access_token=token.value))
