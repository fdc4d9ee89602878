"""Class `Credential`: a view of an identity's record, made without building anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from everyauth_cli.model import Account, RecordKey, Secret, Token
from everyauth_cli.store.credential_json import credential_json, native_json, tags_json
from everyauth_cli.store.identities import DPOP
from everyauth_cli.store.records import Record

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AccessToken(NamedTuple):
    """An access token for a request of ours or an app's; one that is bound to a key needs a proof (RFC 9449)."""

    value: Secret[str]
    proof_key: Secret[str] | None = None
    nonces: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of(cls, token: Token) -> AccessToken:
        return cls(token.access_token, token.proof_key, token.nonces)


class Credential:
    """A current access token and what the service said with it.

    `access_token` is a plain `str`, because it is what was asked for; `repr` does not show it.
    """

    __slots__ = ("_bound", "_key", "_record", "_secret")

    def __init__(self, key: RecordKey, record: Record) -> None:
        """Of an identity's key and its record, whose secret becomes the credential's own.

        Raises `LookupError` or `TypeError` for a record that is not an identity's.
        """
        self._secret = record.secret.reveal()
        # It is not for whoever asks for an access token.
        del self._secret["refresh_token"]
        self._secret.pop("unread", None)
        self._bound = Secret(self._secret.pop(DPOP, None))
        self._key = key
        self._record = record

    @property
    def access_token(self) -> str:
        return str(self._secret["access_token"])

    @property
    def native(self) -> Mapping[str, Any]:
        """The fields of the token response, with the original's names; times are milliseconds since the epoch."""
        return native_json(self._secret)

    @property
    def service_id(self) -> str:
        return self._key.service

    @property
    def identity_id(self) -> str:
        return str(self._record.metadata["id"])

    @property
    def tags(self) -> Mapping[str, str]:
        """The keys native to the app, the user and the tenant among them."""
        return tags_json(self._key.tenant, self._key.user, self._record.metadata)

    @property
    def account(self) -> Account | None:
        """The account that granted access, None where it is not known."""
        account = self._record.metadata["account"]
        return Account(**account) if account else None

    @property
    def expires_at(self) -> datetime | None:
        """When the token expires, in UTC; None for one that does not."""
        expires_at = self._secret["expires_at"]
        try:
            return None if expires_at is None else EPOCH + timedelta(milliseconds=expires_at)
        except OverflowError:
            return None  # after the year 9999

    @property
    def presented(self) -> AccessToken:
        """The access token for a request that is made here, with its key where it is bound to one."""
        value, bound = Secret(self.access_token), self._bound
        return (
            AccessToken(value, Secret(bound.reveal()["key"]), bound.reveal()["nonces"]) if bound else AccessToken(value)
        )

    def as_json(self) -> dict[str, Any]:
        """The credential in the JSON shape that the original library returned."""
        _, _, service, tenant, user = self._key
        return credential_json(service, tenant, user, metadata=self._record.metadata, secret=self._secret)

    def __eq__(self, other: object) -> bool:
        return self.as_json() == other.as_json() if isinstance(other, Credential) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # what it shows may be changed

    def __repr__(self) -> str:
        return f"Credential(service_id={self.service_id!r}, identity_id={self.identity_id!r}, tags={self.tags!r})"
