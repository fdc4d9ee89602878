"""Logins in a web app that end without a credential, and the errors that the app is given."""

from __future__ import annotations

import base64

import pytest
from peers.stores import sealed_store
from peers.web_apps import BASE_URL, CALLBACK, FRAMEWORKS, NAME, PREFIX, Browser, decide, redeemed, stored

from everyauth_cli.errors import LoginFailed, ServiceUnreachable, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Secret
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

FINISHED = f"{BASE_URL}/done"
WHOSE = {"serviceId": NAME, "userId": "user-123", "tenantId": "user-123"}


def stored_secrets(world) -> set[str]:
    """The names of all records with a secret in the store, so without those of a service's public keys."""
    store = world.auth.store
    return {store.name(key) for key, kept in store.backend.records.items() if kept.version and key.kind != "keys"}


def test_a_denial_is_passed_to_the_app(world, browser):
    ended = browser.callback(decide(browser.start(), decision="deny"))
    assert ended["location"].startswith(f"{FINISHED}?error=access_denied&errorDescription=access+was+denied")
    assert (browser.cookies, redeemed(world)) == ({}, 0)


def test_the_app_refuses_and_no_token_is_stored(world, app):
    seen = []

    def refuse(request, grant):
        seen.append((request.headers["x-user"], grant.token.account.label, repr(grant.token.access_token)))
        return False

    browser = Browser(app(on_authorized=refuse))
    before = stored_secrets(world)
    ended = browser.callback(decide(browser.start()))
    assert ended.fields == {
        "error": "access_denied",
        "errorDescription": "the app refused this login; nothing was stored",
        **WHOSE,
    }
    assert seen == [("user-123", "user@example.com (sandbox)", "Secret(***)")]
    assert redeemed(world) == 1
    assert stored_secrets(world) - before == {"everyauth:default:web"}
    assert world.auth.get_identity(NAME, "user-123") is None
    assert "identity" not in stored(world)


@pytest.mark.parametrize("says", [True, None])
def test_on_authorized_is_called_before_anything_is_stored(world, app, says):
    stored_before = []

    def look(request, grant):
        stored_before.append(world.auth.get_identity(NAME, "user-123"))
        return says

    browser = Browser(app(on_authorized=look))
    assert browser.callback(decide(browser.start())).fields["userId"] == "user-123"
    assert stored_before == [None]
    assert world.auth.get_identity(NAME, "user-123") is not None


def test_an_app_that_fails_stores_nothing(world, app):
    def fail(request, grant):
        raise ZeroDivisionError

    browser = Browser(app(on_authorized=fail))
    came_back = decide(browser.start())
    with pytest.raises(ZeroDivisionError):
        browser.callback(came_back)
    assert world.auth.get_identity(NAME, "user-123") is None


@pytest.mark.parametrize("framework", ["starlette", "fastapi", "django"])
def test_the_functions_may_be_async(world, framework):
    async def user(request):
        return request.headers.get("x-user")

    async def refuse(request, grant):
        return request.headers.get("x-refuse") is None

    options = {"map_to_user_id": user, "map_to_tenant_id": user, "on_authorized": refuse}
    ask = FRAMEWORKS[framework](finished_url="/done", base_url=BASE_URL, prefix=PREFIX, auth=world.auth, **options)
    browser = Browser(ask)
    came_back = decide(browser.start()).removeprefix(BASE_URL)
    assert browser.get(came_back, x_refuse="yes").fields["error"] == "access_denied"
    assert browser.callback(decide(browser.start())).fields["userId"] == "user-123"
    assert Browser(ask, user="").get(PREFIX).status == 401


def test_any_other_result_than_a_bool_is_an_error(world, app):
    browser = Browser(app(on_authorized=lambda *_: "no"))
    came_back = decide(browser.start())
    with pytest.raises(TypeError, match="on_authorized returned a str"):
        browser.callback(came_back)
    assert "identity" not in stored(world)


def test_another_account_is_refused(world, browser):
    browser.callback(decide(browser.start()))
    ended = browser.callback(decide(browser.start(), user="ada@example.com"))
    assert ended.fields["error"] == "other_account"
    assert "example.com" not in ended.fields["errorDescription"]
    assert world.auth.get_identity(NAME, "user-123").account.label == "user@example.com (sandbox)"


def test_the_services_own_error_is_passed_to_the_app(world, browser):
    url = browser.start()
    state = decide(url, decision="deny").rpartition("state=")[2].partition("&")[0]
    query = f"error=invalid_scope&error_description=no+such+thing&state={state}"
    ended = browser.get(f"{CALLBACK}?{query}")
    assert ended.fields["error"] == "invalid_scope"
    assert "no such thing" in ended.fields["errorDescription"]


def test_a_code_that_is_too_old(world, browser):
    came_back = decide(browser.start())
    world.advance(5 * 60)
    assert browser.callback(came_back).fields["error"] == "invalid_grant"


def test_a_service_that_does_not_answer(world, app):
    def unreachable(request):
        raise ServiceUnreachable("pagerduty does not answer")

    auth = EveryAuth(
        store=world.auth.store,
        catalogue=world.auth.catalogue,
        send=unreachable,
        override=lambda _: (CLIENT_ID, Secret(CLIENT_SECRET)),
    )
    browser = Browser(app(auth=auth))
    fields = browser.callback(decide(browser.start())).fields
    assert fields == {"error": "temporarily_unavailable", "errorDescription": "pagerduty does not answer", **WHOSE}


def test_errors_for_the_operator_are_logged(world, app, caplog):
    auth = EveryAuth(store=world.auth.store, catalogue=world.auth.catalogue, send=send)
    fields = Browser(app(auth=auth)).get(PREFIX).fields
    description = "the app cannot do this now; its log has the reason"
    assert fields == {"error": "server_error", "errorDescription": description, **WHOSE}
    assert "everyauth service set pagerduty" in caplog.text
    assert f"with the redirect URI {BASE_URL}{CALLBACK} (" in caplog.text


def test_a_client_that_the_service_does_not_accept(world, app):
    auth = EveryAuth(
        store=world.auth.store,
        catalogue=world.auth.catalogue,
        send=send,
        override=lambda _: (CLIENT_ID, Secret("another secret")),
    )
    browser = Browser(app(auth=auth))
    assert browser.callback(decide(browser.start())).fields["error"] == "invalid_client"


def test_no_request_changes_the_redirects(world, browser):
    evil = "finished_url=https://evil.example&next=//evil.example&redirect_uri=https://evil.example&base_url=//evil"
    hosts = {"host": "evil.example", "x_forwarded_host": "evil.example", "x_forwarded_proto": "http"}
    url = browser.get(f"{PREFIX}?{evil}", forwarded="host=evil.example", **hosts)["location"]
    assert url.startswith(world.sandbox.base_url)
    assert "evil" not in url
    came_back = decide(url)
    assert came_back.startswith(f"{BASE_URL}{CALLBACK}?")
    ended = browser.get(f"{came_back.removeprefix(BASE_URL)}&{evil}", **hosts)
    assert ended["location"] == f"{FINISHED}?serviceId=pagerduty&userId=user-123&tenantId=user-123"
    lost = browser.get(CALLBACK, **hosts)
    assert (lost.status, "evil" in lost.text) == (400, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"finished_url": url}
        for url in (
            "",
            "done",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "http://evil.example/",
            "/a b",
        )
    ]
    + [{"finished_url": "https:evil.example"}, {"finished_url": "https://u:p@app.example/"}]
    + [{"base_url": url} for url in ("", "app.example", "http://app.example", "https://app.example?a=b", "ftp://x")]
    + [{"prefix": prefix} for prefix in ("", "/", "connect", "/connect/", "//evil.example", "/a?b", "/<x>", "/../a")],
)
def test_unusable_arguments_are_refused_at_construction(wrong):
    ((name, value),) = wrong.items()
    right = {"finished_url": "/done", "base_url": BASE_URL, "prefix": PREFIX, "map_to_user_id": lambda _: None}
    for make in FRAMEWORKS.values():
        make(**right)
        with pytest.raises(UsageProblem) as caught:
            make(**{**right, **wrong})
        assert caught.value.message.startswith(f"{name}={value!r} cannot be used: ")


def changed(value: str) -> list[str]:
    """Return a cookie's value with a wrong time, seal or format."""
    started, _, sealed = value.partition(".")
    raw = bytearray(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
    raw[-1] ^= 1
    other = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return [
        f"{int(started) + 60_000}.{sealed}",
        f"{started}.{other}",
        f"{started}.",
        sealed,
        "",
        ".",
        "!!",
        f"{started}.a",
    ]


def test_a_changed_cookie_is_ignored(world, browser):
    came_back = decide(browser.start())
    ((name, value),) = browser.cookies.items()
    for wrong in changed(value):
        other = Browser(browser.ask, cookies={name: wrong})
        assert other.callback(came_back).status == 400
        assert other.get(PREFIX).status == 303
    assert redeemed(world) == 0


def test_a_cookie_is_valid_only_under_its_name_and_at_its_app(world, app, browser):
    came_back, other = decide(browser.start()), decide(browser.start())
    (one, two) = browser.cookies
    swapped = Browser(browser.ask, cookies={one: browser.cookies[two], two: browser.cookies[one]})
    assert [swapped.callback(url).status for url in (came_back, other)] == [400, 400]
    elsewhere = Browser(app(prefix="/other"), cookies=dict(browser.cookies))
    assert elsewhere.get(came_back.removeprefix(BASE_URL).replace(PREFIX, "/other")).status == 400
    staging = EveryAuth(store=world.auth.store, catalogue=world.auth.catalogue, send=send, profile="staging")
    assert Browser(app(auth=staging), cookies=dict(browser.cookies)).callback(came_back).status == 400
    assert redeemed(world) == 0


def worker(world, path) -> EveryAuth:
    """One of several processes that share a store."""
    return EveryAuth(
        store=sealed_store(path.parent, f"sqlite://{path}"),
        catalogue=world.auth.catalogue,
        send=send,
        override=lambda _: (CLIENT_ID, Secret(CLIENT_SECRET)),
    )


def test_any_worker_finishes_a_login_and_only_one_does(world, app, tmp_path):
    workers = [worker(world, tmp_path / "e.db") for _ in range(2)]
    one, two = (app(auth=auth) for auth in workers)
    browser = Browser(one)
    came_back = decide(browser.start())
    kept = dict(browser.cookies)
    browser.ask = two
    assert browser.callback(came_back).fields["userId"] == "user-123"
    assert Browser(one, cookies=kept).callback(came_back).status == 400
    assert redeemed(world) == 1
    assert workers[0].get_identity(NAME, "user-123").access_token


def test_a_client_that_changed_ends_the_login(world, app):
    def auth(client_id):
        return EveryAuth(
            store=world.auth.store,
            catalogue=world.auth.catalogue,
            send=send,
            override=lambda _: (client_id, Secret(CLIENT_SECRET)),
        )

    browser = Browser(app(auth=auth(CLIENT_ID)))
    came_back = decide(browser.start())
    changed = Browser(app(auth=auth("another")), cookies=browser.cookies)
    ended = changed.callback(came_back)
    assert ended.fields == {
        "error": "login_failed",
        "errorDescription": "the client, endpoint or scope of pagerduty changed; log in again",
        **WHOSE,
    }
    assert redeemed(world) == 0


def test_the_app_refuses_with_its_own_message(app):
    def refuse(request, grant):
        raise LoginFailed("only for the plan pro")

    browser = Browser(app(on_authorized=refuse))
    fields = browser.callback(decide(browser.start())).fields
    assert fields == {"error": "login_failed", "errorDescription": "only for the plan pro", **WHOSE}
