"""`authorize`, `connections` and `connect` for Django."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.granted import Grant
from everyauth_cli.pages.look import ConnectionsPage
from everyauth_cli.web.app_callbacks import Authorized, MappedId, as_sync
from everyauth_cli.web.connections import ConnectionRoutes, login_prefixes
from everyauth_cli.web.login import LoginRoutes
from everyauth_cli.web.routes import JSON, WebRequest, WebResponse, is_form_readable, json_form


def authorize(
    service: str,
    *,
    finished_url: str,
    map_to_user_id: Callable[[HttpRequest], MappedId],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[HttpRequest], MappedId] | None = None,
    on_authorized: Callable[[HttpRequest, Grant], Authorized] | None = None,
    scope: str | None = None,
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> list[URLPattern]:
    """Return URL patterns that log the app's users in at a service: `urlpatterns = [*authorize(...), ...]`.

    They belong in the root URLconf. `everyauth_cli.web` documents the arguments. The functions may be async; Django
    runs the others in a thread.
    """
    routes = LoginRoutes(
        service=service,
        finished_url=finished_url,
        map_to_user_id=as_sync(map_to_user_id, _run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=as_sync(map_to_tenant_id, _run) if map_to_tenant_id else None,
        on_authorized=as_sync(on_authorized, _run) if on_authorized else None,
        scope=scope,
        stylesheet=stylesheet,
        look=page or ConnectionsPage(),
        sign_in_url=sign_in_url,
        given_auth=auth,
    )
    return [_path(prefix, routes.start), _path(f"{prefix}/callback", routes.callback)]


def connections(
    services: Mapping[str, str],
    *,
    map_to_user_id: Callable[[HttpRequest], MappedId],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[HttpRequest], MappedId] | None = None,
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> list[URLPattern]:
    """Return URL patterns of the connections page: `urlpatterns = [*connections({SERVICE: PREFIX}, ...), ...]`.

    They belong in the root URLconf. `everyauth_cli.web` documents the arguments.
    """
    routes = ConnectionRoutes(
        services=services,
        map_to_user_id=as_sync(map_to_user_id, _run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=as_sync(map_to_tenant_id, _run) if map_to_tenant_id else None,
        stylesheet=stylesheet,
        look=page or ConnectionsPage(),
        sign_in_url=sign_in_url,
        given_auth=auth,
    )
    return [
        _path(prefix, routes.page),
        _path(f"{prefix}/connect", routes.connect),
        _path(f"{prefix}/disconnect", routes.disconnect),
    ]


def connect(
    services: Iterable[str],
    *,
    map_to_user_id: Callable[[HttpRequest], MappedId],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[HttpRequest], MappedId] | None = None,
    on_authorized: Callable[[HttpRequest, Grant], Authorized] | None = None,
    scopes: Mapping[str, str] = MappingProxyType({}),
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> list[URLPattern]:
    """Return URL patterns that log the app's users in at services and show their connections.

    `urlpatterns = [*connect([SERVICE, ...], ...), ...]`. They belong in the root URLconf.
    The redirect URIs are `base_url` + `prefix`/SERVICE/callback. `everyauth_cli.web` documents the arguments.
    """
    prefixes = login_prefixes(services, prefix=prefix)
    routes = connections(
        prefixes,
        map_to_user_id=map_to_user_id,
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=map_to_tenant_id,
        stylesheet=stylesheet,
        page=page,
        sign_in_url=sign_in_url,
        auth=auth,
    )
    for service, login_prefix in prefixes.items():
        routes += authorize(
            service,
            finished_url=base_url.rstrip("/") + prefix,
            map_to_user_id=map_to_user_id,
            base_url=base_url,
            prefix=login_prefix,
            map_to_tenant_id=map_to_tenant_id,
            on_authorized=on_authorized,
            scope=scopes.get(service),
            stylesheet=stylesheet,
            page=page,
            sign_in_url=sign_in_url,
            auth=auth,
        )
    return routes


def _path(route: str, respond: Callable[[WebRequest[HttpRequest]], WebResponse]) -> URLPattern:
    # Only the forms of the connections page are posted, and they have CSRF tokens of their own.
    return path(route.removeprefix("/"), csrf_exempt(lambda request: _django_response(respond(_web_request(request)))))


def _run(function: Callable[[Awaitable[Any]], Coroutine[Any, Any, Any]], awaitable: Awaitable[Any]) -> object:
    return async_to_sync(function)(awaitable)


def _web_request(request: HttpRequest) -> WebRequest[HttpRequest]:
    length = request.META.get("CONTENT_LENGTH", "")
    return WebRequest(
        framework_request=request,
        method=request.method,
        query=request.META.get("QUERY_STRING", ""),
        cookies=request.COOKIES,
        header=request.headers.get,
        scheme=request.scheme,
        form=_form(request) if is_form_readable(int(length) if length.isdecimal() else None) else {},
    )


def _form(request: HttpRequest) -> dict[str, str]:
    return json_form(request.body) if request.content_type == JSON else request.POST.dict()


def _django_response(response: WebResponse) -> HttpResponse:
    converted = HttpResponse(response.body, status=response.status, headers=dict(response.headers))
    for cookie in response.cookies:
        converted.set_cookie(**cookie)
    return converted
