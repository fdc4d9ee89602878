"""What `get_identity` returns: a view of an identity's secret half, made without building anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from everyauth_cli.model import Account, RecordKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Credential:
    """A current access token and what the service said with it.

    `access_token` is a plain `str`, because it is what was asked for; `repr` does not show it.
    """

    __slots__ = ("_content", "_key")

    def __init__(self, key: RecordKey, content: dict[str, Any]) -> None:
        """Of an identity's key and the content of its record, which becomes the credential's own.

        Raises `LookupError` or `TypeError` for a content that is none.
        """
        # It is not for whoever asks for an access token.
        del content["token"]["refresh_token"]
        self._key = key
        self._content = content

    @property
    def access_token(self) -> str:
        return str(self._content["token"]["access_token"])

    @property
    def native(self) -> Mapping[str, Any]:
        """What the service answered, in the original's words: times are milliseconds since the epoch."""
        token, expires_at = self._content["token"], self._content["expires_at"]
        native = {**token["native"], "timestamp": token["issued_at"]}
        if expires_at is not None:
            native["expires_at"] = expires_at
        native["access_token"] = self.access_token
        return native

    @property
    def service_id(self) -> str:
        return self._key.service

    @property
    def identity_id(self) -> str:
        return str(self._content["id"])

    @property
    def tags(self) -> Mapping[str, str]:
        """The keys native to the app, the user and the tenant among them."""
        return {"userId": self._key.user, "tenantId": self._key.tenant, **self._content["tags"]}

    @property
    def account(self) -> Account | None:
        """Who granted it, where that is known."""
        account = self._content["account"]
        return Account(**account) if account else None

    @property
    def expires_at(self) -> datetime | None:
        """When the token expires, in UTC; None for one that does not."""
        expires_at = self._content["expires_at"]
        try:
            return None if expires_at is None else EPOCH + timedelta(milliseconds=expires_at)
        except OverflowError:
            return None  # after the year 9999

    def as_json(self) -> dict[str, Any]:
        """The credential in the JSON shape that the original library returned."""
        return {
            "accessToken": self.access_token,
            "native": self.native,
            "everyauth": {
                "serviceId": self.service_id,
                "identityId": self.identity_id,
                "tags": self.tags,
                "account": self._content["account"] or None,
            },
        }

    def __eq__(self, other: object) -> bool:
        return self.as_json() == other.as_json() if isinstance(other, Credential) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # what it shows may be changed

    def __repr__(self) -> str:
        return f"Credential(service_id={self.service_id!r}, identity_id={self.identity_id!r}, tags={self.tags!r})"
