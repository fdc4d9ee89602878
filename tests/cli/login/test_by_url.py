"""`everyauth login URL`: the whole journey at a server of which nothing is known, as people type it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time

import pytest
from peers.mcp_server import BROWSER, mcp_server
from peers.sandbox import KEY, use_free_ports

pytestmark = pytest.mark.slow

ODD = "https://mcp.example/a?b=1&c='"
LATE = ("discover", "registration", "protected_resource", "flows.servers")
"""The modules, by a part of their names, that a service of the catalogue does without."""
ENV = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY, "BROWSER": BROWSER}


@pytest.fixture
def server():
    with mcp_server() as server:
        yield server


@pytest.fixture
def run(everyauth):
    use_free_ports(everyauth)
    return lambda *line, env=None, **more: everyauth(*line, env={**ENV, **(env or {})}, **more)


def test_a_login_a_token_a_refresh_and_a_logout_by_the_url(run, server):
    done = run("login", server.url)
    assert done.code == 0, done
    assert f'Logged in to {server.url} (user "me").' in done.err
    assert f"everyauth token {server.url}" in done.err
    assert run("token", server.url).out == "access-1\n"
    assert run("identity", "refresh").code == 0
    assert run("token", server.url).out == "access-2\n"
    assert [form["grant_type"] for form in server.forms] == ["authorization_code", "refresh_token"]
    assert {form["resource"] for form in server.forms} == {server.url}
    (line,) = run("identity", "ls").out.splitlines()
    assert line.startswith(f"{server.url}\tme\t")
    assert run("status").code == 0
    assert json.loads(run("status", "-o", "json").out)["identities"][0]["serviceId"] == server.url
    assert json.loads(run("identity", "get", server.url, "me").out)["everyauth"]["serviceId"] == server.url
    assert (done := run("doctor")).code == 0, done.out
    guide = run("service", "get", server.url, "--long")
    assert guide.code == 0
    assert "Where it does not, register an app there yourself, with this redirect URI." in guide.out
    assert "to enter there" not in guide.out
    assert run("logout", server.url).code == 0
    assert server.revoked == ["refresh-2", "access-2"]
    assert (done := run("token", server.url)).code == 4
    assert f"everyauth login {server.url}" in done.err
    assert server.counts["/register"] == 1


def test_another_user_s_login_goes_by_what_was_found_until_one_fails(run, server):
    place = "/.well-known/oauth-protected-resource/mcp"
    assert run("login", server.url).code == 0
    late = run("login", server.url, "--user", "c", "--timeout", "1s", env={"BROWSER": "true"})
    assert (late.code, server.counts[place]) == (4, 1)
    assert run("login", server.url, "--user", "c").code == 0
    assert (server.counts[place], server.counts["/register"]) == (2, 1)


def test_the_files_have_a_slug_for_a_name(run, server, everyauth):
    run("login", server.url)
    assert len(list(everyauth.home.rglob("127-0-0-1-*-mcp-*.jsonl"))) == 1
    assert server.requested[0]["redirect_uri"].rpartition("/")[2].startswith("127-0-0-1-")


def test_a_server_that_needs_no_login_gets_none(run, server):
    server.respond = lambda *about: (200, {}, {}) if about[0] == "POST" else (404, {}, {})
    done = run("login", f"{server.base}/open")
    assert (done.code, done.out) == (0, "")
    assert "needs no login; nothing was stored" in done.err
    assert json.loads(run("login", f"{server.base}/open", "-o", "json").out) == {
        "serviceId": f"{server.base}/open",
        "loginNeeded": False,
    }


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (["login", "http://mcp.example/mcp"], 2, "plain http"),
        (["login", "https://me@mcp.example/mcp"], 2, "user name"),
        (["login", "https://mcp.example/{x}"], 2, "braces"),
        (["token", "https://mcp.example:99999/"], 2, "cannot be used"),
        (["logout", "https://mcp.example/a b"], 2, "cannot be used"),
        (["identity", "ls", "--service", "http://mcp.example"], 2, "plain http"),
        (["login", "https://mcp.example", "--sandbox"], 2, "sandbox"),
        (["login", "pagerduty", "--assume-pkce"], 2, "--assume-pkce"),
        (["login", "pagerduty", "--client", "github"], 2, "--client is for the URL of a server"),
        (["login", "https://mcp.example", "--client", "a", "--client-id", "https://b.example/c"], 2, "give one"),
        (["login", "https://mcp.example", "--client-id", "b.example/c"], 2, "cannot be"),
        (["service", "metadata", "https://me.example"], 2, "with a path"),
        (["doctor", "pagerduty"], 2, "no URL"),
        (["login", "https://mcp.example", "--client-credentials"], 2, "--client names the service"),
        (["init", "https://mcp.example"], 2, "everyauth login https://mcp.example"),
        (["service", "get", "https://mcp.example"], 2, "everyauth login https://mcp.example"),
        (["service", "export", "https://mcp.example/../x"], 2, "no client"),
        (
            ["token", ODD],
            4,
            f"everyauth login {shlex.quote(ODD)}",
        ),
    ],
)
def test_what_cannot_be_done_says_what_can(run, line, code, says):
    done = run(*line)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


def test_a_server_that_contradicts_itself_gets_no_browser(run, server):
    server.resource = {"resource": f"{server.base}/elsewhere"}
    done = run("login", server.url)
    assert (done.code, done.out) == (5, "")
    assert f'"{server.base}/elsewhere", which does not cover {server.url}' in done.err
    server.resource, server.metadata = {}, {"issuer": "https://other.example"}
    done = run("login", server.url)
    assert (done.code, server.requested) == (5, [])
    assert '"https://other.example"' in done.err


def test_a_server_is_examined_without_a_login(run, server):
    server.metadata |= {"issuer": f"{server.base}/", "response_types_supported": ["code"]}
    done = run("doctor", server.url)
    assert done.code == 0
    assert f"{server.url} has its logins at {server.base}/" in done.out
    assert "RFC 8414 section 3.3" in done.out
    server.metadata = {}
    done = run("doctor", server.url, "-o", "json")
    assert done.code == 5
    *_, last = json.loads(done.out)["findings"]
    assert (last["status"], last["mendedBy"]) == ("failed", "127.0.0.1")
    assert last["command"] == f"everyauth login {server.url} --assume-pkce"
    assert server.counts.keys().isdisjoint({"/register", "/authorize", "/token"})


def test_a_document_is_printed_to_be_hosted(run):
    document = json.loads(run("service", "metadata", "https://me.example/everyauth.json").out)
    assert document["client_id"] == "https://me.example/everyauth.json"


def test_a_client_of_a_service_is_named_once(run, server, everyauth):
    services = everyauth.home / "services"
    services.mkdir(parents=True)
    entry = f'authorization_endpoint = "{server.base}/authorize"\ntoken_endpoint = "{server.base}/token"\n'
    (services / "acme.toml").write_text(entry)
    assert run("service", "set", "acme", "--client-id", "ours").code == 0
    server.metadata["registration_endpoint"] = None
    done = run("login", server.url)
    assert done.code == 2
    assert f"everyauth login {server.url} --client acme" in done.err
    assert run("login", server.url, "--client", "acme").code == 0
    assert run("login", server.url).code == 0
    assert {form["client_id"] for form in server.forms} == {"ours"}
    assert {query["redirect_uri"].rpartition("/")[2] for query in server.requested} == {"acme"}


def test_a_token_of_the_client_s_own_at_a_url(run, server, everyauth):
    services = everyauth.home / "services"
    services.mkdir(parents=True)
    entry = f'authorization_endpoint = "{server.base}/authorize"\ntoken_endpoint = "{server.base}/token"\n'
    (services / "acme.toml").write_text(entry + 'token_endpoint_auth_method = "client_secret_post"\n')
    line = ("login", server.url, "--client-credentials")
    done = run(*line, "--client", "acme")
    assert (done.code, done.out, server.counts) == (2, "", {})
    assert "acme has no client yet" in done.err
    assert "redirect URI" not in done.err
    assert run("service", "set", "acme", "--client-id", "ours", "--client-secret", "-", input="s3cret\n").code == 0
    done = run(*line, "--client", "acme")
    assert done.code == 0, done
    assert run("token", server.url).out == "access-1\n"
    # Its renewal is suggested without the client's name, which is remembered.
    assert run(*line).code == 0
    assert run("identity", "refresh").code == 0
    assert run("token", server.url).out == "access-3\n"
    assert [(form["grant_type"], form["resource"]) for form in server.forms] == [("client_credentials", server.url)] * 3
    assert "/register" not in server.counts


def test_an_authorization_endpoint_of_another_owner_is_pointed_out(run, server):
    server.metadata["authorization_endpoint"] = "https://accounts.example/authorize"
    done = run("login", server.url, "--no-browser", "--timeout", "1s")
    assert (done.code, done.out) == (4, "")
    assert "the browser goes to accounts.example, and what you grant there is handed to 127.0.0.1" in done.err


def test_pkce_that_is_not_stated_can_be_assumed(run, server):
    server.metadata = {}
    done = run("login", server.url)
    assert done.code == 5
    assert f"everyauth login {server.url} --assume-pkce" in done.err
    assert run("login", server.url, "--assume-pkce").code == 0


def test_a_step_up_asks_for_the_union_at_most_three_times(run, server):
    server.metadata["scopes_supported"] = ["offline_access"]
    assert run("login", server.url).code == 0
    for scope in ("write", "admin"):
        assert run("login", server.url, "--scope", scope).code == 0
    assert [query["scope"] for query in server.requested] == [
        "read offline_access",
        "read offline_access write",
        "read offline_access write admin",
    ]
    done = run("login", server.url, "--scope", "more")
    assert (done.code, done.out, len(server.requested)) == (4, "", 3)
    assert "3 logins at" in done.err
    assert run("login", server.url).code == 0


def test_a_client_that_the_token_endpoint_rejects_is_replaced_once(run, server):
    assert run("login", server.url).code == 0
    server.rejected.add("client-1")
    done = run("login", server.url)
    assert done.code == 0, done
    assert "it gets another one" in done.err
    assert server.counts["/register"] == 2
    assert run("token", server.url).code == 0
    server.rejected |= {"client-2", "client-3"}
    done = run("login", server.url)
    assert (done.code, server.counts["/register"]) == (2, 3)
    assert f"everyauth login {server.url}" in done.err
    done = run("identity", "refresh")
    assert done.code == 4, done


@pytest.mark.slow
def test_many_processes_on_a_stale_registration_make_one_and_open_one_browser(run, server, everyauth):
    assert run("login", server.url).code == 0
    server.unknown.add("client-1")
    respond, place = server.respond, "/.well-known/oauth-protected-resource/mcp"

    def late(*about):
        # The first login ends once every process has begun, however busy the machine is.
        while about[1] == "/token" and server.counts[place] < 13:
            time.sleep(0.05)
        return respond(*about)

    server.respond = late
    started = [everyauth.start("login", server.url, env=ENV) for _ in range(12)]
    outcomes = [process.communicate(timeout=90) for process in started]
    assert [process.returncode for process in started] == [0] * 12, outcomes
    assert server.counts["/register"] == 2
    assert len([form for form in server.forms if form["grant_type"] == "authorization_code"]) == 2
    assert len({run("token", server.url).out for _ in range(3)}) == 1


@pytest.mark.slow
def test_a_login_at_an_independent_server_and_a_refresh_by_another_process(run, oidc_provider):
    env = {"BROWSER": oidc_provider.browser()}
    done = run("login", oidc_provider.issuer, env=env)
    assert done.code == 0, done
    assert "alice@example.test" in done.err
    token = run("token", oidc_provider.issuer).out
    refreshed = run("identity", "refresh", env=env)
    assert refreshed.code == 0, refreshed
    assert run("token", oidc_provider.issuer).out not in ("", token)
    assert run("identity", "check").code == 0
    assert run("logout", oidc_provider.issuer).code == 0


@pytest.mark.parametrize("name", ["pagerduty", "github"])
def test_discovery_is_not_imported_for_a_service_of_the_catalogue(name):
    code = f"""
import sys
import everyauth_cli.cli.commands.login, everyauth_cli.cli.commands.token, everyauth_cli.flows.login
from everyauth_cli.services.catalogue import Catalogue
Catalogue().get({name!r})
print([name for name in sys.modules if any(part in name for part in {LATE}) and name.startswith("everyauth")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_url_without_a_scheme_is_suggested_with_it(run):
    done = run("login", "mcp.example.com/mcp")
    assert (done.code, done.out) == (3, "")
    assert "try: everyauth login https://mcp.example.com/mcp" in done.err


def test_a_password_in_a_url_is_not_shown(run):
    done = run("login", "https://me:hidden@mcp.example.com/mcp")
    assert (done.code, done.out) == (2, "")
    assert "hidden" not in done.err
