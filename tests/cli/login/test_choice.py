"""The method that a login chooses by itself, in all surroundings, and what the options change."""

from __future__ import annotations

import pytest

from everyauth_cli.cli.login.browser import BrowserChoice, choose_browser
from everyauth_cli.cli.login.choice import MethodChoice, choose_method
from everyauth_cli.cli.login.surroundings import Surroundings
from everyauth_cli.model import Client, Service
from everyauth_cli.services.rules import RedirectRules

CODES = "https://shop.example/device_authorization"
ABROAD = "Shop cannot send you back here"
OPENS = [
    Surroundings(display=True),
    Surroundings(browser_variable=True, ssh=True),
    Surroundings(browser_variable=True, container=True),
    Surroundings(wsl=True, wslview="/usr/bin/wslview"),
    Surroundings(container=True, display=True),
]
OPENS_NOT = [
    (Surroundings(ssh=True), "This is an SSH session"),
    (Surroundings(ssh=True, display=True), "This is an SSH session"),
    (Surroundings(container=True), "This is a container"),
    (Surroundings(), "There is no display"),
    (Surroundings(wsl=True), "There is no display"),
    (Surroundings(display=True, home_owner="ann"), "This is root with the home of ann"),
]


def service(*, codes=True, https_only=False):
    return Service(
        name="shop",
        title="Shop",
        authorization_endpoint="https://shop.example/authorize",
        token_endpoint="https://shop.example/token",
        device_authorization_endpoint=CODES if codes else None,
        redirect=RedirectRules(https_only=https_only),
    )


def chosen(surroundings, *, demanded=None, no_browser=False, redirect_uri=None, **about):
    browser = BrowserChoice() if no_browser else choose_browser(surroundings)
    client = Client(service="shop", client_id="id", redirect_uri=redirect_uri)
    return choose_method(service(**about), client, browser, demanded=demanded, no_browser=no_browser)


@pytest.mark.parametrize("surroundings", OPENS)
def test_a_browser_that_opens_is_better_than_a_code(surroundings):
    assert chosen(surroundings) == MethodChoice(device=False)
    assert chosen(surroundings, redirect_uri="http://127.0.0.1:5000/callback") == MethodChoice(device=False)


@pytest.mark.parametrize("surroundings", OPENS)
def test_a_code_is_better_than_a_redirect_that_has_to_be_pasted(surroundings):
    assert chosen(surroundings, https_only=True) == MethodChoice(device=True, reason=ABROAD)
    assert chosen(surroundings, redirect_uri="https://a.example/back") == MethodChoice(device=True, reason=ABROAD)


@pytest.mark.parametrize(("surroundings", "reason"), OPENS_NOT)
def test_without_a_browser_there_is_a_code_and_the_reason(surroundings, reason):
    assert chosen(surroundings) == MethodChoice(device=True, reason=reason)
    assert chosen(surroundings, https_only=True) == MethodChoice(device=True, reason=reason)


@pytest.mark.parametrize("surroundings", [*OPENS, *(each for each, _ in OPENS_NOT)])
def test_what_has_no_codes_gets_none(surroundings):
    assert chosen(surroundings, codes=False) == MethodChoice(device=False)
    assert chosen(surroundings, codes=False, https_only=True) == MethodChoice(device=False)


@pytest.mark.parametrize("surroundings", [*OPENS, *(each for each, _ in OPENS_NOT)])
def test_options_override_and_need_no_reason(surroundings):
    for https_only in (False, True):
        assert chosen(surroundings, demanded=False, https_only=https_only) == MethodChoice(device=False)
        assert chosen(surroundings, demanded=True, https_only=https_only) == MethodChoice(device=True)
        assert chosen(surroundings, no_browser=True, https_only=https_only) == MethodChoice(device=False)
        assert chosen(surroundings, demanded=True, no_browser=True) == MethodChoice(device=True)
