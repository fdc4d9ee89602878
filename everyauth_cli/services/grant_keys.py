"""The keys of an entry that say how a client authenticates, and how it gets a token of its own."""

from __future__ import annotations

from collections.abc import Mapping

from everyauth_cli.services import form_values, values
from everyauth_cli.services.part_keys import Key
from everyauth_cli.services.rules import (
    ASYMMETRIC,
    AssertionAudience,
    AssertionSubject,
    BasicEncoding,
    ClientAuthMethod,
    PrivateKeyUse,
    ScopePlace,
)

GRANT_KEYS: Mapping[str, Key] = {
    "token_endpoint_auth_method": Key(
        values.choice(*ClientAuthMethod),
        "Client authentication at the token endpoint (RFC 7591 section 2). client_secret_basic_or_empty sends an empty "
        "password for a client without a secret. client_secret_signed sends as the secret a JWT that the client's "
        "private key signs anew for each request; client_secret_claims says what is in it. Elsewhere a client that has "
        "a private key authenticates by private_key_jwt (OpenID Connect Core section 9), whatever the entry says.",
    ),
    "client_secret_basic_encoding": Key(
        values.choice(*BasicEncoding),
        "The form in which client_secret_basic sends the client id and secret, at every endpoint: form-encoded as RFC "
        "6749 section 2.3.1 says, or raw, for a server that does not decode them.",
    ),
    "token_endpoint_auth_signing_alg_values_supported": Key(
        values.choices(*ASYMMETRIC),
        "The algorithms in which private_key_jwt may be signed (RFC 8414 section 2), and assertions of the JWT bearer "
        "grant, the preferred one first. By default the usual one of the key.",
        field="client_assertion.signing_algs",
        example='["ES256", "PS256"]',
    ),
    "client_assertion_audience": Key(
        values.choice(*AssertionAudience),
        "The audience of private_key_jwt: the issuer, or the token endpoint, which it is too where the entry has no "
        "issuer.",
        field="client_assertion.audience",
    ),
    "client_secret_claims": Key(
        form_values.table_of("kid", "iss", "aud"),
        "The claims of the JWT of client_secret_signed besides sub (the client), iat and exp, and the kid of its "
        "header, with placeholders.",
        field="client_assertion.secret_claims",
        example='{kid = "{key_id}", iss = "{team_id}", aud = "https://auth.example.com"}',
    ),
    "private_key_use": Key(
        values.choice(*PrivateKeyUse),
        "The use of a client's private key: it authenticates the client, and signs assertions of the JWT bearer grant "
        "besides; or it signs those alone, and nothing else authenticates the client in that grant.",
        field="client_assertion.key_use",
    ),
    "jwt_bearer_audience": Key(
        values.TEXT,
        "The audience of an assertion of the JWT bearer grant (RFC 7523 section 3), with placeholders. By default that "
        "of private_key_jwt.",
        field="jwt_bearer.audience",
        example='"https://{host}"',
    ),
    "jwt_bearer_subject": Key(
        values.choice(*AssertionSubject),
        "The subject of that assertion where a login names none: the client, no subject at all, or the login is "
        "refused.",
        field="jwt_bearer.subject",
    ),
    "jwt_bearer_scope_in": Key(
        values.choice(*ScopePlace),
        "The place of the scope in that grant: a parameter of the request (RFC 7521 section 4.1), a claim of the "
        "assertion, or none.",
        field="jwt_bearer.scope_in",
    ),
    "jwt_bearer_scopes": Key(
        values.TEXTS,
        "The scopes to request in that grant when a login names none. By default none, or those of scopes where it is "
        "the only grant that the service has.",
        field="jwt_bearer.scopes",
        example='["read", "impersonate"]',
    ),
    "dpop_bound_access_tokens": Key(
        values.TRUTH,
        "A login gets tokens that are bound to a key of its own (DPoP, RFC 9449): each request is signed, and no other "
        "program can use the token.",
        field="dpop.bound_access_tokens",
    ),
    "dpop_signing_alg_values_supported": Key(
        values.choices(*ASYMMETRIC),
        "The algorithms in which the proofs of that key may be signed (RFC 9449 section 5.1). By default ES256.",
        field="dpop.signing_algs",
        example='["ES256", "EdDSA"]',
    ),
    "client_credentials_grant_type": Key(
        values.TEXT,
        "The service's name of the client credentials grant (RFC 6749 section 4.4).",
        field="client_credentials.grant_type",
        example='"account_credentials"',
    ),
    "client_credentials_params": Key(
        values.table_without(values.TOKEN_RESERVED),
        "More parameters of the token request of that grant, in place of token_params; a placeholder in it needs a "
        "value for this grant.",
        field="client_credentials.params",
        example='{account_id = "{account_id}"}',
    ),
    "device_authorization_params": Key(
        form_values.FORM,
        "More parameters of the device authorization request (RFC 8628 section 3.1), with placeholders; one that ends "
        "up empty is not sent. {scope} is filled in for a service that has another name for the scope.",
        field="device.params",
        example='{audience = "api.example.com"}',
    ),
    "device_pkce": Key(
        values.TRUTH,
        "Send a code challenge (RFC 7636) in the device authorization request too, for a server that demands one.",
        field="device.pkce",
    ),
    "device_token_params": Key(
        form_values.FORM,
        "The fields of a request for a device's token in place of all others (RFC 8628 section 3.4): {device_code}, "
        "{user_code}, {scope}, {client_id} and {client_secret} are filled in.",
        field="device.token_params",
        example='{grant_type = "device_code", code = "{device_code}", client_id = "{client_id}"}',
    ),
}
