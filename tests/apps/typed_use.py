"""An app's calls, for the type checker only: these are the types that an editor shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_type

import httpx
import httpx2
import requests

from everyauth_cli import Credential, EveryAuth, Grant, HealthState, Identity, Outcome, Pacing, Page, Revocation
from everyauth_cli.bearer.google_auth import GoogleCredentials


class Api:
    token = EveryAuth.from_env().token_source("pagerduty", "user-123")


def use(auth: EveryAuth) -> None:
    assert_type(EveryAuth.from_env(), EveryAuth)
    credential = auth.get_identity("pagerduty", "user-123")
    assert_type(credential, Credential | None)
    assert credential is not None
    assert_type(credential.access_token, str)
    assert_type(credential.native, Mapping[str, Any])
    assert_type(credential.expires_at, datetime | None)
    assert_type(credential.as_json(), dict[str, Any])
    assert_type(auth.get_identity("pagerduty", {"plan": "gold"}, tenant="acme", rejected="token"), Credential | None)
    page = auth.get_identities("pagerduty", {"plan": "gold"}, count=10, next=None)
    assert_type(page, Page)
    assert_type(page.items, list[Identity])
    assert_type(page.next, str | None)
    assert_type(auth.delete_identity("pagerduty", "user-123"), Revocation)
    assert_type(auth.delete_identities("pagerduty", {"tenantId": "acme"}), list[Revocation])
    httpx.get("https://api.example", auth=auth.httpx_auth("pagerduty", "user-123"))
    httpx2.get("https://api.example", auth=auth.httpx_auth("pagerduty", "user-123"))
    assert_type(auth.token_source("pagerduty", "user-123", min_ttl=60_000)(), str)
    assert_type(Api().token, str)
    assert_type(auth.google_auth("google", "user-123"), GoogleCredentials)
    requests.get("https://api.example", auth=auth.requests_auth("pagerduty", "user-123"), timeout=10)


def log_in(auth: EveryAuth, query: Sequence[tuple[str, str]]) -> None:
    pending = auth.begin(
        "pagerduty", redirect_uri="https://app.example/callback", user="user-123", tags={"plan": "gold"}
    )
    assert_type(auth.authorization_url(pending), str)
    grant = auth.redeem(pending, query)
    assert_type(grant, Grant)
    assert_type(grant.request.user, str)
    assert_type(auth.keep(grant), Identity)


def check(auth: EveryAuth, identity: Identity) -> None:
    assert_type(auth.check(identity), Outcome)
    assert_type(auth.check(identity).state, HealthState)
    assert_type(auth.check_all([identity], pacing=Pacing(on_outcome=print)), list[Outcome])
    assert_type(auth.refresh_all(expiring_within=3_600_000, pacing=Pacing(seconds=60, jobs=4)), list[Outcome])


async def use_async(auth: EveryAuth) -> None:
    assert_type(await auth.aget_identity("pagerduty", "user-123"), Credential | None)
    assert_type(await auth.aget_identities("pagerduty", count=10), Page)
    assert_type(await auth.adelete_identity("pagerduty", "user-123", local=True), Revocation)
    assert_type(await auth.adelete_identities("pagerduty", {"tenantId": "acme"}), list[Revocation])
    assert_type(await auth.afind(service="pagerduty"), list[Identity])
    assert_type(await auth.arefresh_all(expiring_within=3_600_000), list[Outcome])


async def misuse(auth: EveryAuth) -> None:
    """Each line is wrong, and has to be found to be: an ignore that is not needed is an error too."""
    auth.get_identity("pagerduty", 5)  # type: ignore[arg-type]
    auth.get_identity("pagerduty", "me", tennant="acme")  # type: ignore[call-arg]
    auth.delete_identities("pagerduty")  # type: ignore[call-arg]
    auth.delete_identities("pagerduty", "user-123")  # type: ignore[arg-type]
    await auth.aget_identity("pagerduty", 5)  # type: ignore[arg-type]
    await auth.aget_identity("pagerduty", "me", tennant="acme")  # type: ignore[call-arg]
    await auth.adelete_identities("pagerduty")  # type: ignore[call-arg]
    await auth.arefresh_all(within=5)  # type: ignore[call-arg]
