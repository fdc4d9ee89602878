"""Signing the requests of httpx and requests: with a current token, refreshed once after a 401, for one origin only."""

import asyncio
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import httpx2
import pytest
import requests
from peers.api import serving
from peers.http_clients import CLIENTS, by_requests
from peers.token_server import HOUR, MINUTE, World, json_response

from everyauth_cli.errors import LoginRequired, ServiceNotFound, ServiceUnreachable, UsageProblem
from everyauth_cli.oauth.grant import EndedGrant, LoginReason
from everyauth_cli.store.identities import read_identity, save_identity
from everyauth_cli.store.memory import memory_store

THREADS = 32


@pytest.fixture(params=[*CLIENTS, "requests"])
def ask(request):
    return {**CLIENTS, "requests": by_requests}[request.param]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.login()
    # A token that was just issued is not replaced for a 401.
    world.clock.now += 2 * MINUTE
    return world


@pytest.fixture
def api():
    with serving() as api:
        api.accepted = {"access-2"}
        yield api


def test_a_request_has_the_current_token(world, api, ask):
    assert ask(world.auth, "GET", f"{api.url}/me") == (200, {"path": "/me", "body": ""}, 0)
    world.clock.now += HOUR
    api.accepted = {"access-3"}
    assert ask(world.auth, "GET", f"{api.url}/me")[0] == 200
    assert api.tokens == ["access-2", "access-3"]


def test_after_a_401_the_same_request_goes_out_with_a_new_token(world, api, ask):
    api.accepted = {"access-3"}
    assert ask(world.auth, "POST", f"{api.url}/notes", b"text") == (200, {"path": "/notes", "body": "text"}, 1)
    assert [(call.method, call.path, call.body) for call in api.calls] == [("POST", "/notes", b"text")] * 2
    assert api.tokens == ["access-2", "access-3"]
    assert world.server.refreshes == 1
    assert world.token() == "access-3"


def test_a_401_in_spite_of_a_new_token_is_returned(world, api, ask):
    api.accepted = set()
    assert ask(world.auth, "GET", api.url)[0] == 401
    assert api.tokens == ["access-2", "access-3"]
    assert world.server.refreshes == 1


def test_another_error_status_is_left_to_the_caller(world, api, ask):
    api.respond = lambda call: (403, {}, {})
    assert ask(world.auth, "GET", api.url)[0] == 403
    assert world.server.refreshes == 0


def test_a_refresh_that_fails_raises_its_error(world, api, ask):
    api.accepted = set()
    world.server.faults = [ServiceUnreachable("the network is down")]
    with pytest.raises(ServiceUnreachable, match="the network is down"):
        ask(world.auth, "GET", api.url)
    world.server.revoke_all()
    with pytest.raises(LoginRequired) as caught:
        ask(world.auth, "GET", api.url)
    assert caught.value.hint == "everyauth login example"
    assert api.tokens == ["access-2", "access-2"]


def test_without_an_identity_it_raises_and_sends_nothing(world, api, ask):
    world.auth.delete_identity("example", "me")
    with pytest.raises(LoginRequired) as caught:
        ask(world.auth, "GET", api.url)
    assert (caught.value.message, caught.value.hint) == (
        'user "me" has not logged in at example',
        "everyauth login example",
    )
    assert api.calls == []


def test_a_redirect_within_the_origin_keeps_the_token(world, api, ask):
    api.redirects = {"/old": "/new"}
    assert ask(world.auth, "GET", f"{api.url}/old") == (200, {"path": "/new", "body": ""}, 1)
    assert api.tokens == ["access-2", "access-2"]
    api.accepted, api.calls = {"access-3"}, []
    assert ask(world.auth, "GET", f"{api.url}/old")[:2] == (200, {"path": "/new", "body": ""})
    assert api.tokens[-1] == "access-3"
    assert world.server.refreshes == 1


def test_a_redirect_to_another_origin_drops_the_token(world, api, ask):
    with serving() as elsewhere:
        api.redirects = {"/old": f"{elsewhere.url}/new"}
        assert ask(world.auth, "GET", f"{api.url}/old")[0] == 401
        assert elsewhere.tokens == [None]
    assert api.tokens == ["access-2"]
    assert world.server.refreshes == 0


@pytest.mark.parametrize("kind", ["httpx_auth", "requests_auth"])
def test_of_many_threads_one_refreshes(world, api, kind):
    api.accepted = {"access-3"}
    # The API sends no 401 before all have used the old token.
    together = threading.Barrier(THREADS)
    respond = api.respond
    api.respond = lambda call: (call.token == "access-2" and together.wait(60), respond(call))[1]
    auth = getattr(world.auth, kind)("example")
    get = httpx.get if kind == "httpx_auth" else requests.get
    with ThreadPoolExecutor(THREADS) as pool:
        statuses = list(pool.map(lambda _: get(api.url, auth=auth, timeout=60).status_code, range(THREADS)))
    assert statuses == [200] * THREADS
    assert world.server.refreshes == 1
    assert sorted(api.tokens) == ["access-2"] * THREADS + ["access-3"] * THREADS


def test_of_many_tasks_one_refreshes(world, api):
    async def run():
        async with httpx.AsyncClient(auth=world.auth.httpx_auth("example"), timeout=30) as client:
            return await asyncio.gather(*(client.get(api.url) for _ in range(THREADS)))

    api.accepted = {"access-3"}
    assert [response.status_code for response in asyncio.run(run())] == [200] * THREADS
    assert world.server.refreshes == 1


def test_the_event_loop_goes_on_during_a_refresh(world, api):
    async def run():
        loop, going_on = asyncio.get_running_loop(), asyncio.Event()
        # Its thread waits for the loop; if the loop ran this itself, neither would go on.
        world.server.meanwhile = lambda: asyncio.run_coroutine_threadsafe(set_it(going_on), loop).result(60)
        async with httpx.AsyncClient(auth=world.auth.httpx_auth("example")) as client:
            return await client.get(api.url), going_on.is_set()

    async def set_it(event):
        event.set()

    api.accepted = {"access-3"}
    response, went_on = asyncio.run(run())
    assert (response.status_code, went_on) == (200, True)


def test_one_object_is_for_both_libraries(world, api):
    signed = world.auth.httpx_auth("example")
    for library in (httpx, httpx2):
        assert isinstance(signed, library.Auth)
        assert library.get(api.url, auth=signed, trust_env=False).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_httpx2_is_imported_late_and_may_be_missing(library):
    program = (
        "import sys\n"
        f"sys.modules['httpx2'] = None if {library!r} == 'httpx' else sys.modules.pop('httpx2', None)\n"
        "if sys.modules['httpx2'] is None and sys.argv[1] == 'httpx2': del sys.modules['httpx2']\n"
        "from everyauth_cli import EveryAuth\n"
        "auth = EveryAuth.from_env()\n"
        "loaded = [name for name in ('httpx', 'httpx2') if sys.modules.get(name)]\n"
        "signed = auth.httpx_auth('pagerduty')\n"
        "client = __import__(sys.argv[1]).Client(auth=signed)\n"
        "print(loaded, type(client).__module__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, library], capture_output=True, text=True, check=True)
    assert done.stdout == f"[] {library}\n"


def test_the_identity_is_selected_as_in_get_identity(world, api):
    world.login(user="bob", tenant="acme", tags={"plan": "gold"})
    world.clock.now += 2 * MINUTE
    api.accepted = {"access-4"}
    selectors = [("bob", {}), ("bob", {"tenant": "acme"}), ({"plan": "gold"}, {}), ({"userId": "bob"}, {})]
    for who, tenant in selectors:
        assert httpx.get(api.url, auth=world.auth.httpx_auth("example", who, **tenant)).status_code == 200
        assert requests.get(api.url, auth=world.auth.requests_auth("example", who, **tenant), timeout=60).ok
    for kind in (world.auth.httpx_auth, world.auth.requests_auth):
        with pytest.raises(UsageProblem):
            kind("example", "")
        with pytest.raises(ServiceNotFound):
            kind("", "bob")


def test_an_error_names_the_user_and_the_profile(world):
    auth = world.another(memory_store(), profile="work")
    with pytest.raises(LoginRequired) as caught:
        httpx.get("http://127.0.0.1:1", auth=auth.httpx_auth("example", "bob", tenant="acme"))
    assert caught.value.message == 'user "bob" of tenant "acme" has not logged in at example'
    assert caught.value.hint == "everyauth login example --user bob --tenant acme --profile work"
    with pytest.raises(LoginRequired) as caught:
        httpx.get("http://127.0.0.1:1", auth=auth.httpx_auth("example", {"plan": "gold"}))
    assert (caught.value.message, caught.value.hint) == (
        "no identity at example matches plan=gold",
        "everyauth identity ls",
    )


def test_no_token_is_logged_or_shown(world, api, ask, caplog):
    caplog.set_level(logging.DEBUG)
    api.accepted = {"access-3"}
    assert ask(world.auth, "GET", api.url)[0] == 200
    assert caplog.records
    shown = [world.auth.httpx_auth("example"), world.auth.requests_auth("example"), vars(world.auth)]
    assert "access-" not in caplog.text + "".join(map(repr, shown))


@pytest.mark.slow
def test_without_requests_the_error_says_what_to_install():
    program = (
        "import sys; sys.modules['requests'] = None\n"
        "from everyauth_cli import EveryAuth, UsageProblem\n"
        "try: EveryAuth.from_env().requests_auth('example')\n"
        "except UsageProblem as error: print(error.message, '/', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "requests is not installed / pip install 'everyauth-cli[requests]'\n"


@pytest.mark.parametrize("kind", [LoginReason.ENDED, LoginReason.ACCOUNT_CHANGED])
def test_the_token_of_an_identity_that_needs_a_login_is_not_sent(world, api, ask, kind):
    stored = read_identity(world.store, world.key())
    ended = EndedGrant(since=world.clock.now, reason="revoked", kind=kind)
    save_identity(world.store, world.key(), replace(stored, identity=replace(stored.identity, login_required=ended)))
    for _ in range(2):
        with pytest.raises(LoginRequired, match="must log in"):
            ask(world.auth, "GET", api.url)
    assert api.calls == []
    assert world.server.refreshes == 0


def test_a_token_whose_refresh_was_refused_is_not_sent_again(world, api, ask):
    api.accepted = set()
    world.server.faults = [json_response({"error": "invalid_grant"}, status=400)]
    for _ in range(2):
        with pytest.raises(LoginRequired, match="must log in"):
            ask(world.auth, "GET", api.url)
    assert api.tokens == ["access-2"]
    assert world.server.refreshes == 1


def test_of_many_401s_for_a_new_token_none_is_followed_by_a_refresh(world, api, ask):
    api.accepted = set()
    assert [ask(world.auth, "GET", api.url)[0] for _ in range(5)] == [401] * 5
    assert api.tokens == ["access-2", *["access-3"] * 5]
    assert world.server.refreshes == 1
