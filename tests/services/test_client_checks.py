"""Values that were copied wrongly from a service are refused, each with the way out."""

from __future__ import annotations

import pytest

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.client_checks import check_client_id, check_client_secret, check_pair, check_scope

GOOGLE, PAGERDUTY, SLACK = map(Catalogue().get, ("google", "pagerduty", "slack"))
ID = "123456-abc123.apps.googleusercontent.com"


@pytest.mark.parametrize("text", ["abc", " abc\n", "\t abc ", "\ufeffabc", "\ufeff abc \r\n"])
def test_what_is_around_a_value_is_dropped(text):
    assert check_client_id(text) == "abc"
    assert check_client_secret(Secret(text)) == Secret("abc")


@pytest.mark.parametrize("text", ["a b", "a+b/c=:%", "ü", "-----BEGIN KEY-----\nabc\n-----END KEY-----", ""])
def test_odd_values_that_services_issue_are_kept(text):
    assert check_client_secret(Secret(text)) == Secret(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("abc\u200bdef", "not visible"),
        ("abc\x00", "not visible"),
        ("abc\ndef", "not visible"),
        ("abc...", "is cut"),
        ("abc…", "is cut"),
        ("********", "only the mask"),
        ("••••", "only the mask"),
        ("x" * 10_001, "10001 characters"),
    ],
)
def test_what_was_copied_wrongly_is_refused_without_repeating_it(text, says):
    for check, value in ((check_client_id, text), (check_client_secret, Secret(text))):
        with pytest.raises(UsageProblem, match=says) as caught:
            check(value)
        assert text not in f"{caught.value.message}{caught.value.hint}"


def test_a_swapped_pair_is_noticed_where_the_form_of_an_id_is_known():
    with pytest.raises(UsageProblem, match="swapped"):
        check_pair(GOOGLE, "GOCSPX-secret", Secret(ID))
    check_pair(GOOGLE, ID, Secret("GOCSPX-secret"))
    check_pair(PAGERDUTY, "GOCSPX-secret", Secret(ID))


def test_one_value_for_both_is_noticed():
    with pytest.raises(UsageProblem, match="are the same"):
        check_pair(PAGERDUTY, "one", Secret("one"))
    check_pair(PAGERDUTY, "", Secret(""))
    check_pair(PAGERDUTY, "one", None)


def test_commas_between_scopes_are_noticed_where_blanks_separate_them():
    assert check_scope(PAGERDUTY, " read write ") == "read write"
    assert check_scope(SLACK, "chat:write,users:read") == "chat:write,users:read"
    for wrong in ("read,write", "read, write"):
        with pytest.raises(UsageProblem) as caught:
            check_scope(PAGERDUTY, wrong)
        assert caught.value.hint == 'everyauth service set pagerduty --scope "read write"'


@pytest.mark.parametrize("name", [one.name for one in Catalogue().listed()])
def test_a_pattern_is_one_of_the_whole_id(name):
    pattern = Catalogue().get(name).client_id_pattern
    assert pattern is None or not pattern.startswith("^")
