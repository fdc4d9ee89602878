"""The keys of an entry: those of RFC 8414, each under one name, and an error with the new name for every old one."""

from __future__ import annotations

import tomllib

import pytest

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.oauth.client_authentication import METHODS
from everyauth_cli.services.catalogue import SHIPPED, Catalogue
from everyauth_cli.services.endpoints import SENT_NO_SECRET, URLS, urls_of
from everyauth_cli.services.fields import FIELDS, canonical, value_of
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.old_keys import KEYS as OLD_KEYS
from everyauth_cli.services.rules import ClientAuthMethod

LINES = 'authorization_endpoint = "https://x.example/authorize"\ntoken_endpoint = "https://x.example/token"\n'
# The table of the words of this project, row by row.
RENAMED = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "revoke_url": "revocation_endpoint",
    "jwks_url": "jwks_uri",
    "refresh_url": "refresh_endpoint",
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
SAME = [
    *("account_query", "token_params", "params", "id_token_issuers", "id_token_audiences", "expires_field", "body"),
    *("native", "quirk", "setup", "expect", "sources", "checked", "aliases", "docs", "title", "scopes"),
    *("scope_separator", "scope_field", "scope_covers"),
]


def problem(tmp_path, text, name="example"):
    (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(ConfigurationProblem) as caught:
        Catalogue(tmp_path).get(name)
    return caught.value.message


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_key_is_an_error_that_names_the_new_one(tmp_path, old, new):
    message = problem(tmp_path, f'{LINES}{old} = "x"\n')
    assert message == f"{tmp_path}/example.toml:3: {old} is now {new}"
    assert f"pagerduty.toml:1: {old} is now {new}" in problem(tmp_path, f"{old} = 5\n", "pagerduty")
    assert new in KEYS
    assert old not in KEYS


def test_the_table_is_complete():
    assert RENAMED == OLD_KEYS
    assert KEYS.keys() >= set(SAME)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('client_auth = "post"', "client_auth = 'post' is now token_endpoint_auth_method = 'client_secret_post'"),
        ('client_auth = "basic"', "client_auth = 'basic' is now token_endpoint_auth_method = 'client_secret_basic'"),
        (
            'client_auth = "basic_or_empty"',
            "client_auth = 'basic_or_empty' is now token_endpoint_auth_method = 'client_secret_basic_or_empty'",
        ),
        ('client_auth = "none"', "client_auth is now token_endpoint_auth_method"),
        (
            'token_endpoint_auth_method = "post"',
            "token_endpoint_auth_method = 'post' is now token_endpoint_auth_method = 'client_secret_post'",
        ),
        ('revoke_auth = "client"', "revoke_auth = 'client' is now the default: leave the key out"),
        ('revoke_auth = "bearer"', "revoke_auth is now revocation_endpoint_auth_method"),
        (
            'revocation_endpoint_auth_method = "client"',
            "revocation_endpoint_auth_method = 'client' is now the default: leave the key out",
        ),
    ],
)
def test_an_old_value_is_an_error_that_names_the_new_one(tmp_path, line, says):
    assert problem(tmp_path, f"{LINES}{line}\n") == f"{tmp_path}/example.toml:3: {says}"


def test_no_shipped_entry_has_an_old_key_or_a_second_name():
    for path in SHIPPED.glob("*.toml"):
        assert not OLD_KEYS.keys() & tomllib.loads(path.read_text(encoding="utf-8")).keys()


@pytest.mark.parametrize(
    ("second", "first", "value"),
    [
        ("userinfo_endpoint", "account_endpoint", "https://x.example/userinfo"),
        ("service_documentation", "docs", "https://x.example/docs"),
    ],
)
def test_two_keys_with_one_meaning(tmp_path, second, first, value):
    (tmp_path / "example.toml").write_text(f'{LINES}{second} = "{value}"\n')
    service = Catalogue(tmp_path).get("example")
    assert value_of(service, first) == value_of(service, second) == value
    assert first in service.own_keys
    message = problem(tmp_path, f'{LINES}{second} = "{value}"\n{first} = "{value}"\n')
    assert message == f"{tmp_path}/example.toml:3: {second} means the same as {first}"


@pytest.mark.parametrize(("name", "other"), [("gitlab", "userinfo_endpoint"), ("salesforce", "account_endpoint")])
def test_a_users_key_goes_over_the_shipped_one_of_the_other_name(tmp_path, name, other):
    (tmp_path / f"{name}.toml").write_text(f'{other} = "https://x.example/me"\n')
    catalogue = Catalogue(tmp_path)
    assert catalogue.get(name).account.endpoint == "https://x.example/me"
    exported = tomllib.loads(catalogue.source(name))
    assert [key for key in exported if canonical(key) == "account_endpoint"] == [other]


def test_every_key_has_one_line_of_help():
    for key, about in KEYS.items():
        assert about.help.endswith("."), key
        assert about.help[0].isupper(), key
        assert "\n" not in about.help, key


def test_the_urls_of_a_service_are_the_keys_that_take_one():
    assert set(SENT_NO_SECRET) < set(URLS)
    assert {key for key in FIELDS if key.endswith(("_endpoint", "_uri"))} - {
        "userinfo_endpoint",
        "refresh_redirect_uri",
        "needs_no_redirect_uri",
    } <= set(URLS)
    assert "https://identity.pagerduty.com/oauth/token" in urls_of(Catalogue().get("pagerduty")).values()


def test_every_method_of_client_authentication_has_its_value():
    assert METHODS.keys() == set(ClientAuthMethod)
    named = {str(method).removesuffix("_or_empty"): value.__name__ for method, value in METHODS.items()}
    assert all(value.startswith(name) for name, value in named.items())
