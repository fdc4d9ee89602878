"""Web apps with `authorize` and `connections`, called through their frameworks' test clients, and a browser."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import django.conf
import django.test
import flask
import httpx
from django.http import HttpResponse
from django.urls import path
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import everyauth_cli.web.django
import everyauth_cli.web.flask
import everyauth_cli.web.starlette
from everyauth_cli.model import RecordKey
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.store.records import Query

NAME = "pagerduty"
HOST = "app.example"
BASE_URL = f"https://{HOST}"
PREFIX = "/connect/pagerduty"
CALLBACK = f"{PREFIX}/callback"
PAGE = "/settings/connections"
OFFERED = {NAME: PREFIX, "slack": "/connect/slack"}
FORM_TYPE = "application/x-www-form-urlencoded"
OWN = "The app's own page"


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    text: str

    def __getitem__(self, name: str) -> str:
        (value,) = [value for key, value in self.headers if key.lower() == name]
        return value

    @property
    def cookies(self) -> list[Morsel[str]]:
        set_cookies = [value for name, value in self.headers if name.lower() == "set-cookie"]
        return [morsel for value in set_cookies for morsel in SimpleCookie(value).values()]

    @property
    def fields(self) -> dict[str, str]:
        """The query of the URL that it redirects to."""
        assert self.status == 303, self.text
        return dict(parse_qsl(urlsplit(self["location"]).query))


Ask = Callable[[str, str, Mapping[str, str], bytes], Response]
"""Sends a method and a path with headers and a body."""
Page = Mapping[str, Any] | None
"""The arguments of the app's `connections`, if it has that page."""


def _asgi(app: Starlette) -> Ask:
    async def ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
            response = await client.request(method, url, headers=headers, content=body)
            return Response(response.status_code, response.headers.multi_items(), response.text)

    return lambda *arguments: asyncio.run(ask(*arguments))


def starlette_app(page: Page = None, /, **options: Any) -> Starlette:
    routes = everyauth_cli.web.starlette.authorize(NAME, **options)
    if page is not None:
        routes += everyauth_cli.web.starlette.connections(**page)
    return Starlette(routes=[*routes, Route(f"{PREFIX}/finished", lambda _: PlainTextResponse(OWN))])


def starlette(page: Page = None, /, **options: Any) -> Ask:
    return _asgi(starlette_app(page, **options))


def fastapi(page: Page = None, /, **options: Any) -> Ask:
    app = FastAPI()
    app.include_router(APIRouter(routes=everyauth_cli.web.starlette.authorize(NAME, **options)))
    if page is not None:
        app.include_router(APIRouter(routes=everyauth_cli.web.starlette.connections(**page)))
    app.add_api_route(f"{PREFIX}/finished", lambda: OWN)
    return _asgi(app)


def flask_app(page: Page = None, /, **options: Any) -> flask.Flask:
    app = flask.Flask("app")
    app.testing = True
    app.register_blueprint(everyauth_cli.web.flask.authorize(NAME, **options))
    if page is not None:
        app.register_blueprint(everyauth_cli.web.flask.connections(**page))
    app.add_url_rule(f"{PREFIX}/finished", view_func=lambda: OWN)
    return app


def of_flask(page: Page = None, /, **options: Any) -> Ask:
    return _flask(flask_app(page, **options))


def _flask(app: flask.Flask) -> Ask:
    client = app.test_client(use_cookies=False)

    def ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        response = client.open(url, method=method, headers=headers, data=body, base_url=BASE_URL)
        return Response(response.status_code, list(response.headers), response.text)

    return ask


def _configure_django() -> None:
    if not django.conf.settings.configured:
        middleware = ["django.middleware.csrf.CsrfViewMiddleware"]
        django.conf.settings.configure(ALLOWED_HOSTS=["*"], MIDDLEWARE=middleware)


def django_urls(page: Page = None, /, **options: Any) -> types.ModuleType:
    """Return a root URLconf module, with Django's own CSRF check active."""
    _configure_django()
    urls = types.ModuleType("urls")
    routes = everyauth_cli.web.django.authorize(NAME, **options)
    if page is not None:
        routes += everyauth_cli.web.django.connections(**page)
    urls.urlpatterns = [*routes, path(f"{PREFIX}/finished"[1:], lambda _: HttpResponse(OWN))]
    return urls


def of_django(page: Page = None, /, **options: Any) -> Ask:
    return _django(django_urls(page, **options))


def _django(urls: types.ModuleType) -> Ask:
    def ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        client = django.test.Client(headers={"host": HOST, **headers}, enforce_csrf_checks=True)
        kind = headers.get("content-type", "application/octet-stream")
        with django.test.override_settings(ROOT_URLCONF=urls):
            response = client.generic(
                method, url, body, content_type=kind, secure=True, SERVER_NAME=urlsplit(BASE_URL).hostname
            )
        cookies = [("set-cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        return Response(response.status_code, [*response.headers.items(), *cookies], response.content.decode())

    return ask


FRAMEWORKS: dict[str, Callable[..., Ask]] = {
    "starlette": starlette,
    "fastapi": fastapi,
    "flask": of_flask,
    "django": of_django,
}


def _starlette_connect(*arguments: Any, **options: Any) -> Ask:
    return _asgi(Starlette(routes=everyauth_cli.web.starlette.connect(*arguments, **options)))


def _flask_connect(*arguments: Any, **options: Any) -> Ask:
    app = flask.Flask("app")
    app.register_blueprint(everyauth_cli.web.flask.connect(*arguments, **options))
    return _flask(app)


def _django_connect(*arguments: Any, **options: Any) -> Ask:
    _configure_django()
    urls = types.ModuleType("urls")
    urls.urlpatterns = everyauth_cli.web.django.connect(*arguments, **options)
    return _django(urls)


CONNECT_ALL = {"starlette": _starlette_connect, "flask": _flask_connect, "django": _django_connect}
"""Apps whose routes are those of one call of `connect`."""


@dataclass
class Browser:
    """Keeps an app's cookies as a browser does; `user` and `tenant` are those of the app's session."""

    ask: Ask
    user: str = "user-123"
    tenant: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, url: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        whose = {"x-user": self.user, "x-tenant": self.tenant, "cookie": cookie}
        sent = {**whose, **{name.replace("_", "-"): value for name, value in headers.items()}}
        response = self.ask(method, url, {name: value for name, value in sent.items() if value}, body)
        self._keep(response.cookies)
        return response

    def post(self, url: str, form: Mapping[str, str], **headers: str) -> Response:
        """Post a form as a browser does from the app's own page, unless `headers` override that."""
        own = {"origin": BASE_URL, "sec_fetch_site": "same-origin", "content_type": FORM_TYPE}
        return self.get(url, method="POST", body=urlencode(form).encode(), **{**own, **headers})

    def start(self) -> str:
        """Start a login; return the authorization URL."""
        return self.get(PREFIX)["location"]

    def callback(self, url: str) -> Response:
        """Follow the redirect back from the service."""
        assert url.startswith(BASE_URL + CALLBACK + "?"), url
        return self.get(url.removeprefix(BASE_URL))

    def _keep(self, cookies: Iterable[Morsel[str]]) -> None:
        for cookie in cookies:
            if cookie["max-age"] == "0" or int(cookie["max-age"]) == 0:
                self.cookies.pop(cookie.key, None)
            else:
                self.cookies[cookie.key] = cookie.value


def decide(authorization_url: str, *, decision: str = "allow", user: str = "user@example.com") -> str:
    """Allow or deny on the sandbox's consent page, over HTTP; return the URL that it redirects to."""
    with httpx.Client(trust_env=False) as http:
        page = http.get(authorization_url)
        transaction = page.text.split('name="transaction" value="')[1].split('"')[0]
        form = {"transaction": transaction, "user": user, "decision": decision}
        return http.post(str(page.url), data=form).headers["location"]


def redeemed(world: EveryAuthSandbox) -> int:
    """Return the number of codes that were redeemed."""
    return world.sandbox.server(NAME).counts["authorization_code"]


def stored(world: EveryAuthSandbox) -> list[str]:
    """Return the kinds of the records of users and logins in the store."""
    kinds = ["identity", "web-replay-marker"]
    return [kind for kind in kinds if world.auth.store.list(Query(RecordKey(profile="", kind=kind, service="")))]
