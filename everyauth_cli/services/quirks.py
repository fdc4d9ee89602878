"""Small pure functions for services that do what no key can say, each with a link to the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from everyauth_cli.model import ACCEPT_JSON, Client, Request, Secret, Service
from everyauth_cli.services.rules import BodyFormat, Quirk, RevocationEnds


def _delete_token(service: Service, client: Client, token: Secret[str]) -> Request:
    """Delete a token, or the grant that it is of, with the client's id and secret as HTTP Basic credentials.

    https://docs.github.com/en/rest/apps/oauth-applications
    """
    what = "grant" if service.revocation.ends == RevocationEnds.GRANT else "token"
    return Request(
        url=f"{service.revocation.endpoint}/{quote(client.client_id, safe='')}/{what}",
        method="DELETE",
        fields={"access_token": token},
        basic=(client.client_id, client.client_secret or Secret("")),
        body=BodyFormat.JSON,
        headers={"Accept": "application/vnd.github+json"},
    )


def _user_token(fields: dict[str, Any]) -> dict[str, Any]:
    """Take the user's token where the response has none for the app.

    https://docs.slack.dev/authentication/installing-with-oauth
    """
    user = fields.get("authed_user")
    if "access_token" in fields or not isinstance(user, Mapping):
        return fields
    taken = ("access_token", "refresh_token", "expires_in", "scope", "token_type")
    return {**fields, **{name: user[name] for name in taken if name in user}}


def _introspect(service: Service, client: Client, token: Secret[str]) -> Request:
    """Introspect the token (RFC 7662); the response names the account.

    https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide
    """
    fields: dict[str, str | Secret[str]] = {"token": token, "token_type_hint": "access_token"}
    fields |= {"client_id": client.client_id, "client_secret": client.client_secret or Secret("")}
    return Request(url=str(service.account.endpoint), fields=fields, headers=ACCEPT_JSON)


def _with_key(service: Service, client: Client, token: Secret[str]) -> Request:
    """Send the app's key and the token in the query, the only place where the API takes them.

    https://api.stackexchange.com/docs/authentication
    """
    query = urlencode({"key": client.params.get("client_key", ""), "access_token": token.reveal()})
    return Request(url=str(service.account.endpoint), rest=Secret(f"&{query}"), method="GET", headers=ACCEPT_JSON)


def _invalidate(service: Service, _: Client, token: Secret[str]) -> Request:
    """Invalidate a token, which is part of the path.

    https://api.stackexchange.com/docs/invalidate-access-tokens
    """
    rest = Secret(f"/{quote(token.reveal(), safe='')}/invalidate")
    return Request(url=str(service.revocation.endpoint), rest=rest, method="GET", headers=ACCEPT_JSON)


QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {
        "github": Quirk(revoke=_delete_token),
        "slack": Quirk(token_response=_user_token),
        "hubspot": Quirk(account=_introspect),
        "stackexchange": Quirk(account=_with_key, revoke=_invalidate),
    }
)
"""The quirks, by the name in an entry."""
