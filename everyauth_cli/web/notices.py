"""The notices of the connections page: the result of a login or of a disconnection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everyauth_cli.errors import OtherAccount
from everyauth_cli.flows.revoke import Revocation
from everyauth_cli.pages.connections import Connection, Notice
from everyauth_cli.pages.times import format_time
from everyauth_cli.services.rules import ACCESS_TOKEN
from everyauth_cli.web.form_tokens import FormTokens, Purpose

Texts = Mapping[str, str]

FAILURES = {OtherAccount.code: "not_done_other_account"}
"""The text for an error of the login; of the query itself nothing is ever shown, since any link may hold it."""


def notice_of(
    query: Mapping[str, str], connections: Sequence[Connection], tokens: FormTokens, texts: Texts
) -> Notice | None:
    """Return the notice about a disconnection, or about a login whose `finished_url` is this page."""
    flash = tokens.read(Purpose.FLASH, query.get(Purpose.FLASH, ""))
    if flash is not None:
        kind, text = flash
        return Notice(good=kind == "good", text=text)
    shown = (connection for connection in connections if connection.service == query.get("serviceId"))
    connection = next(shown, None)
    if "error" in query:
        text = texts[FAILURES.get(query["error"], "not_done")]
        title = connection.title if connection else texts["not_done_service"]
        return Notice(good=False, text=text.format(service=title))
    if connection is None or not connection.works:
        return None
    return Notice(good=True, text=texts["done_connected"].format(service=connection.title))


def disconnected(title: str, revocation: Revocation, texts: Texts) -> Notice:
    """Return the notice about a disconnection, with the tokens that the service did not revoke."""
    if not revocation.not_revoked:
        text = texts["done_revoked" if revocation.revoked else "done_nothing_left"]
        return Notice(good=True, text=text.format(service=title))
    parts = [texts["done_partly" if revocation.offered else "done_not_revoked"].format(service=title)]
    expires_at = revocation.identity.expires_at if revocation.identity else None
    if expires_at and revocation.not_revoked == [ACCESS_TOKEN]:
        parts.append(texts["done_ends_at"].format(time=format_time(expires_at)))
    return Notice(good=False, text=" ".join(parts))
