"""The keys of two parts of an entry: the redirect URIs that a service takes, and what takes its access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everyauth_cli.services import form_values, values
from everyauth_cli.urls import REDIRECT_HOSTS


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an entry; its `field` in `Service` is named like it, unless it is given as `part.field`."""

    reader: values.Reader
    help: str
    field: str = ""
    example: str = ""


REDIRECT_KEYS: Mapping[str, Key] = {
    "refresh_redirect_uri": Key(
        values.TRUTH, "Send the redirect URI of the login with each refresh.", field="redirect.in_refresh"
    ),
    "redirect_uri_name": Key(
        values.TEXT,
        "What is sent in place of the redirect URI where the service names a registered one; it may have placeholders.",
        field="redirect.name",
        example='"{ru_name}"',
    ),
    "loopback_host": Key(
        values.choice(*REDIRECT_HOSTS), "The host in our redirect URI.", field="redirect.loopback_host"
    ),
    "https_redirect": Key(
        values.TRUTH,
        "The service takes https redirect URIs only; a login asks to paste the redirect URL.",
        field="redirect.https_only",
    ),
    "any_port": Key(
        values.TRUTH,
        "The service takes any port in a loopback redirect URI (RFC 8252 section 7.3): use a free one.",
        field="redirect.any_port",
    ),
    "needs_no_redirect_uri": Key(
        values.TRUTH,
        "No redirect URI is registered for the kind of app that the guide makes: any on loopback will do.",
        field="redirect.needs_none",
    ),
}

API_KEYS: Mapping[str, Key] = {
    "api_base": Key(
        values.API_BASE,
        "The URL that the paths of the API follow, with placeholders; fields of the token response may be in braces "
        "too.",
        field="api.base",
        example='"{instance_url}/services/data"',
    ),
    "api_headers": Key(
        values.HEADERS,
        "Headers that the API wants in each request, with placeholders and {client_id}; requests to the account "
        "endpoint have them too.",
        field="api.headers",
        example='{Acme-Version = "2026-11-30"}',
    ),
    "api_scheme": Key(
        form_values.SCHEME,
        "The scheme of the Authorization header in which the API takes an access token, at the account endpoint too.",
        field="api.scheme",
        example='"OAuth2"',
    ),
    "token_variables": Key(
        values.VARIABLES,
        "The environment variables in which the service's own tools look for an access token, the first of them first.",
        field="api.token_variables",
        example='["ACME_TOKEN"]',
    ),
    "git_hosts": Key(
        values.HOSTS,
        "The hosts of git repositories that take an access token as the password over https, with placeholders.",
        field="api.git_hosts",
        example='["git.example.com"]',
    ),
    "git_username": Key(
        values.TEXT, "The user name that git sends with the access token.", field="api.git_username", example='"oauth2"'
    ),
}
