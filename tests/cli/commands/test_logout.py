"""`everyauth logout` and `identity rm`: revoked at a real provider, deleted whatever a false one responds."""

from __future__ import annotations

import json
import signal
import time

import httpx
import pytest
from peers.front import Gate, Response, front, html, json_error
from peers.home import Home
from peers.oidc_provider import running
from peers.ports import free_port

pytestmark = pytest.mark.slow

BOTH = ["refresh_token", "access_token"]
DELETED = 'Deleted user "me" at op. '
STILL_VALID = (
    "at op its access token stays valid for 59 minutes, its refresh token stays valid as long as op accepts it"
)


@pytest.fixture(scope="module")
def provider():
    with running() as provider:
        yield provider


@pytest.fixture
def home(everyauth):
    return Home(everyauth)


@pytest.fixture
def endpoint(home):
    """A revocation endpoint that accepts everything, with a user logged in before it."""
    with front("http://127.0.0.1:9/") as endpoint:
        endpoint.lie = Response(200, "text/plain", b"")
        home.entry(revocation_endpoint=endpoint.url)
        home.log_in()
        yield endpoint


def at_the_provider(
    home, provider, *, auth: str = "client_secret_post", client: str = "web-post", **keys: object
) -> None:
    urls = {"authorization_endpoint": provider.authorization_endpoint, "token_endpoint": provider.token_endpoint}
    revocation = {
        "revocation_endpoint": provider.revocation_url,
        "token_endpoint_auth_method": auth,
        "scopes": ["openid"],
    }
    home.entry(**{**urls, **revocation, **keys})
    secret = f" --client-secret {provider.client_secret}" if auth != "none" else ""
    home.good(f"everyauth service set op --client-id {client} --port {free_port()}{secret}")
    home.good("everyauth login op", env={"BROWSER": provider.browser()})


def honoured(provider, access: str, refresh: str) -> tuple[bool, bool]:
    """Whether the provider accepts the tokens: at its userinfo endpoint and at its token endpoint."""
    auth = {"client_id": "web-post", "client_secret": provider.client_secret}
    with httpx.Client(trust_env=False) as client:
        userinfo = client.get(provider.userinfo_url, headers={"Authorization": f"Bearer {access}"})
        fields = {"grant_type": "refresh_token", "refresh_token": refresh, **auth}
        return userinfo.status_code == 200, client.post(provider.token_endpoint, data=fields).status_code == 200


def test_after_a_logout_the_provider_refuses_both_tokens(home, provider):
    at_the_provider(home, provider)
    tokens = home.tokens()
    done = home("everyauth logout op")
    assert (done.code, done.out, done.err) == (0, "", 'Logged user "me" out of op: revoked there and deleted here.\n')
    assert honoured(provider, *tokens) == (False, False)
    assert home.users() == []
    home.bad("everyauth token op", 4, "everyauth login op")


@pytest.mark.parametrize(("auth", "client"), [("client_secret_basic", "web"), ("none", "native")])
def test_the_provider_takes_every_client_authentication(home, provider, auth, client):
    at_the_provider(home, provider, auth=auth, client=client)
    access, _ = home.tokens()
    assert json.loads(home.good("everyauth identity rm op me --yes -o json"))["revoked"] == BOTH
    assert honoured(provider, access, "")[0] is False


def test_local_leaves_both_tokens_alive(home, provider):
    at_the_provider(home, provider)
    tokens = home.tokens()
    done = home("everyauth logout op --local")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"{DELETED}Nothing was revoked there: its access token stays valid for 59 minutes, ")
    assert honoured(provider, *tokens) == (True, True)
    assert home.users() == []


def test_a_logout_that_was_killed_between_its_requests_is_ended_by_the_next(home, provider):
    with front(provider.revocation_url) as endpoint:
        at_the_provider(home, provider, revocation_endpoint=endpoint.url)
        tokens = home.tokens()
        endpoint.after = gate = Gate()
        process = home.command.start("logout", "op")
        assert gate.reached.wait(60)
        process.kill()
        assert process.wait(60) == -9
        endpoint.after = lambda: None
        gate.open.set()
        assert home.users() == ["me"]
        assert honoured(provider, *tokens)[1] is False
        assert "revoked there and deleted here" in home("everyauth logout op").err
    assert home.users() == []
    assert honoured(provider, *tokens) == (False, False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_until_it_is_revoked_and_deleted(home, endpoint, number):
    with front(endpoint.url) as waiting:
        waiting.before = gate = Gate()
        home.entry(revocation_endpoint=waiting.url)
        home.log_in()
        process = home.command.start("logout", "op")
        assert gate.reached.wait(60)
        process.send_signal(number)
        gate.open.set()
        assert process.wait(60) == (130 if number == signal.SIGINT else -number)
        assert [request["token_type_hint"] for request in waiting.requests] == BOTH
    assert home.users() == []


def test_a_refresh_during_a_logout_does_not_bring_it_back(home, endpoint):
    with front(endpoint.url) as waiting:
        waiting.before = gate = Gate()
        home.entry(revocation_endpoint=waiting.url)
        home.log_in()
        leaving = home.command.start("logout", "op")
        assert gate.reached.wait(60)
        asking = home.command.start("token", "op", "--rejected")
        asking.stdin.write(home.tokens()[0])
        asking.stdin.close()
        asking.stdin = None
        gate.open.set()
        assert leaving.wait(60) == 0
        out, err = asking.communicate(timeout=60)
    assert (asking.returncode, out) == (4, ""), err
    assert home.users() == []


FAILURES = {
    "503": (html(503), "op answers HTTP 503"),
    "html": (html(), "op answered with text/html where JSON was expected"),
    "invalid_client": (json_error("invalid_client", status=401), "op does not accept the client id and secret"),
    "invalid_request": (json_error("invalid_request", status=400), "op answered invalid_request (so it is)"),
    "down": (None, "cannot connect to 127.0.0.1"),
}


@pytest.mark.parametrize("line", ["everyauth logout op", "everyauth identity rm me --yes"])
@pytest.mark.parametrize(("lie", "says"), FAILURES.values(), ids=FAILURES)
def test_a_failing_revocation_is_an_error_and_keeps_no_copy(home, endpoint, line, lie, says):
    endpoint.lie = lie
    if lie is None:
        home.entry(revocation_endpoint=f"http://127.0.0.1:{free_port()}/revoke")
        home.log_in()
    home.bad(
        line, 5, f"error: {says}", f'user "me" was deleted here, but {STILL_VALID}', "  try: revoke it in op's settings"
    )
    assert home.users() == []
    home.bad("everyauth token op", 4, "everyauth login op")


def test_a_failing_revocation_as_json_has_a_code_and_a_hint(home, endpoint):
    home.entry(revocation_endpoint=endpoint.url, title="The OP", docs="https://op.example/docs")
    endpoint.lie = html(503)
    shown = json.loads(home.bad("everyauth logout op -o json", 5).splitlines()[-1])["error"]
    assert shown["code"] == "revocation_failed"
    assert shown["hint"] == "revoke it in The OP's settings; https://op.example/docs"
    assert "access-" not in str(shown)


@pytest.mark.parametrize("line", ["everyauth logout op", "everyauth logout op me", "everyauth identity rm op me --yes"])
def test_the_result_is_json_on_standard_output(home, endpoint, line):
    (identity,) = json.loads(home.good("everyauth identity ls -o json"))["items"]
    about = {"identityId": identity["identityId"], "serviceId": "op", "tags": {"userId": "me", "tenantId": "me"}}
    assert json.loads(home.good(f"{line} -o json")) == {**about, "revoked": BOTH, "notRevoked": []}
    assert [request["token_type_hint"] for request in endpoint.requests] == BOTH


def test_without_revocation_the_tokens_that_stay_valid_are_named(home):
    home.entry()
    home.log_in()
    done = home("everyauth logout op -o json")
    assert done.err.startswith(f"{DELETED}op offers no revocation: its access token stays valid for 59 minutes, ")
    assert (done.code, json.loads(done.out)["notRevoked"]) == (0, BOTH)
    home.server.extra = {"expires_in": None, "refresh_token": None}
    home.log_in()
    assert "its access token stays valid until it is revoked there." in home("everyauth logout op").err
    home.server.extra = {"expires_in": 1, "refresh_token": None}
    home.log_in()
    time.sleep(1.1)
    assert home("everyauth logout op").err == 'Logged user "me" out of op: deleted here; no token was left to revoke.\n'


def test_a_token_that_the_service_does_not_revoke_is_named(home, endpoint):
    endpoint.lie = json_error("unsupported_token_type", status=400)
    done = home("everyauth logout op")
    assert done.code == 0
    assert done.err.startswith(f"{DELETED}op does not revoke all of its tokens: its access token stays valid for ")


def test_an_unknown_user_is_not_found(home, endpoint):
    home.bad("everyauth logout op bob", 3, 'no user "bob" is logged in at op', "everyauth identity ls --service op")
    home.bad("everyauth -p work logout op bob", 3, "everyauth identity ls --service op --profile work")
    home.bad("everyauth logout op idn-unknown", 3, 'no user "idn-unknown" is logged in at op')
    home.bad("everyauth logout opp", 3, "did you mean op?")
    assert home.users() == ["me"]
    assert endpoint.requests == []


def test_a_user_named_like_an_id_is_reached_with_user_and_the_id_without(home, endpoint):
    (me,) = json.loads(home.good("everyauth identity ls -o json"))["items"]
    home.log_in(me["identityId"])
    for service in ("", "op "):
        by_id = json.loads(home.good(f"everyauth identity get {service}{me['identityId']}"))["everyauth"]["tags"]
        named = json.loads(home.good(f"everyauth identity get {service}--user {me['identityId']}"))["everyauth"]["tags"]
        assert (by_id["userId"], named["userId"]) == ("me", me["identityId"])
    assert home.good(f"everyauth token op {me['identityId']}") == home.good("everyauth token op")
    home.good(f"everyauth identity rm op --user {me['identityId']} --yes")
    assert home.users() == ["me"]
    home.good(f"everyauth logout op {me['identityId']}")
    assert home.users() == []


def test_one_of_several_is_named_by_a_command_that_works(home, endpoint):
    for tenant in ("acme", "umbrella"):
        home.log_in("bob", tenant=tenant)
    shown = home.bad("everyauth logout op bob --local", 3, "2 identities match bob", "tenant acme", "tenant umbrella")
    commands = [line.partition("   ")[0].strip() for line in shown.splitlines() if line.startswith("  everyauth")]
    assert all(line.startswith("everyauth logout op idn-") and line.endswith(" --local") for line in commands)
    home.good(commands[0])
    assert endpoint.requests == []
    assert 'Logged user "bob" of tenant "umbrella" out of op' in home("everyauth logout op bob").err
    assert home.users() == ["me"]


@pytest.fixture
def family(home, endpoint):
    """Three identities of one account, where revoking a token ends the grant, and one of another."""
    home.entry(revocation_endpoint=endpoint.url, revocation_ends="grant")
    home.log_in("bot", tenant="acme")
    home.log_in(profile="work")
    home.log_in("bob", account="bob")
    return endpoint


NAMED = [
    "op, user bot, tenant acme, profile default, alice@example.org",
    "op, user me, tenant me, profile work, alice@example.org",
]
LOGINS = ["everyauth login op --user bot --tenant acme", "everyauth login op --profile work"]


def test_siblings_are_named_and_nothing_ends_without_a_yes(home, family):
    home.bad("everyauth logout op", 2, *NAMED, "confirmation needed", "pass --yes")
    home.bad("everyauth identity rm op me", 2, *NAMED, "--yes")
    with home.at_a_terminal("everyauth logout op") as shown:
        shown.wait_for('Log user "me" out of op, and those above with it? [y/N]')
        assert all(name in shown.shown for name in NAMED)
        shown.type("n\n")
        assert shown.end() == 0
    assert "Nothing was deleted." in shown.shown
    assert family.requests == []
    assert len(home.users()) == 4


def test_after_a_yes_the_logins_of_the_siblings_are_suggested(home, family):
    with home.at_a_terminal("everyauth logout op") as shown:
        shown.wait_for("[y/N]")
        shown.type("y\n")
        assert shown.end() == 0
    assert 'Logged user "me" out of op: revoked there and deleted here.' in shown.shown
    assert all(f"  {login}\n" in shown.shown for login in LOGINS)
    assert [request["token_type_hint"] for request in family.requests] == ["refresh_token"]
    assert sorted(home.users()) == ["bob", "bot", "me"]


def test_yes_beforehand_names_the_siblings_all_the_same(home, family):
    done = home("everyauth logout op --yes -o json")
    assert (done.code, json.loads(done.out)["revoked"]) == (0, BOTH)
    assert all(text in done.err for text in [*NAMED, *LOGINS])


def test_a_revocation_that_fails_ends_no_sibling(home, family):
    family.lie = html(503)
    shown = home.bad("everyauth logout op --yes", 5, *NAMED)
    assert not [login for login in LOGINS if login in shown]


@pytest.mark.parametrize("line", ["everyauth logout op --local", "everyauth logout op bob"])
def test_where_no_sibling_would_end_none_is_named_and_no_question_asked(home, family, line):
    done = home(line)
    assert (done.code, done.out) == (0, "")
    assert "ends the whole grant" not in done.err
    assert len(home.users()) == 3


def test_identity_rm_asks_for_confirmation_and_logout_does_not(home, endpoint):
    with home.at_a_terminal("everyauth identity rm me") as shown:
        shown.wait_for('Log user "me" out of op? [y/N]')
        shown.type("\n")
        assert shown.end() == 0
    assert home.users() == ["me"]
    with home.at_a_terminal("everyauth logout op") as shown:
        assert shown.end() == 0
    assert shown.shown == 'Logged user "me" out of op: revoked there and deleted here.\n'
