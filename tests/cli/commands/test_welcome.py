"""`everyauth` alone, `version`, `profile ls` and `open`."""

from __future__ import annotations

import json

import pytest
from peers.home import Home

from everyauth_cli import __version__
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.console import console_url, documentation_url


@pytest.fixture
def shell(everyauth):
    home = Home(everyauth)
    home.entry()
    return home


def test_nothing_set_up_shows_how_to_begin_and_then_the_help(everyauth):
    done = everyauth()
    assert (done.code, done.err) == (0, "")
    first = done.out.splitlines()[:5]
    assert [line.rpartition("  ")[2] for line in first] == [
        "everyauth demo",
        "everyauth init pagerduty",
        "everyauth login pagerduty",
        "everyauth token pagerduty",
        "",
    ]
    assert done.out.endswith(everyauth("--help").out)


def test_something_set_up_shows_the_overview(shell):
    shell.log_in("ann")
    assert shell.good("everyauth") == shell.good("everyauth status")
    assert json.loads(shell.good("everyauth -o json"))["identities"]


def test_only_other_profiles_are_something_too(shell):
    shell.log_in("ann", profile="work")
    assert "other profiles: work" in shell.good("everyauth")


def test_a_store_that_cannot_be_read_shows_how_to_begin(everyauth):
    done = everyauth(env={"EVERYAUTH_STORE": "sqlite:///nowhere/at/all.db"})
    assert (done.code, done.err) == (0, "")
    assert "everyauth demo" in done.out


@pytest.mark.parametrize("line", ["version", "--version", "-v --version", "-p work --version"])
def test_the_version(everyauth, line):
    assert everyauth(*line.split()).out == f"everyauth {__version__}\n"


@pytest.mark.parametrize("line", ["version -o json", "--version -o json", "-o json --version"])
def test_the_version_as_json(everyauth, line):
    assert json.loads(everyauth(*line.split()).out)["version"] == __version__


def test_profiles_are_listed_with_their_numbers(shell):
    shell.log_in("ann")
    shell.log_in("bob")
    shell.log_in("cem", profile="work")
    assert shell.good("everyauth profile ls") == "default\t2\t1\nwork\t1\t1\n"
    found = json.loads(shell.good("everyauth profile ls -o json"))
    assert found["items"][1] == {"profile": "work", "identities": 1, "clients": 1}


def test_a_mistyped_profile_is_pointed_out(shell):
    shell.log_in("ann", profile="work")
    err = shell.bad("everyauth token op ann -p wrok", 4)
    assert 'warning: the profile "wrok" has no clients and no identities; did you mean work?\n' in err
    assert "warning" not in shell.bad("everyauth token op bob -p work", 4)


def test_a_page_that_cannot_be_opened_here_is_printed(everyauth):
    done = everyauth("open", "github")
    assert (done.code, done.out) == (0, f"{console_url(Catalogue().get('github'))}\n")
    assert "Open this page yourself:" in done.err
    documentation = everyauth("open", "github", "--docs", "-o", "json")
    found = json.loads(documentation.out)
    assert found == {"id": "github", "url": documentation_url(Catalogue().get("github")), "opened": False}


def test_a_browser_opens_the_page(everyauth, tmp_path):
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    script.chmod(0o755)
    done = everyauth("open", "github", env={"BROWSER": f"{script} %s"})
    assert (done.code, done.err) == (0, "")
    assert opened.read_text() == done.out.strip()
    assert done.out.startswith("https://github.com/")


def test_a_service_without_a_page_is_an_error(shell):
    assert "no page of op is known" in shell.bad("everyauth open op", 3)


@pytest.mark.parametrize("name", ["slack", "gitlab", "okta", "github"])
def test_a_guide_is_read_before_there_is_a_store(everyauth, name):
    done = everyauth("service", "get", name)
    assert (done.code, done.err) == (0, "")
    assert f"everyauth init {name}" in done.out
