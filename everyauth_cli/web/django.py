"""`authorize` for Django."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.grant import Grant
from everyauth_cli.web.flow import Flow, Reply, Visit

T = TypeVar("T")
Mapped = str | None | Awaitable[str | None]
Authorized = bool | None | Awaitable[bool | None]


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
        map_to_user_id=_waited_for(map_to_user_id),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=_waited_for(map_to_tenant_id) if map_to_tenant_id else None,
        on_authorized=_waited_for(on_authorized) if on_authorized else None,
        scope=scope,
        given=auth,
    )
    route = prefix.removeprefix("/")
    return [
        path(route, lambda request: _response(flow.start(_visit(request)))),
        path(f"{route}/callback", lambda request: _response(flow.callback(_visit(request)))),
    ]


def _waited_for(function: Callable[..., T | Awaitable[T]]) -> Callable[..., T]:
    def called(*arguments: object) -> T:
        result = function(*arguments)
        return async_to_sync(_result)(result) if isawaitable(result) else result

    return called


async def _result(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _visit(request: HttpRequest) -> Visit[HttpRequest]:
    query = request.META["QUERY_STRING"]
    return Visit(request=request, method=request.method, query=query, cookies=request.COOKIES)


def _response(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
    for cookie in reply.cookies:
        response.set_cookie(**cookie)
    return response
