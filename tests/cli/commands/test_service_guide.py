"""Services as people see them: the guide, the list with its search, questions for settings, exports."""

from __future__ import annotations

import json
import tomllib
from datetime import date

import pytest
from peers.home import Home

from everyauth_cli.services.catalogue import SHIPPED

pytestmark = pytest.mark.slow

LONG = "Open the console and there, under a heading that has had another name every year, choose New app; " * 2
PLACED = {
    "authorization_endpoint": "https://{sub}.op.example/auth",
    "token_endpoint": "https://{sub}.op.example/token",
    "setup": ["In the console: New app.", LONG.strip()],
    "expect": ["Refresh tokens rotate."],
    "scopes": ["read", "write"],
    "docs": "https://op.example/docs",
    "aliases": ["opie", "the-op"],
    "title": "Operator",
    "params": {"sub": {"help": "your subdomain"}, "region": {"help": "where", "default": ""}},
}


@pytest.fixture
def home(everyauth):
    return Home(everyauth)


def placed(home, **keys):
    """Write the entry of `op` with placeholders; the tables of its parameters come last."""
    params = "".join(f"[params.{name}]\n" + toml(about) for name, about in PLACED["params"].items())
    home.entry(**{**{key: value for key, value in PLACED.items() if key != "params"}, **keys})
    path = home.command.home / "services" / "op.toml"
    path.write_text(path.read_text() + params)
    return path


def toml(keys):
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def test_the_guide_has_steps_scopes_and_what_to_expect(home):
    placed(home)
    lines = home.good("everyauth service get op").splitlines()
    assert lines[0] == "Operator \N{MIDDLE DOT} not set up \N{MIDDLE DOT} https://op.example/docs"
    assert lines[1:4] == ["", "SET IT UP", "  1. In the console: New app."]
    assert lines[4].startswith("  2. Open the console and there")
    assert lines[5:8] == ["     The redirect URI to enter there:", "", "       http://127.0.0.1:28282/callback/op"]
    assert lines[8:12] == ["", "     Scopes requested by default: read, write", "", "  everyauth init op"]
    assert lines[12:15] == ["", "GOOD TO KNOW", "  \N{MIDDLE DOT} Refresh tokens rotate."]
    assert "  everyauth service get op --long" in lines
    assert lines[-2:] == ["Redirect URI:", "http://127.0.0.1:28282/callback/op"]
    assert "token" not in "".join(lines[15:])
    home.good("everyauth service set op --client-id one --param sub=acme --profile work")
    lines = home.good("everyauth service get op --profile work").splitlines()
    assert lines[0].startswith("Operator \N{MIDDLE DOT} set up")
    assert "  everyauth login op --profile work" in lines
    assert "  everyauth service get op --long --profile work" in lines


def test_the_long_guide_has_settings_endpoints_and_sources_too(home):
    path = placed(home, sources=["https://op.example/source"])
    lines = home.good("everyauth service get op --long").splitlines()
    assert "  client id      not set" in lines
    assert "  sub            needed: --param sub=... (your subdomain)" in lines
    assert "  region         left out (where)" in lines
    assert "  scope          read write" in lines
    assert "  token          https://{sub}.op.example/token" in lines
    assert "  source         https://op.example/source" in lines
    assert f"  your file      {path}: the whole entry" in lines
    home.good("everyauth service set op --client-id one --param sub=acme")
    lines = home.good("everyauth service get op --long").splitlines()
    assert "  client id      one" in lines
    assert "  sub            acme (your subdomain)" in lines
    assert "  token          https://acme.op.example/token" in lines


URI_STEPS = ["Open the console, and open Redirect URLs.", "Enter the redirect URI there, and save.", "Copy the id."]


@pytest.mark.parametrize(
    ("steps", "at"),
    [
        (URI_STEPS, 1),
        (["Open it.", "Add a callback URL.", "Copy the id."], 1),
        (["Open it.", "Create a desktop app; it needs no redirect URI."], None),
    ],
)
def test_the_redirect_uri_stands_alone_in_the_step_that_needs_it(home, steps, at):
    home.entry(setup=steps, needs_no_redirect_uri=at is None)
    lines = home.good("everyauth service get op").splitlines()
    assert lines[-1] == "http://127.0.0.1:28282/callback/op"
    alone = [number for number, line in enumerate(lines[:-1]) if line.strip() == lines[-1]]
    assert len(alone) == (at is not None)
    if at is not None:
        assert lines[alone[0] - 2] == f"  {at + 1}. {steps[at]}"
        assert (lines[alone[0] - 1], lines[alone[0] + 1]) == ("", "")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_the_guide_breaks_between_words(home, columns):
    path = placed(home)
    with home.at_a_terminal("everyauth service get op --long", columns=columns) as shown:
        assert shown.end() == 0
    lines = shown.shown.replace("\r", "").splitlines()
    assert max(map(len, lines)) > columns - 15
    assert not [line for line in lines if len(line) > columns and str(path) not in line]
    assert " ".join(shown.shown.split()).count(LONG.strip()) == 1
    assert "Redirect URI:" not in shown.shown


def test_the_guide_as_json_has_all_of_it(home):
    path = placed(home, sources=["https://op.example/source"])
    home.good("everyauth service set op --client-id one --param sub=acme")
    shown = json.loads(home.good("everyauth service get op -o json"))
    assert shown["setup"] == [*PLACED["setup"], "everyauth login op"]
    assert shown["expect"] == PLACED["expect"]
    assert shown["aliases"] == PLACED["aliases"]
    assert shown["sources"] == ["https://op.example/source"]
    assert shown["checked"] is None
    assert shown["params"] == [
        {"name": "sub", "help": "your subdomain", "default": None, "value": "acme"},
        {"name": "region", "help": "where", "default": "", "value": ""},
    ]
    assert (shown["ownFile"], shown["added"], shown["attention"]) == (str(path), True, None)
    assert shown["tokenEndpoint"] == "https://acme.op.example/token"


def test_the_guide_says_what_a_file_of_yours_changes(home):
    path = home.command.home / "services" / "pagerduty.toml"
    path.parent.mkdir(parents=True)
    path.write_text('scopes = ["write"]\ncode_lifetime = 20\n')
    shown = " ".join(home.good("everyauth service get pagerduty --long").split())
    assert f"your file {path}: overrides scopes, code_lifetime" in shown
    shown = json.loads(home.good("everyauth service get pagerduty -o json"))
    assert (shown["ownFile"], shown["ownKeys"], shown["added"]) == (str(path), ["scopes", "code_lifetime"], False)


def test_a_service_without_steps_gets_general_ones(home):
    home.entry(docs="https://op.example/docs")
    shown = home.good("everyauth service get op")
    assert "1. Register an OAuth 2.0 app (client) at op, as described at https://op.example/docs" in shown
    assert "2. Enter the redirect URI there" in shown


def test_the_guide_says_that_an_https_redirect_is_pasted(home):
    home.entry()
    home.good("everyauth service set op --client-id one --redirect-uri https://you.example/cb")
    lines = home.good("everyauth service get op").splitlines()
    assert lines[-1] == "https://you.example/cb"
    assert any("asks you to paste the URL" in line for line in lines)


def test_a_search_finds_names_titles_and_aliases(home):
    placed(home)
    for text in ("OP", "operat", "the-o", "Opie"):
        names = [line.split("\t")[0] for line in home.good(f"everyauth service ls --search {text}").splitlines()]
        assert "op" in names, text
    assert home.good("everyauth service ls --search operator") == "op\tOperator\t\n"
    listed = json.loads(home.good("everyauth service ls --search operator -o json"))
    assert listed == {
        "items": [
            {"id": "op", "title": "Operator", "aliases": ["opie", "the-op"]}
            | {"presetOf": None, "clientId": None, "added": True}
        ],
        "next": None,
    }


def test_a_search_that_finds_nothing_names_what_is_near(home):
    placed(home)
    home.bad("everyauth service ls --search pagrduty", 3, "did you mean pagerduty?", "ls --search pagerduty")
    home.bad("everyauth service ls --search qqqqqq", 3, 'no service has "qqqqqq"', "everyauth service ls")


def test_those_that_are_set_come_first(home):
    for name in ("aaa", "zzz"):
        urls = "--authorize-url https://x.example/a --token-url https://x.example/t"
        home.good(f"everyauth service add {name} {urls}")
    home.good("everyauth service set zzz --client-id one")
    lines = home.good("everyauth service ls").splitlines()
    assert lines[0] == "zzz\tzzz\tone"
    items = json.loads(home.good("everyauth service ls -o json"))["items"]
    services = [item["id"] for item in items[1:] if not item["presetOf"]]
    assert services == sorted(services)
    lines = home.good("everyauth service ls", env={"EVERYAUTH_AAA_CLIENT_ID": "env"}).splitlines()
    assert lines[:2] == ["aaa\taaa\tenv", "zzz\tzzz\tone"]


def test_on_a_terminal_settings_are_asked_for_with_what_they_are(home):
    placed(home)
    with home.at_a_terminal("everyauth service set op --client-id one") as shown:
        shown.wait_for("sub, your subdomain: ")
        shown.type("acme\n")
        assert shown.end() == 0
    assert "region" not in shown.shown
    saved = json.loads(home.good("everyauth service get op -o json"))["configuration"]
    assert (saved["clientId"], saved["params"]) == ("one", {"sub": "acme"})


@pytest.mark.parametrize(
    ("typed", "says"), [("https://acme.op.example/", "--param sub=acme"), ("\n", "no text was typed")]
)
def test_a_wrong_answer_saves_nothing(home, typed, says):
    placed(home)
    with home.at_a_terminal("everyauth service set op --client-id one") as shown:
        shown.wait_for("sub, your subdomain: ")
        shown.type(f"{typed}\n")
        assert shown.end() == 2
    assert says in shown.shown
    assert json.loads(home.good("everyauth service get op -o json"))["configuration"]["clientId"] is None


def test_without_a_terminal_the_command_is_suggested(home):
    placed(home)
    home.bad("everyauth service set op --client-id one", 2, "needs sub (your subdomain)", "set op --param sub=...")
    home.bad("everyauth service set op --param sbu=x", 2, "did you mean sub?", "--param sub=...")
    home.bad("everyauth service set op --param sub=acme.op.example", 2, "did you mean acme?", "--param sub=acme")


def test_a_service_that_is_not_set_says_what_to_register_and_where(home):
    home.entry(docs="https://op.example/docs", title="Operator")
    home.bad(
        "everyauth login op",
        2,
        "register an app at Operator (https://op.example/docs)",
        "http://127.0.0.1:28282/callback/op",
        "everyauth service set op --client-id ID --client-secret -",
    )


def test_a_shipped_entry_is_exported_as_it_is(home):
    assert home.good("everyauth service export pagerduty") == (SHIPPED / "pagerduty.toml").read_text()


def test_an_entry_of_your_own_is_exported_in_the_order_of_the_catalogue(home):
    placed(home)
    done = home("everyauth service export op")
    assert done.code == 0
    entry = tomllib.loads(done.out)
    assert entry == PLACED
    assert list(entry)[:5] == ["title", "docs", "authorization_endpoint", "token_endpoint", "aliases"]
    for missing in ("sources", "checked"):
        assert f"Still to do before a pull request: {missing}, " in done.err
    assert "pull request: docs" not in done.err
    assert json.loads(home.good("everyauth service export op -o json"))["toml"] == done.out


def test_your_keys_are_exported_over_those_of_the_catalogue(home):
    path = home.command.home / "services" / "pagerduty.toml"
    path.parent.mkdir(parents=True)
    path.write_text('token_endpoint = "http://127.0.0.1:9/token"\n')
    done = home("everyauth service export pagerduty")
    entry = tomllib.loads(done.out)
    shipped = tomllib.loads((SHIPPED / "pagerduty.toml").read_text())
    assert entry == {**shipped, "token_endpoint": "http://127.0.0.1:9/token"}
    assert isinstance(entry["checked"], date)
    assert "http://127.0.0.1:9/token is on this machine" in done.err
    # What was exported is an entry again.
    path.write_text(done.out)
    assert home.good("everyauth service export pagerduty") == done.out


def test_a_wrong_entry_is_not_exported(home):
    home.entry(tokn_endpoint="x")
    home.bad("everyauth service export op", 2, "unknown key tokn_endpoint", "did you mean token_endpoint?")


def test_the_guide_says_what_takes_the_tokens(home):
    lines = home.good("everyauth service get github --long").splitlines()
    for line in (
        "  device         https://github.com/login/device/code",
        "  API            https://api.github.com",
        "  variables      GH_TOKEN, GITHUB_TOKEN",
        "  git            github.com, gist.github.com (user name x-access-token)",
    ):
        assert line in lines
    shown = json.loads(home.good("everyauth service get notion -o json"))
    assert (shown["apiBase"], [*shown["apiHeaders"]]) == ("https://api.notion.com/v1", ["Notion-Version"])
    assert (shown["tokenVariables"], shown["gitHosts"], shown["gitUsername"]) == (["NOTION_TOKEN"], [], None)
    assert (shown["grantTypesSupported"], shown["deviceAuthorizationEndpoint"], shown["issuer"]) == ([], None, None)
