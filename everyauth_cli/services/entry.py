"""Makes a `Service` of one catalogue entry, and explains every mistake in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import ACCESS_TOKEN, ASYMMETRIC, REFRESH_TOKEN, SYMMETRIC, Service
from everyauth_cli.services import values
from everyauth_cli.services.placeholders import check_placeholders
from everyauth_cli.urls import REDIRECT_HOSTS

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

Where = Callable[[str], str]
"""Returns the file and line of a key; a key inside a table is given as `table.key`."""


def make_service(name: str, entry: Mapping[str, Any], *, where: Where, own: bool) -> Service:
    """Return the service that an entry describes.

    `where` returns the place of a key for errors; `own` says that the entry is the user's alone.
    Raises `ConfigurationProblem`, which names the key and the way out.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationProblem(f"{name!r} cannot be a service's name: use a-z, 0-9 and -")
    fields = {key: _read(key, value, where) for key, value in entry.items()}
    for needed in ("authorization_endpoint", "token_endpoint"):
        if needed not in fields:
            raise ConfigurationProblem(f"{where(needed)}: {needed} is missing")
    service = Service(name=name, own=own, **{"title": name, **fields})
    check_placeholders(service, where)
    key = "authorization_response_iss_parameter_supported"
    if service.authorization_response_iss_parameter_supported and service.issuer is None:
        raise ConfigurationProblem(f"{where(key)}: {key} needs an issuer to compare with")
    return service


def _read(key: str, value: object, where: Where) -> Any:  # noqa: ANN401 - each reader has its own type
    reader = READERS.get(key)
    if reader is None:
        near = difflib.get_close_matches(key, READERS, 1)
        hint = f"did you mean {near[0]}?" if near else "the keys are " + ", ".join(READERS)
        raise ConfigurationProblem(f"{where(key)}: unknown key {key}", hint=hint)
    try:
        return reader(value)
    except values.WrongInside as error:
        path = f"{key}.{error.name}"
        raise ConfigurationProblem(f"{where(path)}: {path} = {error.value!r}: {error}") from None
    except ValueError as error:
        raise ConfigurationProblem(f"{where(key)}: {key} = {value!r}: {error}") from None


READERS: dict[str, values.Reader] = {
    "title": values.text,
    "docs": values.link,
    "authorization_endpoint": values.endpoint,
    "token_endpoint": values.endpoint,
    "refresh_endpoint": values.endpoint,
    "revocation_endpoint": values.endpoint,
    "revocation_ends": values.one_of("token", "grant"),
    "revocation_endpoint_auth_method": values.one_of("client", "bearer", "none"),
    "revocation_body": values.one_of("form", "json"),
    "revocable_tokens": values.some_of(REFRESH_TOKEN, ACCESS_TOKEN),
    "revocation_style": values.one_of("token_and_hint", "token", "type"),
    "aliases": values.texts,
    "issuer": values.endpoint,
    "authorization_response_iss_parameter_supported": values.truth,
    "jwks_uri": values.endpoint,
    "id_token_issuers": values.texts,
    "id_token_audiences": values.texts,
    "id_token_signing_alg_values_supported": values.some_of(*ASYMMETRIC, *SYMMETRIC),
    "scopes": values.texts,
    "scope_separator": values.one_of(" ", ",", "+", ";"),
    "scope_field": values.text,
    "scope_covers": values.lists,
    "authorization_params": values.table_without(values.AUTHORIZE_RESERVED),
    "token_params": values.table_without(values.TOKEN_RESERVED),
    "token_endpoint_auth_method": values.one_of(
        "client_secret_post", "client_secret_basic", "client_secret_basic_or_empty", "none"
    ),
    "body": values.one_of("form", "json"),
    "pkce": values.truth,
    "refresh_redirect_uri": values.truth,
    "loopback_host": values.one_of(*REDIRECT_HOSTS),
    "https_redirect": values.truth,
    "any_port": values.truth,
    "code_lifetime": values.seconds,
    "expires_field": values.text,
    "default_lifetime": values.seconds,
    "error_words": values.error_words,
    "keep_callback": values.texts,
    "native": values.texts,
    "native_from_client": values.table,
    "account_in_response": values.truth,
    "account_query": values.text,
    "account_endpoint": values.endpoint,
    "account_subject": values.templates,
    "account_label": values.templates,
    "params": values.parameters,
    "quirk": values.quirk,
    "setup": values.texts,
    "expect": values.texts,
    "sources": values.sources,
    "checked": values.day,
}
"""Every key of an entry and the reader of its value; the names are the fields of `Service`."""
