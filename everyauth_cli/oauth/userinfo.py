"""Who granted it, in the service's own words: by the claims of an id token, or by asking "who am I"."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import ACCEPT_JSON, Account, Client, Request, Response, Secret, Service
from everyauth_cli.oauth.response_body import read_object, value_at
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import TEMPLATE_FIELD, BodyFormat

LABEL_LENGTH = 120
SUBJECT_LENGTH = 1000


def account_request(service: Service, client: Client, access_token: Secret[str]) -> Request:
    """The request that asks a service whose access token it is, as RFC 6750 section 2.1 has it."""
    rules = service.account
    assert rules.endpoint is not None
    if service.quirk.account is not None:
        return service.quirk.account(service, client, access_token)
    if rules.query is not None:
        fields = {"query": rules.query}
        return Request(url=rules.endpoint, fields=fields, body=BodyFormat.JSON, bearer=access_token)
    return Request(url=rules.endpoint, method="GET", bearer=access_token, headers=ACCEPT_JSON)


def read_account(service: Service, answer: Response) -> Account:
    """The account that the answer names.

    Raises `ServiceUnreadable` when it names none, `ServiceUnreachable` for a "not now" (429, 5xx).
    """
    endpoint = f"the account endpoint of {service.name}"
    if answer.is_temporary:
        raise ServiceUnreachable(
            f"{endpoint} answered HTTP {answer.status}", status=answer.status, retry_after=answer.retry_after
        )
    if answer.status != 200:  # noqa: PLR2004 - RFC 9110 section 15.3.1
        raise ServiceUnreadable(f"{endpoint} answered HTTP {answer.status}", status=answer.status)
    fields = read_object(answer.body.reveal(), answer.content_type)
    if fields is None:
        raise ServiceUnreadable(f"{endpoint} answered with something other than JSON", status=answer.status)
    account = account_in(service, fields)
    if account is None:
        raise ServiceUnreadable(
            f"{endpoint} answered without an account where the catalogue expects it", status=answer.status
        )
    return account


def account_in(service: Service, fields: Any) -> Account | None:  # noqa: ANN401 - JSON
    """The account that the catalogue's templates find in claims or in an answer."""
    subject = _filled(service.account.subject, fields, SUBJECT_LENGTH)
    if subject is None:
        return None
    return Account(
        subject=subject, label=_filled(service.account.label, fields, LABEL_LENGTH) or printable(subject, LABEL_LENGTH)
    )


def filled(template: str, fields: Any) -> str | None:  # noqa: ANN401 - JSON
    """A template with what stands at its places; None when one of them holds nothing."""
    words = {path: _at(fields, path) for path in TEMPLATE_FIELD.findall(template)}
    return TEMPLATE_FIELD.sub(functools.partial(_word, words), template) if all(words.values()) else None


def _filled(templates: Sequence[str], fields: Any, limit: int) -> str | None:  # noqa: ANN401 - JSON
    """The first template whose places all hold something, with that in it."""
    found = next((text for template in templates if (text := filled(template, fields)) is not None), None)
    return None if found is None else printable(found, limit)


def _word(words: Mapping[str, str], match: re.Match[str]) -> str:
    return words[match[1]]


def _at(fields: Any, path: str) -> str:  # noqa: ANN401 - JSON
    """The text or number at a place; empty where there is none."""
    value = value_at(fields, path)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if printable(text) else ""
