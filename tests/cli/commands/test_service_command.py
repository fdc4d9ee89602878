"""`everyauth service`: the catalogue and our registration at each service, as people set and read them."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from urllib.parse import parse_qs, urlsplit

import pytest
from peers.sandbox import SEALED, authorization_url, browser, sandbox_shell, use_free_ports
from peers.terminal import terminal

pytestmark = pytest.mark.slow

HISTORY = "shell's history"
PAGERDUTY = {
    "id": "pagerduty",
    "title": "PagerDuty",
    "docs": "https://developer.pagerduty.com/docs/oauth-functionality",
    "authorizationEndpoint": "https://identity.pagerduty.com/oauth/authorize",
    "tokenEndpoint": "https://identity.pagerduty.com/oauth/token",
    "revocationEndpoint": None,
    "redirectUri": "http://127.0.0.1:28282/callback/pagerduty",
    "added": False,
}
MINE = """
authorization_endpoint = "https://{host}/authorize"
token_endpoint = "https://{host}/token"
docs = "https://example.com/docs"

[params.host]
help = "the host of your account"

[params.region]
help = "where it lies"
default = "eu"
"""


@pytest.fixture
def everyauth(everyauth):
    """The command over a sealed store, in a home with no file in it."""
    plain = everyauth.environment
    everyauth.environment = lambda extra=None: plain({**SEALED, **(extra or {})})
    return everyauth


def ok(done) -> str:
    assert done.code == 0, done
    return done.out


def refused(done, code: int, *says: str) -> str:
    assert (done.code, done.out) == (code, ""), done
    assert "Traceback" not in done.err
    assert all(text in done.err for text in says), done.err
    return done.err


def configuration(everyauth, name: str = "pagerduty") -> dict[str, object]:
    return json.loads(ok(everyauth("service", "get", name, "-o", "json")))["configuration"]


def write_mine(everyauth, text: str = MINE) -> None:
    path = everyauth.home / "services" / "mine.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def on_a_terminal(everyauth, *arguments: str):
    return terminal([*everyauth.argv, *arguments], everyauth.environment({"TERM": "dumb"}))


def test_a_service_that_is_not_set_is_shown_with_its_documentation(everyauth):
    lines = ok(everyauth("service", "get", "pagerduty", "--long")).splitlines()
    assert lines[-1] == PAGERDUTY["redirectUri"]
    assert [line.split()[-1] for line in lines if line.strip().startswith("documentation")] == [PAGERDUTY["docs"]]
    assert sum(line.endswith("not set") for line in lines) == 2
    shown = json.loads(ok(everyauth("service", "get", "pagerduty", "-o", "json")))
    unset = {"clientId": None, "clientSecret": None, "port": None, "redirectUri": None, "params": {}}
    assert shown["configuration"] == {"scope": "read", **unset}
    assert PAGERDUTY.items() <= shown.items()


def test_only_what_is_named_changes(everyauth):
    first = everyauth("service", "set", "pagerduty", "--clientId", "one", "--clientSecret", "hidden", "--scope", "read")
    assert ok(first) == PAGERDUTY["redirectUri"] + "\n"
    expected = {"scope": "read", "clientId": "one", "clientSecret": "***", "port": None, "redirectUri": None}
    expected["params"] = {}
    assert configuration(everyauth) == expected
    for option, value, key, kept in [
        ("--scope", "read write", "scope", "read write"),
        ("--client-id", "two", "clientId", "two"),
        ("--port", "29000", "port", 29000),
        ("--client-secret", "", "clientSecret", None),
    ]:
        done = everyauth("service", "set", "pagerduty", option, value)
        expected[key] = kept
        assert ok(done)
        assert configuration(everyauth) == expected
        assert "hidden" not in done.out + done.err


def test_secrets_are_shown_as_stars(everyauth):
    done = everyauth("service", "set", "pagerduty", "--client-id", "one", "--client-secret", "hidden", "-o", "json")
    saved = json.loads(ok(done))
    assert saved["configuration"]["clientSecret"] == "***"
    shown = everyauth("service", "get", "pagerduty", "--long", "--verbose")
    assert "client secret  ***" in shown.out
    assert "hidden" not in done.out + done.err + shown.out + shown.err
    assert json.loads(ok(everyauth("service", "get", "pagerduty", "-o", "json"))) == saved


@pytest.mark.parametrize(
    "given",
    [
        "sandbox-secret-not-a-real-secret",
        "sandbox-secret-not-a-real-secret\n",
        "sandbox-secret-not-a-real-secret\r\n",
    ],
)
def test_a_secret_of_a_dash_is_read_from_standard_input(everyauth, given):
    with sandbox_shell(everyauth, registered=False) as shell:
        shell.register()
        ok(everyauth("service", "set", "pagerduty", "--client-secret", "wrong"))
        done = everyauth("service", "set", "pagerduty", "--client-secret", "-", input=given)
        assert ok(done)
        assert HISTORY not in done.err
        # The server compares it exactly.
        shell.log_in()


def test_no_secret_on_standard_input_is_an_error_and_changes_nothing(everyauth):
    refused(everyauth("service", "set", "pagerduty", "--client-secret", "-", input=""), 2, "client secret", "printf")
    assert configuration(everyauth)["clientSecret"] is None


def test_a_secret_is_asked_for_without_echo_on_a_terminal(everyauth):
    with on_a_terminal(everyauth, "service", "set", "pagerduty", "--client-id", "one", "--client-secret", "-") as shown:
        shown.wait_for("client secret: ")
        shown.type("hidden\n")
        assert shown.end() == 0
    assert "hidden" not in shown.shown
    assert HISTORY not in shown.shown
    assert PAGERDUTY["redirectUri"] in shown.shown.splitlines()
    assert configuration(everyauth)["clientSecret"] == "***"


def test_a_secret_in_argv_works_and_on_a_terminal_gives_one_line_of_advice(everyauth):
    with on_a_terminal(everyauth, "service", "set", "pagerduty", "--clientSecret", "hidden") as shown:
        assert shown.end() == 0
    assert [HISTORY in line for line in shown.shown.splitlines()].count(True) == 1
    assert "hidden" not in shown.shown
    assert configuration(everyauth)["clientSecret"] == "***"
    assert HISTORY not in everyauth("service", "set", "pagerduty", "--clientSecret", "hidden").err


def test_with_nothing_to_set_it_lists_what_can_be_set(everyauth):
    settings = [line.split("\t")[0] for line in ok(everyauth("service", "set", "pagerduty")).splitlines()]
    assert settings == ["--scope", "--client-id", "--client-secret", "--private-key", "--port", "--redirect-uri"]
    write_mine(everyauth)
    listed = json.loads(ok(everyauth("service", "set", "mine", "-o", "json")))
    assert listed["next"] is None
    further = {item["setting"]: item["help"] for item in listed["items"][len(settings) :]}
    assert further == {"--param host=": "the host of your account", "--param region=": "where it lies (default eu)"}


def test_further_settings_are_those_that_the_entry_declares(everyauth):
    refused(everyauth("service", "set", "pagerduty", "--param", "host=a.example"), 2, "pagerduty", "'host'", "none")
    write_mine(everyauth)
    refused(everyauth("service", "set", "mine", "--param", "hots=a.example"), 2, "'hots'", "host, region")
    refused(everyauth("service", "set", "mine", "--param", "host"), 2, "--param key=value")
    refused(everyauth("service", "set", "mine", "--param", "host=evil.example/path?"), 2, "host name")
    needs = "mine needs host (the host of your account); nothing was saved"
    refused(everyauth("service", "set", "mine", "--client-id", "one"), 2, needs, "service set mine --param host=...")
    assert configuration(everyauth, "mine")["clientId"] is None
    refused(everyauth("login", "mine"), 2, "everyauth service set mine --client-id ID --client-secret - --param host=")
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        # A login first finds out whether the token endpoint can be reached.
        local = f"http://127.0.0.1:{endpoint.getsockname()[1]}/token"
        write_mine(everyauth, MINE.replace("https://{host}/token", local))
        ok(everyauth("service", "set", "mine", "--client-id", "one", "--param", "host=a.example"))
        assert configuration(everyauth, "mine")["params"] == {"host": "a.example"}
        use_free_ports(everyauth)
        process = everyauth.start("login", "mine", "--no-browser")
        assert authorization_url(process).startswith("https://a.example/authorize?")


def test_the_port_of_the_redirect_uri_can_be_another(everyauth):
    uri = "http://127.0.0.1:29000/callback/pagerduty"
    assert ok(everyauth("service", "set", "pagerduty", "--port", "29000")) == uri + "\n"
    assert ok(everyauth("service", "get", "pagerduty")).splitlines()[-1] == uri
    for port in ("0", "65536", "many"):
        refused(everyauth("service", "set", "pagerduty", "--port", port), 2, "--port")


def test_the_catalogue_is_listed_with_what_is_set(everyauth):
    assert "pagerduty\tPagerDuty\t" in ok(everyauth("service", "ls")).splitlines()
    ok(everyauth("service", "set", "pagerduty", "--client-id", "one"))
    assert "pagerduty\tPagerDuty\tone" in ok(everyauth("service", "ls")).splitlines()
    assert ok(everyauth("service", "ls", "pagerduty")) == "pagerduty\tPagerDuty\tone\n"
    listed = json.loads(ok(everyauth("service", "ls", "-o", "json")))
    first = {"id": "pagerduty", "title": "PagerDuty", "aliases": [], "presetOf": None}
    assert listed["items"][0] == {**first, "clientId": "one", "added": False}
    with on_a_terminal(everyauth, "service", "ls") as shown:
        assert shown.end() == 0
    assert re.search(r"SET UP\n✓  pagerduty  PagerDuty  one\n\n.* MORE\n  42-school +\S", shown.shown)
    with on_a_terminal(everyauth, "service", "ls", "--long") as shown:
        assert shown.end() == 0
    assert ("CLIENT ID" in shown.shown, "\x1b" in shown.shown) == (True, False)


def test_an_added_service_is_written_logged_in_at_and_removed(everyauth):
    with sandbox_shell(everyauth, callback="mine") as shell:
        endpoints = shell.sandbox.override("pagerduty")
        path = everyauth.home / "services" / "mine.toml"
        added = everyauth(
            *("service", "add", "mine", "--authorize-url", endpoints["authorization_endpoint"]),
            *(
                "--token-url",
                endpoints["token_endpoint"],
                "--scope",
                "openid read",
                "--authorize-param",
                "prompt=login",
            ),
            *("--docs", "https://example.com/docs", "--client-auth", "client_secret_post"),
        )
        assert ok(added) == ""
        assert str(path) in added.err
        assert "everyauth service set mine" in added.err
        assert tomllib.loads(path.read_text()) == {
            "authorization_endpoint": endpoints["authorization_endpoint"],
            "token_endpoint": endpoints["token_endpoint"],
            "scopes": ["openid", "read"],
            "authorization_params": {"prompt": "login"},
            "docs": "https://example.com/docs",
            "token_endpoint_auth_method": "client_secret_post",
        }
        port = urlsplit(shell.sandbox.redirect_uri).port
        uri = shell.good(
            "everyauth service set mine --client-id sandbox-client --client-secret sandbox-secret-not-a-real-secret"
            f" --port {port}"
        )
        assert uri == shell.sandbox.redirect_uri + "\n"
        shell.bad("everyauth login mine", 5, "is for https://api.pagerduty.com too", "allow it with id_token_audiences")
        path.write_text('id_token_audiences = ["https://api.pagerduty.com"]\n' + path.read_text())
        process = shell.start("everyauth login mine", env={"BROWSER": browser()})
        query = parse_qs(urlsplit(authorization_url(process)).query)
        assert (query["prompt"], query["scope"]) == (["login"], ["openid read"])
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert shell.works(shell.good("everyauth token mine").strip())

        removed = everyauth("service", "rm", "mine", "--yes")
        assert ok(removed) == ""
        assert "Removed the client of mine and your catalogue entry mine." in removed.err
        assert not path.exists()
        shell.bad("everyauth service get mine", 3, "mine")


@pytest.mark.parametrize(
    ("name", "urls", "says"),
    [
        ("mine", ("http://auth.example/a", "https://auth.example/t"), ["authorization_endpoint", "https"]),
        ("mine", ("https://auth.example/a", "http://auth.example/t"), ["token_endpoint", "https"]),
        ("mine", ("https://auth.example/a", "http://127.0.0.1.example/t"), ["token_endpoint", "https"]),
        ("mine", ("https://auth.example/a", "auth.example/t"), ["token_endpoint", "https"]),
        (
            "mine",
            ("https://user:hidden@auth.example/a", "https://auth.example/t"),
            ["authorization_endpoint", "password"],
        ),
        ("pagerduty", ("https://auth.example/a", "https://auth.example/t"), ["already in the catalogue"]),
        ("No Name", ("https://auth.example/a", "https://auth.example/t"), ["a-z"]),
        ("../mine", ("https://auth.example/a", "https://auth.example/t"), ["a-z"]),
    ],
)
def test_a_service_with_a_bad_name_or_endpoint_is_not_added(everyauth, name, urls, says):
    done = everyauth("service", "add", name, "--authorize-url", urls[0], "--token-url", urls[1])
    refused(done, 2, *says)
    assert not list(everyauth.home.rglob("*.toml"))


def test_whether_tokens_can_be_revoked_is_shown(everyauth):
    urls = ("--authorize-url", "https://auth.example/a", "--token-url", "https://auth.example/t")
    refused(
        everyauth("service", "add", "mine", *urls, "--revoke-url", "http://auth.example/r"),
        2,
        "revocation_endpoint",
        "http",
    )
    ok(everyauth("service", "add", "mine", *urls, "--revoke-url", "https://auth.example/r"))
    assert "  revocation     https://auth.example/r\n" in ok(everyauth("service", "get", "mine", "--long"))
    assert (
        json.loads(ok(everyauth("service", "get", "mine", "-o", "json")))["revocationEndpoint"]
        == "https://auth.example/r"
    )
    path = everyauth.home / "services" / "mine.toml"
    path.write_text(path.read_text() + 'revocation_ends = "grant"\n')
    assert "  revocation     https://auth.example/r (revokes the whole grant)\n" in ok(
        everyauth("service", "get", "mine", "--long")
    )
    says = "  revocation     none: tokens are valid until they expire or are revoked at PagerDuty\n"
    assert says in ok(everyauth("service", "get", "pagerduty", "--long"))


def test_plain_http_is_for_loopback_alone_in_a_file_too(everyauth):
    write_mine(
        everyauth, 'authorization_endpoint = "https://auth.example/a"\ntoken_endpoint = "http://auth.example/t"\n'
    )
    refused(everyauth("service", "get", "mine"), 2, "mine.toml:2", "token_endpoint", "https")


def test_removing_asks_for_confirmation_and_names_what_it_removes(everyauth):
    ok(everyauth("service", "set", "pagerduty", "--client-id", "one"))
    refused(everyauth("service", "rm", "pagerduty", input="y\n"), 2, "--yes")
    for typed, left in [("n\n", "one"), ("\n", "one"), ("y\n", None)]:
        with on_a_terminal(everyauth, "service", "rm", "pagerduty") as shown:
            shown.wait_for("Remove the client of pagerduty?")
            shown.type(typed)
            assert shown.end() == 0
        assert configuration(everyauth)["clientId"] == left
    refused(everyauth("service", "rm", "pagerduty", "--yes"), 3, "pagerduty has no client")


def test_the_environment_overrides_the_stored_client(everyauth):
    with sandbox_shell(everyauth, registered=False) as shell:
        port = urlsplit(shell.sandbox.redirect_uri).port
        shell.good(f"everyauth service set pagerduty --client-id other --client-secret wrong --port {port}")
        shell.env["EVERYAUTH_PAGERDUTY_CLIENT_ID"] = "sandbox-client"
        shell.bad("everyauth login pagerduty", 2, "does not accept the client", "everyauth service set pagerduty")
        shell.env["EVERYAUTH_PAGERDUTY_CLIENT_SECRET"] = "sandbox-secret-not-a-real-secret"
        shell.good("everyauth login pagerduty")
        shown = json.loads(shell.good("everyauth service get pagerduty -o json"))["configuration"]
        assert (shown["clientId"], shown["clientSecret"]) == ("sandbox-client", "***")


@pytest.mark.parametrize(
    "words",
    [["service", "set", "pagerduty", "--client_id", "x"], ["service", "ls", "--all"], ["--outptu", "json"], ["logn"]],
)
def test_an_unknown_option_or_command_is_a_usage_error(everyauth, words):
    shown = refused(everyauth(*words), 2, "error: ", "try: everyauth ")
    as_json = refused(everyauth(*words, "-o", "json"), 2)
    error = json.loads(as_json.splitlines()[-1])["error"]
    assert error["code"] == "usage"
    assert error["message"] in shown
