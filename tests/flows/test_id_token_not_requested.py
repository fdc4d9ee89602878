"""An id token that was not requested stops no login, and an entry may have all of them ignored."""

import pytest
from peers.liar import lying

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.model import Account, Secret

UNUSABLE = {
    "opaque": ({"token": {"id_token": "opaque-value"}}, "cannot be read"),
    "encrypted": ({"token": {"id_token": "e30.a.b.c.d"}}, "cannot be read"),
    "of another client": ({"claims": {"aud": "another-client"}}, "another client (aud)"),
    "of another issuer": ({"claims": {"iss": "https://evil.example"}}, "its issuer is"),
    "without times": ({"claims": {"exp": None}}, "its times are missing"),
    "with a wrong signature": ({"tamper": True}, "signature is wrong"),
    "unsigned": ({"header": {"alg": "none"}}, "signed with none"),
}
NONE = {"empty": "", "blank": " ", "null": None, "false": False, "a number": 0, "an object": {}}


@pytest.fixture
def victim(tmp_path):
    with lying(tmp_path) as victim:
        yield victim


def lie(victim, lies):
    for name, value in lies.items():
        setattr(victim.liar, name, value)


@pytest.mark.parametrize(("lies", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_where_it_was_not_requested_it_is_ignored_with_a_warning(victim, lies, says):
    lie(victim, lies)
    assert victim.login(scope="email").account is None
    (warning,) = victim.warnings
    assert says in warning
    assert "it was ignored, because the scope openid was not requested" in warning
    before = victim.auth.get_identity("op").access_token
    lie(victim, {"token": {**lies.get("token", {}), "access_token": "new", "scope": "email"}})
    victim.wait()
    assert victim.auth.get_identity("op", rejected=Secret(before)).access_token == "new"
    assert victim.warnings == [warning]


@pytest.mark.parametrize(("lies", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_where_it_was_requested_it_stops_the_login(victim, lies, says):
    lie(victim, lies)
    with pytest.raises(ServiceUnreadable) as caught:
        victim.login(scope="openid email")
    assert says in caught.value.message


@pytest.mark.parametrize("value", NONE.values(), ids=NONE)
def test_an_empty_one_is_none(victim, value):
    lie(victim, {"token": {"id_token": value}})
    assert victim.login(scope="email").account is None
    assert victim.warnings == []


def test_one_that_holds_names_the_account_all_the_same(victim):
    assert victim.login(scope="email").account == Account(subject="user-1", label="ann@example.test")


@pytest.mark.parametrize("lies", [{}, {"token": {"id_token": "opaque"}}, {"token": {"id_token": None}}])
def test_an_entry_may_have_it_ignored_at_login_and_refresh(victim, lies):
    victim.entry(id_token="ignore")
    lie(victim, lies)
    assert victim.login(scope="openid email").account is None
    before = victim.auth.get_identity("op").access_token
    lie(victim, {"claims": {"sub": "another"}, "token": {**lies.get("token", {}), "access_token": "new"}})
    victim.wait()
    assert victim.auth.get_identity("op", rejected=Secret(before)).access_token == "new"
    assert victim.warnings == []
