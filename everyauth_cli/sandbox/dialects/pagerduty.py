"""PagerDuty's answers, as its documentation shows them.

OAuth: https://github.com/PagerDuty/developer-docs/blob/main/docs/app-integration-development/06-OAuth-Functionality.md
Id token: https://github.com/PagerDuty/developer-docs/blob/main/docs/app-integration-development/07-PagerDuty-OpenId-Token.md
User and errors: https://github.com/PagerDuty/api-schema/blob/main/reference/REST/openapiv3.json (GET /users/me)
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from typing import Any

from everyauth_cli.sandbox.dialect import Dialect, Issue, token_hash

ISSUER = "https://identity.pagerduty.com/global/oauth/anonymous"
API = "https://api.pagerduty.com"
ACCOUNT_ID = "PSANDBX"
SUBDOMAIN = "sandbox"
ID_TOKEN_LIFE = 3600

# Classic User OAuth has `read` and `write`; Scoped OAuth one pair for each resource.
_KNOWN_SCOPE = re.compile(r"read|write|[a-z_]+(:[a-z_]+)*\.(read|write)")


def _scopes(requested: str) -> tuple[str, ...]:
    """Unknown scopes are no error: they are left out, and `openid` is always there."""
    known = (scope for scope in requested.split() if _KNOWN_SCOPE.fullmatch(scope))
    return tuple(dict.fromkeys(["openid", *known]))


def _access_token() -> str:
    return f"pdus+_0XSANDBX_{uuid.uuid4()}"


def _refresh_token() -> str:
    return f"pdus+_1XSANDBX_{uuid.uuid4()}"


def _token_answer(issue: Issue) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "token_type": "bearer",
        "access_token": issue.access_token,
        "refresh_token": issue.refresh_token,
        "scope": " ".join(issue.scopes),
        "expires_in": issue.expires_in,
    }
    # The documented answer to a refresh has neither of the two fields that the first answer has.
    if issue.refreshed:
        return answer
    return {"client_info": "prefix_legacy_app", "id_token": issue.sign(_claims(issue)), **answer}


def _claims(issue: Issue) -> dict[str, Any]:
    echoed = {} if issue.nonce is None else {"nonce": issue.nonce}
    return {
        "exp": issue.issued_at + ID_TOKEN_LIFE,
        "nbf": issue.issued_at,
        "jti": str(uuid.uuid5(uuid.NAMESPACE_URL, issue.access_token)),
        "iss": ISSUER,
        "aud": [API, issue.client_id],
        "sub": issue.user,
        "auth_time": issue.authenticated_at,
        "iat": issue.issued_at,
        "purpose": "id",
        "at_hash": token_hash(issue.access_token),
        "acr": "acr:html-form:unitedstates",
        "delegation_id": issue.grant_id,
        "account_id": ACCOUNT_ID,
        "user_id": _user_id(issue.user),
        "azp": issue.client_id,
        "amr": "acr:html-form:unitedstates",
        "subdomain": SUBDOMAIN,
        "region": "UnitedStates",
        **echoed,
    }


def _user_id(user: str) -> str:
    digest = hashlib.sha256(user.encode()).digest()
    return "P" + base64.b32encode(digest).decode()[:6]


def _user(user: str) -> dict[str, Any]:
    user_id = _user_id(user)
    name = user.partition("@")[0]
    return {
        "user": {
            "id": user_id,
            "type": "user",
            "summary": name,
            "self": f"{API}/users/{user_id}",
            "html_url": f"https://{SUBDOMAIN}.pagerduty.com/users/{user_id}",
            "name": name,
            "email": user,
            "time_zone": "Etc/UTC",
            "role": "user",
        },
    }


PAGERDUTY = Dialect(
    name="pagerduty",
    title="PagerDuty",
    denial="The resource owner or authorization server denied the request.",
    user_path="/users/me",
    unauthorized={"error": {"message": "Invalid or expired access token", "code": 2006}},
    revocation=False,
    scopes=_scopes,
    access_token=_access_token,
    refresh_token=_refresh_token,
    token_answer=_token_answer,
    user=_user,
)
