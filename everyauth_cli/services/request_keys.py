"""The keys of a catalogue entry that say how requests are made and token responses read."""

from __future__ import annotations

from collections.abc import Mapping

from everyauth_cli.services import form_values, values
from everyauth_cli.services.grant_keys import GRANT_KEYS
from everyauth_cli.services.part_keys import REDIRECT_KEYS, Key
from everyauth_cli.services.rules import (
    BodyFormat,
    ChallengeMethod,
    RequestKind,
)

REQUEST_KEYS: Mapping[str, Key] = {
    "authorization_params": Key(
        values.table_without(values.AUTHORIZE_RESERVED),
        "More parameters of the authorization request, with placeholders; one that ends up empty is not sent.",
        example='{access_type = "offline"}',
    ),
    "token_params": Key(
        values.table_without(values.TOKEN_RESERVED),
        "More parameters of token requests, with placeholders; one that ends up empty is not sent.",
        example='{audience = "api.example.com"}',
    ),
    **GRANT_KEYS,
    "grant_types_supported": Key(
        values.GRANT_TYPES,
        "The grant types that the token endpoint is known to take (RFC 8414 section 2), where there are more than a "
        "login in the browser uses.",
        example='["authorization_code", "refresh_token", "client_credentials"]',
    ),
    "body": Key(values.choice(*BodyFormat), "The body of a token request."),
    "request_names": Key(
        form_values.NAMES,
        "The service's names of standard fields, in the authorization request and in token and revocation requests.",
        field="requests.names",
        example='{client_id = "client_key"}',
    ),
    "request_methods": Key(
        form_values.METHODS,
        "The methods of requests where they are not the usual ones: code, long_lived, refresh, "
        "client_credentials, device_code, revocation and account. With GET the fields are sent in the query.",
        field="requests.methods",
        example='{refresh = "GET", revocation = "DELETE"}',
    ),
    "scope_in": Key(
        values.choices(RequestKind.CODE, RequestKind.REFRESH, RequestKind.DEVICE_CODE),
        "The token requests that have the scope too: the requested one with a code or device_code, the granted one in "
        "a refresh.",
        field="requests.scope_in",
        example='["code", "refresh"]',
    ),
    "refresh_params": Key(
        form_values.FORM,
        "The fields of a refresh in place of all others: {token} (the refresh token), {client_id} and {client_secret} "
        "are filled in.",
        field="requests.refresh",
        example='{grant_type = "ig_refresh_token", access_token = "{token}"}',
    ),
    "refresh_token_field": Key(
        values.TEXT,
        'The field of a token response that has the refresh token; "access_token" for a token that is refreshed by '
        "itself.",
        field="response.refresh_token_field",
    ),
    "long_lived_endpoint": Key(
        values.ENDPOINT,
        "Where a login gets a token that lives longer for the one that it brought; long_lived_params are the fields.",
        field="long_lived.endpoint",
    ),
    "long_lived_params": Key(
        form_values.FORM,
        "The fields of that request: {token} (the access token of the login), {client_id} and {client_secret} are "
        "filled in.",
        field="long_lived.params",
        example='{grant_type = "fb_exchange_token", fb_exchange_token = "{token}"}',
    ),
    "response_at": Key(
        form_values.PATH,
        "The field in which a token response has its fields, where they are not at its top.",
        field="response.at",
        example='"body"',
    ),
    "success": Key(
        form_values.PLACE,
        "A field and the value that it has in a success, in token, revocation and account responses; with another "
        "value the response is an error, and that value its code.",
        field="response.success",
        example='"status=0"',
    ),
    "pkce": Key(values.TRUTH, "Send a code challenge (RFC 7636)."),
    "code_challenge_method": Key(
        values.choice(*ChallengeMethod),
        "The method of the code challenge (RFC 7636 section 4.2); S256_hex is S256 in hexadecimal digits.",
    ),
    "nonce": Key(values.TRUTH, "Send a nonce with the scope openid, and require it in the id token."),
    **REDIRECT_KEYS,
    "code_lifetime": Key(values.SECONDS, "The lifetime of an authorization code."),
    "expires_field": Key(values.TEXT, "The field of a token response that has the access token's lifetime in seconds."),
    "default_lifetime": Key(
        values.SECONDS,
        "The lifetime that is assumed of an access token that comes with a refresh token and without a lifetime.",
    ),
    "refresh_margin": Key(
        values.SECONDS_OR_NONE,
        "The remaining lifetime of an access token at which it is refreshed, for a service that refuses an earlier "
        "refresh; by default 60, or a tenth of the lifetime if that is less.",
    ),
    "error_words": Key(
        values.ERROR_WORDS,
        "The service's own error codes, each with the standard's code that it means; FIELD=VALUE for one that another "
        "field has as its value, such as errors.0.code.",
        example='{token_revoked = "invalid_grant", "status=BAD_TOKEN" = "invalid_grant"}',
    ),
}
