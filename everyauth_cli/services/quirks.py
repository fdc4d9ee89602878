"""Small pure functions for services that do what no key can say, each with a link to the documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from everyauth_cli.model import ACCEPT_JSON, Client, Request, Secret, Service
from everyauth_cli.services.rules import BodyFormat, Quirk, RevocationEnds

DID = re.compile(r"did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,2000}")
"""An account's permanent identifier (https://atproto.com/specs/did)."""


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


def _no_account(fields: Mapping[str, Any]) -> str:
    """Return what a token response lacks without which a client must reject it.

    https://atproto.com/specs/oauth#identity-authentication
    """
    subject, scope = fields.get("sub"), fields.get("scope")
    if not isinstance(subject, str) or not DID.fullmatch(subject):
        return "names no account (a DID in sub)"
    return "" if isinstance(scope, str) and "atproto" in scope.split() else "does not have the scope atproto"


QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {
        "github": Quirk(revoke=_delete_token),
        "slack": Quirk(token_response=_user_token),
        "hubspot": Quirk(account=_introspect),
        "atproto": Quirk(distrust=_no_account),
        "stackexchange": Quirk(account=_with_key, revoke=_invalidate),
    }
)
"""The quirks, by the name in an entry."""
