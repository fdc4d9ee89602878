"""Keys and values that entries had before 0.1.0, each with its present name."""

from __future__ import annotations

KEYS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "refresh_url": "refresh_endpoint",
    "revoke_url": "revocation_endpoint",
    "jwks_url": "jwks_uri",
    "account_url": "account_endpoint",
    "account_in_answer": "account_in_response",
    "client_auth": "token_endpoint_auth_method",
    "revoke_auth": "revocation_endpoint_auth_method",
    "revoke_body": "revocation_body",
    "revoke_as": "revocation_style",
    "revoke_tokens": "revocable_tokens",
    "revokes": "revocation_ends",
    "authorize_params": "authorization_params",
    "iss_always": "authorization_response_iss_parameter_supported",
    "id_token_algorithms": "id_token_signing_alg_values_supported",
    "default_life": "default_lifetime",
    "code_life": "code_lifetime",
}
VALUES: dict[str, dict[str, str | None]] = {
    "token_endpoint_auth_method": {
        "post": "client_secret_post",
        "basic": "client_secret_basic",
        "basic_or_empty": "client_secret_basic_or_empty",
    },
    "revocation_endpoint_auth_method": {"client": None},
}
"""The present value for each old one; None for one that is now said by leaving the key out."""


def renamed(key: str, value: object) -> str | None:
    """Return the message for an old key or an old value, or None when neither is old."""
    new = KEYS.get(key, key)
    values = VALUES.get(new, {})
    if isinstance(value, str) and value in values:
        now = values[value]
        return f"{key} = {value!r} is now {f'{new} = {now!r}' if now else 'the default: leave the key out'}"
    return f"{key} is now {new}" if new != key else None
