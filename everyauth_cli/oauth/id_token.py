"""Who granted it, as the id token says (OpenID Connect Core section 2)."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Mapping, Sequence

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
        words = {name: clean(str(value), 120) for name, value in claims.items() if isinstance(value, str | int)}
        subject = words["sub"]
        if not subject:
            raise ValueError(subject)  # noqa: TRY301 - as unreadable as the rest
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ServiceUnreadable(f"{service.name} sent an id token that cannot be read") from None
    return Account(
        subject=_filled((service.account_subject,), words) or subject,
        label=_filled(service.account_label, words) or subject,
    )


def _filled(templates: Sequence[str], words: Mapping[str, str]) -> str | None:
    """The first template whose claims are all there, with them in it."""
    for template in templates:
        with contextlib.suppress(KeyError):
            return template.format_map(words)
    return None
