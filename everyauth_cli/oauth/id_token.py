"""Who granted it, as the id token says (OpenID Connect Core section 2)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.model import Account, Secret, Service, clean


def read_account(service: Service, id_token: Secret[str]) -> Account:
    """The account that an id token names.

    The token must have come straight from the token endpoint: then TLS vouches for it and the signature need
    not be checked (OpenID Connect Core section 3.1.3.7, rule 6). Nothing but the account is taken from it.

    Raises `ServiceUnreadable` when it is no id token.
    """
    try:
        payload = id_token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = claims["sub"]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ServiceUnreadable(f"{service.name} sent an id token that cannot be read") from None
    return Account(subject=str(subject), label=_label(service, claims))


def _label(service: Service, claims: Mapping[str, Any]) -> str:
    words = {name: clean(value, 80) for name, value in claims.items() if isinstance(value, str) and value}
    for template in service.account_label:
        try:
            return template.format_map(words)
        except KeyError:
            continue
    return clean(str(claims["sub"]), 80)
