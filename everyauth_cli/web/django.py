"""`authorize` for Django."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.login import Grant
from everyauth_cli.web.app_callbacks import Authorized, Mapped, waited_for
from everyauth_cli.web.connections import Connections
from everyauth_cli.web.login import Flow
from everyauth_cli.web.routes import Reply, Visit, is_small


def authorize(
    service: str,
    *,
    finished_url: str,
    map_to_user_id: Callable[[HttpRequest], Mapped],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[HttpRequest], Mapped] | None = None,
    on_authorized: Callable[[HttpRequest, Grant], Authorized] | None = None,
    scope: str | None = None,
    auth: EveryAuth | None = None,
) -> list[URLPattern]:
    """URL patterns that log the app's users in at a service: `urlpatterns = [*authorize(...), ...]`, in the root.

    What is said in `everyauth_cli.web` holds; the functions may be async, and Django has a thread for what is not.
    """
    flow = Flow(
        service=service,
        finished_url=finished_url,
        map_to_user_id=waited_for(map_to_user_id, _run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=waited_for(map_to_tenant_id, _run) if map_to_tenant_id else None,
        on_authorized=waited_for(on_authorized, _run) if on_authorized else None,
        scope=scope,
        given=auth,
    )
    return [_path(prefix, flow.start), _path(f"{prefix}/callback", flow.callback)]


def connections(
    services: Mapping[str, str],
    *,
    map_to_user_id: Callable[[HttpRequest], Mapped],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[HttpRequest], Mapped] | None = None,
    stylesheet: str | None = None,
    auth: EveryAuth | None = None,
) -> list[URLPattern]:
    """URL patterns of the connections page: `urlpatterns = [*connections({SERVICE: PREFIX}, ...), ...]`, in the root.

    What is said in `everyauth_cli.web` holds.
    """
    page = Connections(
        services=services,
        map_to_user_id=waited_for(map_to_user_id, _run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=waited_for(map_to_tenant_id, _run) if map_to_tenant_id else None,
        stylesheet=stylesheet,
        given=auth,
    )
    return [
        _path(prefix, page.page),
        _path(f"{prefix}/connect", page.connect),
        _path(f"{prefix}/disconnect", page.disconnect),
    ]


def _path(route: str, answer: Callable[[Visit[HttpRequest]], Reply]) -> URLPattern:
    # Of these only the forms of the connections page are posted; they carry a token of their own, and Django's check
    # wants its own.
    return path(route.removeprefix("/"), csrf_exempt(lambda request: _response(answer(_visit(request)))))


def _run(function: Callable[[Awaitable[Any]], Coroutine[Any, Any, Any]], awaitable: Awaitable[Any]) -> object:
    return async_to_sync(function)(awaitable)


def _visit(request: HttpRequest) -> Visit[HttpRequest]:
    length = request.META.get("CONTENT_LENGTH", "")
    return Visit(
        request=request,
        method=request.method,
        query=request.META.get("QUERY_STRING", ""),
        cookies=request.COOKIES,
        origin=request.headers.get("origin"),
        site=request.headers.get("sec-fetch-site"),
        form=request.POST.dict() if is_small(int(length) if length.isdecimal() else None) else {},
    )


def _response(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
    for cookie in reply.cookies:
        response.set_cookie(**cookie)
    return response
