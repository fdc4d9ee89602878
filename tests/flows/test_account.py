"""The account of a login without an id token: the service's account endpoint names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.liar import lying

from everyauth_cli.errors import OtherAccount
from everyauth_cli.model import Account, Service
from everyauth_cli.oauth.userinfo import account_in
from everyauth_cli.services.rules import AccountRules


@pytest.fixture
def victim(tmp_path):
    """A provider that gives no id token, since `openid` is not asked for."""
    with lying(tmp_path) as victim:
        victim.liar.token = {"id_token": None}
        ask(victim)
        yield victim


def ask(victim, **keys):
    victim.entry(account_endpoint=f"{victim.liar.issuer}/me", scopes=["email"], **keys)


def test_the_account_endpoint_is_sent_the_new_token(victim):
    assert victim.login().account == Account(subject="user-1", label="ann@example.test")
    assert victim.liar.bearer == "Bearer the-access-token"
    assert victim.warnings == []


def test_with_an_id_token_the_account_endpoint_is_not_used(victim):
    victim.liar.token = {}
    assert victim.login().account.subject == "user-1"
    assert "/me" not in victim.liar.requests


@pytest.mark.parametrize(
    ("claims", "me", "label", "warnings"),
    [
        ({"email": None}, {"sub": "user-1", "email": "bea@example.test"}, "bea@example.test", []),
        ({"email": None}, {"sub": "user-1", "name": "Bea"}, "Bea", []),
        ({"email": ""}, {"sub": "user-1"}, "user-1", []),
        ({"email": None, "name": "Ann"}, {"sub": "user-1", "name": "Bea"}, "Ann", []),
        ({"email": None}, {"sub": "user-2", "email": "eve@example.test"}, "user-1", ["names another account"]),
        (
            {"email": None},
            {"email": "eve@example.test"},
            "user-1",
            ["the name of the account of this login", "without"],
        ),
    ],
)
def test_where_openid_is_asked_userinfo_names_the_subject_of_the_id_token(victim, claims, me, label, warnings):
    victim.liar.token, victim.liar.claims, victim.liar.me = {}, claims, me
    victim.entry(account_endpoint=f"{victim.liar.issuer}/me", scopes=["openid", "email"])
    assert victim.login().account == Account(subject="user-1", label=label)
    assert ("/me" in victim.liar.requests) == ("name" not in claims)
    assert len(victim.warnings) == bool(warnings)
    assert all(text in victim.warnings[0] for text in warnings)


@pytest.mark.parametrize(
    ("keys", "me", "subject", "label"),
    [
        ({}, {"id": 7, "login": "ann"}, "7", "ann"),
        (
            {"account_subject": ["{data.gid}"], "account_label": ["{data.email}"]},
            {"data": {"gid": "12", "email": "a@example.test"}},
            *("12", "a@example.test"),
        ),
        (
            {"account_subject": ["{items.0.account_id}"], "account_label": ["{items.0.display_name}"]},
            {"items": [{"account_id": 5, "display_name": "Ann"}, {"account_id": 6}]},
            *("5", "Ann"),
        ),
        (
            {"account_subject": ["{team.id}/{user.id}"], "account_label": ["{user.name} ({team.name})"]},
            {"team": {"id": "T", "name": "Acme"}, "user": {"id": "U", "name": "ann\x1b[1m"}},
            *("T/U", "ann [1m (Acme)"),
        ),
        ({"account_label": ["{nick}"]}, {"sub": "1"}, "1", "1"),
        ({"account_label": ["{email}", "{name}"]}, {"sub": "1", "email": "", "name": "Ann"}, "1", "Ann"),
    ],
)
def test_the_catalogue_names_the_fields_of_the_account(victim, keys, me, subject, label):
    ask(victim, **keys)
    victim.liar.me = me
    assert victim.login().account == Account(subject=subject, label=label)


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"me_status": 403}, "HTTP 403"),
        ({"me_status": 302}, "HTTP 302"),
        ({"me": []}, "without an account"),
        ({"me": {"name": "Ann"}}, "without an account"),
        ({"me": {"sub": True}}, "without an account"),
        ({"me": {"sub": {"a": 1}}}, "without an account"),
    ],
    ids=str,
)
def test_a_first_login_succeeds_without_an_account(victim, trouble, says):
    for name, value in trouble.items():
        setattr(victim.liar, name, value)
    assert victim.login().account is None
    assert len(victim.warnings) == 1
    assert "the account of this login at op is not known" in victim.warnings[0]
    assert says in victim.warnings[0]


def test_an_unknown_account_does_not_replace_a_known_one(victim):
    first = victim.login()
    victim.liar.me_status = 500
    with pytest.raises(OtherAccount, match="an account that the service did not name"):
        victim.login()
    assert victim.auth.find() == [first]


def test_an_account_that_becomes_known_is_a_warning(victim):
    victim.liar.me_status = 503
    victim.login()
    victim.warnings.clear()
    victim.liar.me_status = 200
    assert victim.login().account.label == "ann@example.test"
    assert victim.warnings == ['the stored login of "me" at op had no account name; it is ann@example.test now']
    victim.login()
    assert len(victim.warnings) == 1


def test_an_id_token_without_the_account_leads_to_the_account_endpoint(victim):
    victim.liar.token = {}
    ask(victim, account_subject=["{data.id}"], account_label=["{data.id}"])
    victim.liar.me = {"data": {"id": "7"}}
    assert victim.login().account == Account(subject="7", label="7")


def test_the_subject_is_whole_and_the_label_is_short(victim):
    victim.liar.me = {"sub": "s" * 500, "email": "e" * 500}
    account = victim.login().account
    assert account.subject == "s" * 500
    assert len(account.label) == 120
    victim.liar.me = {"sub": "s" * 499 + "t"}
    with pytest.raises(OtherAccount):
        victim.login()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["sub", "id", "email", "0"]) | st.text(), inner),
)
SERVICE = Service(
    name="op",
    title="Op",
    authorization_endpoint="https://x.example/a",
    token_endpoint="https://x.example/t",
    account=AccountRules(subject=("{sub}", "{id.0.id}")),
)


@pytest.mark.slow
@given(JSON)
def test_any_response_names_an_account_or_none(fields):
    account = account_in(SERVICE, fields)
    if account is not None:
        assert account.subject
        assert account.label
        assert not any(ord(character) < 32 for character in account.subject + account.label)
