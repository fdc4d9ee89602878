"""The keys of a catalogue entry: for each its reader, one line of help, and its field in `Service`."""

from __future__ import annotations

from collections.abc import Mapping

from everyauth_cli.services import form_values, values
from everyauth_cli.services.part_keys import API_KEYS, Key
from everyauth_cli.services.request_keys import REQUEST_KEYS
from everyauth_cli.services.rules import (
    ACCESS_TOKEN,
    ASYMMETRIC,
    BEARER,
    REFRESH_TOKEN,
    SYMMETRIC,
    BodyFormat,
    ClientAuthMethod,
    IdTokenUse,
    RevocationEnds,
    RevocationStyle,
)

PRESET_KEYS = (
    *("title", "docs", "color", "aliases", "scopes", "scope_covers", "authorization_params"),
    *("account_query", "account_endpoint", "account_subject", "account_label", "api_base"),
    *("setup", "expect", "sources", "checked"),
)
"""The keys that a preset may have: none of them says where secrets go, but for the account that a token is of."""


KEYS: Mapping[str, Key] = {
    "title": Key(values.TEXT, "The service's name as the service writes it. By default the name of the file."),
    "docs": Key(values.LINK, "The service's documentation of OAuth."),
    "service_documentation": Key(values.LINK, "The name of docs in RFC 8414.", field="docs"),
    "color": Key(
        values.COLOR,
        "The color of the service's icon on the connections page of a web app. By default one made from its title.",
        example='"#2451c7"',
    ),
    "authorization_endpoint": Key(
        values.ENDPOINT,
        "The authorization endpoint (RFC 6749 section 3.1); required, unless grant_types_supported says that "
        "the service has no login in the browser.",
        example='"https://auth.example.com/authorize"',
    ),
    "token_endpoint": Key(
        values.ENDPOINT,
        "The token endpoint (RFC 6749 section 3.2); required.",
        example='"https://{region}.example.com/token"',
    ),
    "refresh_endpoint": Key(values.ENDPOINT, "The endpoint for refreshes where it is not the token endpoint."),
    "device_authorization_endpoint": Key(
        values.ENDPOINT,
        "The device authorization endpoint (RFC 8628 section 3.1).",
        example='"https://auth.example.com/device/code"',
    ),
    "pushed_authorization_request_endpoint": Key(
        values.ENDPOINT,
        "The pushed authorization request endpoint (RFC 9126): a login sends its request there first, and the URL for "
        "the browser only refers to it.",
        example='"https://auth.example.com/par"',
    ),
    "require_pushed_authorization_requests": Key(
        values.TRUTH, "The service takes no other authorization request (RFC 9126 section 5)."
    ),
    "mcp_hosts": Key(
        values.SOURCED_HOSTS,
        "The hosts of the service's own MCP servers: at their URLs a login may use the client that is set for it.",
        example='{"mcp.example.com" = "https://docs.example.com/mcp"}',
    ),
    "moved_from": Key(
        values.ORIGINS,
        "Origins that the endpoints had before, whose clients and grants hold at the present ones; in entries that are "
        "shipped only.",
        example='["https://old.example.com"]',
    ),
    "revocation_endpoint": Key(values.ENDPOINT, "The revocation endpoint (RFC 7009).", field="revocation.endpoint"),
    "revocation_ends": Key(
        values.choice(*RevocationEnds),
        "The extent of a revocation: the token alone, the whole grant with its other tokens, or the whole grant if it "
        "has a refresh token.",
        field="revocation.ends",
    ),
    "revocation_endpoint_auth_method": Key(
        values.choice(*ClientAuthMethod, BEARER),
        'Client authentication at the revocation endpoint; "bearer" sends the token itself as authentication, "none" '
        "sends not even the client id. By default as at the token endpoint.",
        field="revocation.auth_method",
    ),
    "revocation_body": Key(values.choice(*BodyFormat), "The body of a revocation request.", field="revocation.body"),
    "revocable_tokens": Key(
        values.choices(REFRESH_TOKEN, ACCESS_TOKEN),
        "The types of token that the service revokes.",
        field="revocation.tokens",
        example='["refresh_token"]',
    ),
    "revocation_style": Key(
        values.choice(*RevocationStyle),
        "The fields of a revocation request: token and token_type_hint (RFC 7009 section 2.1), token alone, or one "
        "field named after the token's type.",
        field="revocation.style",
    ),
    "revocation_params": Key(
        form_values.FORM,
        "The fields of a revocation request in place of those of revocation_style: {token}, {token_type}, {client_id}, "
        "{client_secret} and {account_subject} (whose grant it is) are filled in. The client is authenticated besides "
        "only if revocation_endpoint_auth_method says how.",
        field="revocation.params",
        example='{client_id = "{client_id}", access_token = "{token}"}',
    ),
    "revocation_authorization": Key(
        form_values.AUTHORIZATION_HEADER,
        "The Authorization header of a revocation request, where it is neither the token as a bearer nor HTTP Basic.",
        field="revocation.authorization",
        example='"Bearer {client_secret}"',
    ),
    "aliases": Key(values.TEXTS, "Other names for the service on the command line.", example='["sfdc"]'),
    "issuer": Key(
        values.ENDPOINT,
        "The issuer that id tokens and authorization responses (RFC 9207) must name.",
        example='"https://auth.example.com"',
    ),
    "authorization_response_iss_parameter_supported": Key(
        values.TRUTH, "Refuse an authorization response without iss (RFC 9207); needs issuer."
    ),
    "jwks_uri": Key(
        values.ENDPOINT, "The issuer's public keys (JWKS); without it they are found by OpenID Connect Discovery."
    ),
    "id_token": Key(
        values.choice(*IdTokenUse),
        "Whether a login verifies the id token that comes with it, or ignores it. One that was not requested (by the "
        "scope openid) is ignored with a warning when it is not valid.",
        field="id_token.use",
    ),
    "id_token_issuers": Key(
        values.TEXTS,
        "Other issuers that an id token may name; a field of its claims may be in braces.",
        field="id_token.issuers",
        example='["https://login.example.com/{tid}/v2.0"]',
    ),
    "id_token_audiences": Key(
        values.TEXTS, "Audiences that an id token may name beside the client id.", field="id_token.audiences"
    ),
    "id_token_signing_alg_values_supported": Key(
        values.choices(*ASYMMETRIC, *SYMMETRIC),
        "The algorithms that an id token may be signed with (RFC 7518).",
        field="id_token.signing_algs",
        example='["ES256", "HS256"]',
    ),
    "scopes": Key(values.TEXTS, "The scopes to request when the client sets none.", example='["read", "write"]'),
    "scope_required": Key(
        values.TRUTH, "The service refuses a login that requests no scope, and none of its scopes suits everyone."
    ),
    "scope_separator": Key(values.choice(" ", ",", "+", ";"), "The character between two scopes."),
    "scope_field": Key(values.TEXT, "The field of a token response that has the granted scope."),
    "scope_covers": Key(
        values.LISTS,
        "Scopes that include others, which then are not reported as missing.",
        example='{admin = ["read", "write"]}',
    ),
    **REQUEST_KEYS,
    "keep_callback": Key(
        values.TEXTS,
        "Parameters of the authorization response to keep as params in the credential's native.",
        example='["realmId"]',
    ),
    "native": Key(
        values.TEXTS,
        "Fields of a token response to keep in the credential's native. By default all of them.",
        example='["scope", "team"]',
    ),
    "native_from_client": Key(
        values.TABLE,
        "Fields to add to the credential's native, with placeholders and {client_id}.",
        example='{app = "{client_id}"}',
    ),
    "account_in_response": Key(
        values.TRUTH, "The token response names the account that granted access.", field="account.in_response"
    ),
    "account_query": Key(
        values.TEXT,
        "A GraphQL query to send to the account endpoint.",
        field="account.query",
        example='"{ viewer { id name } }"',
    ),
    "account_endpoint": Key(
        values.ENDPOINT,
        "An endpoint that returns the account of an access token (RFC 6750) as JSON.",
        field="account.endpoint",
    ),
    "userinfo_endpoint": Key(
        values.ENDPOINT,
        "The same, where it is OpenID Connect's userinfo endpoint (OpenID Connect Discovery section 3).",
        field="account.endpoint",
    ),
    "account_subject": Key(
        values.TEMPLATES,
        "The account's stable identifier, made of fields of the claims or the response; the first template whose "
        "fields all have a value is used.",
        field="account.subject",
        example='["{team.id}/{user.id}"]',
    ),
    "account_label": Key(
        values.TEMPLATES, "The account's name for people, made in the same way.", field="account.label"
    ),
    **API_KEYS,
    "client_id_pattern": Key(
        values.PATTERN,
        "Matches every client id of the service, so that an id and a secret that were swapped are noticed.",
        example="'[0-9]{17,20}'",
    ),
    "localhost_client": Key(
        values.TRUTH,
        "A login needs no registered client: its client id is http://localhost with the redirect URI and the scopes "
        "(AT Protocol).",
        field="redirect.makes_client",
    ),
    "params": Key(
        values.PARAMETERS,
        "The placeholders of the entry, which `everyauth service set --param` fills in; one with an empty default may "
        "be left out. values lists the words that one may be, each with the text that it fills in. callback names "
        "the parameter of the authorization response that has its value for one login: a word of values, one label of "
        "a host whose end the entry has, or text that is part of no URL.",
        example='{region = {help = "eu or us", default = "eu", callback = "location", values = {eu = "example.eu"}}}',
    ),
    "quirk": Key(values.QUIRK, "A function of everyauth's own for what no key can say."),
    "setup": Key(values.TEXTS, "The steps to register a client there."),
    "expect": Key(values.TEXTS, "Facts to know before a login, such as lifetimes."),
    "sources": Key(values.SOURCES, "The pages or public catalogues that the entry was taken from."),
    "checked": Key(values.DAY, "The day when the sources were read.", example="2026-11-30"),
    "presets": Key(
        values.TABLES,
        "Products of the service that have a name of their own on the command line. Each uses the service's client, "
        "and is the service in all but the keys that it has: any of " + ", ".join(PRESET_KEYS) + ".",
        example='{acme-mail = {title = "Acme Mail", scopes = ["mail.read"]}}',
    ),
}
