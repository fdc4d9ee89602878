"""The account that granted a token, from an id token's claims, a token response or the account endpoint."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import ACCEPT_JSON, Account, Client, Request, Response, Secret, Service
from everyauth_cli.oauth.dpop import CLOCK_HINT, proof_refusal
from everyauth_cli.oauth.error_response import UNAUTHORIZED, rejects_token
from everyauth_cli.oauth.request_form import shaped
from everyauth_cli.oauth.response_body import failure_in, read_json, value_at
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import TEMPLATE_FIELD, BodyFormat, RequestKind

LABEL_LENGTH = 120
SUBJECT_LENGTH = 1000
OK = 200


def account_request(service: Service, client: Client, access_token: Secret[str]) -> Request:
    """Return the request for the account of an access token (RFC 6750 section 2.1)."""
    rules = service.account
    assert rules.endpoint is not None
    if service.quirk.account is not None:
        request: Request = service.quirk.account(service, client, access_token)
        return request
    request = Request(
        url=rules.endpoint,
        method="GET",
        bearer=access_token,
        scheme=service.api.scheme,
        headers={**ACCEPT_JSON, **api_headers(service, client)},
    )
    if rules.query is not None:
        fields = {"query": rules.query}
        return replace(request, method="POST", fields=fields, body=BodyFormat.JSON)
    return shaped(request, service, RequestKind.ACCOUNT)


def api_headers(service: Service, client: Client) -> dict[str, str]:
    """Return the headers that the API of a service, whose other placeholders are filled in, wants in each request."""
    return {name: text.replace("{client_id}", client.client_id) for name, text in service.api.headers.items()}


def read_account(service: Service, response: Response) -> Account:
    """Return the account that a response names.

    Raises `ServiceUnreadable` when it names none, `ServiceUnreachable` for a temporary failure (429, 5xx).
    """
    endpoint, status = f"the account endpoint of {service.name}", response.status
    if response.is_temporary:
        message = f"{endpoint} answered HTTP {status}"
        raise ServiceUnreachable(message, status=status, retry_after=response.retry_after)
    if code := proof_refusal(response):
        raise ServiceUnreachable(f"{endpoint} refused the proof of the key ({code})", hint=CLOCK_HINT)
    fields = read_json(response.body.reveal(), response.content_type)
    failure = failure_in(service.response.success, fields)
    if status != OK or failure is not None:
        answered = f"HTTP {status}" if failure is None else f"the error {failure}"
        # Some services reject a token with another status than RFC 6750 section 3.1 does.
        rejected = isinstance(fields, Mapping) and rejects_token(service, fields)
        raise ServiceUnreadable(f"{endpoint} answered {answered}", status=UNAUTHORIZED if rejected else status)
    if fields is None:
        raise ServiceUnreadable(f"{endpoint} answered with something other than JSON", status=status)
    account = account_in(service, fields)
    if account is None:
        message = f"{endpoint} answered without an account where the catalogue expects it"
        raise ServiceUnreadable(message, status=status)
    return account


def account_in(service: Service, fields: Any) -> Account | None:  # noqa: ANN401 - JSON
    """Return the account that the entry's templates find in claims or in a response."""
    subject = _first_filled(service.account.subject, fields, SUBJECT_LENGTH)
    if subject is None:
        return None
    label = _first_filled(service.account.label, fields, LABEL_LENGTH)
    return Account(subject=subject, label=label or printable(subject, LABEL_LENGTH))


def has_name(account: Account) -> bool:
    """Return whether the label is more than the subject, which few people know."""
    return account.label != printable(account.subject, LABEL_LENGTH)


def filled(template: str, fields: Any) -> str | None:  # noqa: ANN401 - JSON
    """Return a template with the values of its fields; None when one of them has no value."""
    values = {path: _at(fields, path) for path in TEMPLATE_FIELD.findall(template)}
    return TEMPLATE_FIELD.sub(functools.partial(_value, values), template) if all(values.values()) else None


def _first_filled(templates: Sequence[str], fields: Any, limit: int) -> str | None:  # noqa: ANN401 - JSON
    """Return the first template whose fields all have a value, filled in."""
    found = next((text for template in templates if (text := filled(template, fields)) is not None), None)
    return None if found is None else printable(found, limit)


def _value(values: Mapping[str, str], match: re.Match[str]) -> str:
    return values[match[1]]


def _at(fields: Any, path: str) -> str:  # noqa: ANN401 - JSON
    """Return the text or number at a path; empty when there is none."""
    value = value_at(fields, path)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if printable(text) else ""
