"""Requests that no person made, and browsers that see the app at another host than `base_url`, in every framework."""

from __future__ import annotations

import uuid

import django.utils.functional
import django.utils.safestring
import flask
import pytest
import werkzeug.local
from peers.web_apps import BASE_URL, CALLBACK, NAME, PAGE, PREFIX, Browser, decide, redeemed
from starlette.applications import Starlette
from starlette.testclient import TestClient

import everyauth_cli.web.flask
import everyauth_cli.web.starlette
from everyauth_cli.web.navigation import other_origin

BROWSER = {"sec_fetch_mode": "navigate", "sec_fetch_site": "none", "upgrade_insecure_requests": "1"}
NOT_NAVIGATIONS = [
    {"sec_purpose": "prefetch"},
    {"sec_purpose": "prefetch;prerender", **BROWSER},
    {"sec_purpose": "prefetch;anonymous-client-ip"},
    {"purpose": "prefetch"},
    {"purpose": "Preview"},
    {"x_purpose": "preview"},
    {"x_sec_purpose": "prefetch"},
    {"x_moz": "prefetch"},
    {"sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
    {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
    {"sec_fetch_mode": "same-origin"},
]


@pytest.mark.slow
@pytest.mark.parametrize("headers", NOT_NAVIGATIONS)
def test_a_request_that_no_person_made_begins_no_login(browser, headers):
    response = browser.get(PREFIX, **headers)
    assert (response.status, response.cookies, response["cache-control"]) == (503, [], "no-store")
    assert "Open this page yourself" in response.text
    assert browser.get(PREFIX, **BROWSER).status == 303


@pytest.mark.slow
def test_a_prefetch_of_the_callback_redeems_no_code(world, browser):
    came_back = decide(browser.start())
    assert browser.get(came_back.removeprefix(BASE_URL), sec_purpose="prefetch").status == 503
    assert redeemed(world) == 0
    assert browser.callback(came_back).status == 303


ELSEWHERE = [
    {"host": "www.app.example"},
    {"host": "app.example:8443"},
    {"host": "127.0.0.1:8000"},
    {"x_forwarded_host": "www.app.example, proxy.example"},
    {"x_forwarded_proto": "http"},
]


@pytest.mark.slow
@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_browser_at_another_host_is_led_to_the_base_url_once(browser, caplog, headers):
    led = browser.get(PREFIX, **BROWSER, **headers)
    assert (led.status, led["location"], led.cookies) == (303, f"{BASE_URL}{PREFIX}?at_base_url=1", [])
    assert f"{PREFIX} was opened at " in caplog.text
    assert f"and base_url is {BASE_URL}: a login that begins at another host cannot be finished" in caplog.text
    # A proxy that names another host than the browser's must not lead it here for ever.
    came_back = decide(browser.get(led["location"].removeprefix(BASE_URL), **BROWSER, **headers)["location"])
    assert browser.callback(came_back).fields["serviceId"] == NAME


@pytest.mark.slow
def test_another_program_is_not_led_and_the_reason_is_logged(browser, caplog):
    assert len(browser.get(PREFIX, host="www.app.example").cookies) == 1
    assert "was opened at https://www.app.example, and base_url is https://app.example" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("host", ["[::bad", "a b", "x:y", "\u00e4"])
def test_a_host_that_is_none_changes_nothing(world, host):
    app = Starlette(routes=twice(everyauth_cli.web.starlette.authorize, world)[0])
    client = TestClient(app, base_url=BASE_URL, follow_redirects=False, headers={"host": host.encode()})
    assert client.get("/read").headers["location"].startswith(world.sandbox.base_url)


@pytest.mark.slow
def test_the_connections_page_leads_too(app):
    browser = Browser(app({}))
    led = browser.get(f"{PAGE}?flash=x", host="www.app.example", **BROWSER)
    assert (led.status, led["location"]) == (303, f"{BASE_URL}{PAGE}?flash=x&at_base_url=1")
    assert browser.get(PAGE, **BROWSER).status == 200


@pytest.mark.slow
def test_a_response_that_finds_no_login_is_logged_with_the_likely_reason(browser, caplog):
    came_back = decide(browser.start())
    assert Browser(browser.ask).callback(came_back).status == 400
    assert f"came to {BASE_URL}{CALLBACK} from a browser without the cookie of its login" in caplog.text
    assert "a login must begin at that host" in caplog.text
    browser.user = ""
    assert browser.callback(came_back).status == 401
    assert "from a user who is not signed in there" in caplog.text


@pytest.mark.parametrize(
    ("base_url", "scheme", "headers", "other"),
    [
        ("https://app.example", "https", {"host": "app.example"}, None),
        ("https://app.example", "https", {"host": "APP.example:443"}, None),
        ("https://app.example/sub", "http", {"host": "app.example"}, None),  # a proxy ended TLS
        ("https://app.example:8443", "https", {"host": "app.example"}, None),  # a proxy left the port out
        ("https://app.example", "http", {"host": "app.example", "sec-fetch-mode": "navigate"}, None),
        ("https://app.example", "http", {"host": "10.0.0.7:8000", "x-forwarded-host": "app.example"}, None),
        ("https://app.example", "https", {}, None),
        ("https://app.example", "https", {"host": "[::bad"}, None),
        ("https://app.example", "https", {"host": "app.example:x"}, None),
        ("http://localhost:8000", "http", {"host": "localhost:8000"}, None),
        ("http://[::1]:8000", "http", {"host": "[::1]:8000"}, None),
        (
            "https://app.example",
            "http",
            {"host": "app.example", "upgrade-insecure-requests": "1"},
            "http://app.example",
        ),
        ("https://app.example", "https", {"host": "www.app.example"}, "https://www.app.example"),
        ("https://www.app.example", "https", {"host": "app.example"}, "https://app.example"),
        ("http://localhost:8000", "http", {"host": "127.0.0.1:8000"}, "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000", "http", {"host": "localhost:8000"}, "http://localhost:8000"),
        ("http://localhost:8000", "http", {"host": "localhost:5173"}, "http://localhost:5173"),
        ("https://localhost:8000", "http", {"host": "localhost:8000"}, "http://localhost:8000"),
        ("http://localhost:8000", "https", {"host": "localhost:8000"}, "https://localhost:8000"),
    ],
)
def test_the_origin_that_a_browser_sees(base_url, scheme, headers, other):
    assert other_origin(headers.get, scheme, base_url) == other


LAZY = {
    "Django's lazy object": lambda: django.utils.functional.SimpleLazyObject(lambda: "user-123"),
    "Werkzeug's proxy": lambda: werkzeug.local.LocalProxy(lambda: "user-123"),
    "a subclass of str": lambda: django.utils.safestring.SafeString("user-123"),
}


@pytest.mark.slow
@pytest.mark.parametrize("lazy", LAZY.values(), ids=LAZY)
def test_a_user_that_is_evaluated_late_is_stored_as_a_str(world, app, lazy):
    given = []
    browser = Browser(
        app(
            map_to_user_id=lambda _: lazy(),
            map_to_tenant_id=lambda _: lazy(),
            on_authorized=lambda _, grant: given.append((type(grant.request.user), type(grant.request.tenant))),
        )
    )
    assert browser.callback(decide(browser.start())).fields["userId"] == "user-123"
    assert given == [(str, str)]
    assert world.auth.get_identity(NAME, "user-123").tags == {"userId": "user-123", "tenantId": "user-123"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (7, "int"),
        (uuid.UUID(int=7), "UUID"),
        (b"user", "bytes"),
        (django.utils.functional.SimpleLazyObject(lambda: 7), "int"),
        (django.utils.functional.lazy(lambda: "user", str)(), "__proxy__"),
    ],
)
def test_a_user_that_is_no_text_is_an_error_that_says_so(app, value, kind):
    with pytest.raises(TypeError, match=f"map_to_user_id returned a {kind}; return a str, or None"):
        Browser(app(map_to_user_id=lambda _: value)).get(PREFIX)


def test_a_user_who_is_unknown_late_is_unknown(app):
    unknown = werkzeug.local.LocalProxy(lambda: None)
    assert Browser(app(map_to_user_id=lambda _: unknown)).get(PREFIX).status == 401


def twice(make, world):
    """The routes of two logins at one service, which differ in the scope and the prefix."""
    return [
        make(
            NAME,
            base_url=BASE_URL,
            prefix=f"/{scope}",
            finished_url="/done",
            map_to_user_id=lambda _: "ada",
            scope=scope,
            auth=world.auth,
        )
        for scope in ("read", "write")
    ]


def test_two_logins_at_one_service_in_a_flask_app(world):
    app = flask.Flask("app")
    for blueprint in twice(everyauth_cli.web.flask.authorize, world):
        app.register_blueprint(blueprint)
    for prefix in ("/a", "/b"):
        page = {"base_url": BASE_URL, "prefix": prefix, "map_to_user_id": lambda _: "ada", "auth": world.auth}
        app.register_blueprint(everyauth_cli.web.flask.connections({NAME: "/read"}, **page))
    parent = flask.Blueprint("parent", "app", url_prefix="/under")
    for blueprint in twice(everyauth_cli.web.flask.authorize, world):
        parent.register_blueprint(blueprint)
    app.register_blueprint(parent)
    names = [f"everyauth-{NAME}", f"everyauth-{NAME}-2"]
    names += ["everyauth-connections", "everyauth-connections-2"]
    assert {*names, *(f"parent.{name}" for name in names[:2])} < {*app.blueprints}
    client = app.test_client()
    for path, scope in (("/read", "read"), ("/write", "write"), ("/under/write", "write")):
        assert f"scope={scope}&" in client.get(path, base_url=BASE_URL).headers["location"]


def test_a_flask_blueprint_is_registered_once(world):
    app, (blueprint, _) = flask.Flask("app"), twice(everyauth_cli.web.flask.authorize, world)
    app.register_blueprint(blueprint)
    with pytest.raises(ValueError, match="already registered"):
        app.register_blueprint(blueprint)


def test_two_logins_at_one_service_in_a_starlette_app(world):
    one, two = twice(everyauth_cli.web.starlette.authorize, world)
    client = TestClient(Starlette(routes=[*one, *two]), base_url=BASE_URL, follow_redirects=False)
    for scope in ("read", "write"):
        assert f"scope={scope}&" in client.get(f"/{scope}").headers["location"]
