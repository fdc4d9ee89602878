"""`authorize`, `connections` and `connect` for Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, from_thread, to_thread
from anyio.lowlevel import RunVar
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from everyauth_cli.async_methods import LANE_THREADS
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.granted import Grant
from everyauth_cli.pages.look import ConnectionsPage
from everyauth_cli.web.app_callbacks import Authorized, MappedId, as_sync
from everyauth_cli.web.connections import ConnectionRoutes, login_prefixes
from everyauth_cli.web.login import LoginRoutes
from everyauth_cli.web.routes import JSON, MAX_FORM_BYTES, WebRequest, WebResponse, json_form

_limiters = RunVar[dict[str, CapacityLimiter]]("everyauth_limiters")
"""Those of an event loop, one for each service and one for each page: the loop's own is for the app's endpoints."""


def authorize(
    service: str,
    *,
    finished_url: str,
    map_to_user_id: Callable[[Request], MappedId],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], MappedId] | None = None,
    on_authorized: Callable[[Request, Grant], Authorized] | None = None,
    scope: str | None = None,
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> list[BaseRoute]:
    """Return routes that log the app's users in at a service: `Starlette(routes=[*authorize(...), ...])`.

    In FastAPI: `app.include_router(APIRouter(routes=authorize(...)))`. `everyauth_cli.web` documents the arguments. The
    functions may be async; the others run in a thread.
    """
    routes = LoginRoutes(
        service=service,
        finished_url=finished_url,
        map_to_user_id=as_sync(map_to_user_id, from_thread.run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=as_sync(map_to_tenant_id, from_thread.run) if map_to_tenant_id else None,
        on_authorized=as_sync(on_authorized, from_thread.run) if on_authorized else None,
        scope=scope,
        stylesheet=stylesheet,
        look=page or ConnectionsPage(),
        sign_in_url=sign_in_url,
        given_auth=auth,
    )

    return [
        Route(prefix, _endpoint(service, routes.start)),
        Route(f"{prefix}/callback", _endpoint(service, routes.callback)),
    ]


def connections(
    services: Mapping[str, str],
    *,
    map_to_user_id: Callable[[Request], MappedId],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], MappedId] | None = None,
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> list[BaseRoute]:
    """Return routes of the connections page: `Starlette(routes=[*connections({SERVICE: PREFIX}, ...), ...])`.

    In FastAPI they are included like those of `authorize`. `everyauth_cli.web` documents the arguments.
    """
    routes = ConnectionRoutes(
        services=services,
        map_to_user_id=as_sync(map_to_user_id, from_thread.run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=as_sync(map_to_tenant_id, from_thread.run) if map_to_tenant_id else None,
        stylesheet=stylesheet,
        look=page or ConnectionsPage(),
        sign_in_url=sign_in_url,
        given_auth=auth,
    )
    return [
        Route(prefix, _endpoint(routes.url, routes.page)),
        Route(f"{prefix}/connect", _endpoint(routes.url, routes.connect), methods=["POST"]),
        Route(f"{prefix}/disconnect", _endpoint(routes.url, routes.disconnect), methods=["POST"]),
    ]


def connect(
    services: Iterable[str],
    *,
    map_to_user_id: Callable[[Request], MappedId],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], MappedId] | None = None,
    on_authorized: Callable[[Request, Grant], Authorized] | None = None,
    scopes: Mapping[str, str] = MappingProxyType({}),
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> list[BaseRoute]:
    """Return routes that log the app's users in at services and show their connections.

    `Starlette(routes=connect([SERVICE, ...], ...))`.
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


def _endpoint(
    lane: str, respond: Callable[[WebRequest[Request]], WebResponse]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        web_request = await _web_request(request)
        return _starlette_response(await to_thread.run_sync(respond, web_request, limiter=_limiter(lane)))

    return endpoint


def _limiter(lane: str) -> CapacityLimiter:
    limiters = _limiters.get(None)
    if limiters is None:
        _limiters.set(limiters := {})
    return limiters.setdefault(lane, CapacityLimiter(LANE_THREADS))


async def _web_request(request: Request) -> WebRequest[Request]:
    return WebRequest(
        framework_request=request,
        method=request.method,
        query=request.scope["query_string"].decode("latin-1"),
        cookies=request.cookies,
        header=request.headers.get,
        scheme=request.scope["scheme"],
        form=await _form(request) if request.method == "POST" else {},
    )


async def _form(request: Request) -> Mapping[str, str]:
    """Return the posted form. Starlette's own parser needs one more package, and has no size limit."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return {}
    if request.headers.get("content-type", "").startswith(JSON):
        return json_form(body)
    return dict(parse_qsl(body.decode("latin-1")))


def _starlette_response(response: WebResponse) -> Response:
    converted = Response(response.body, response.status, dict(response.headers))
    for cookie in response.cookies:
        converted.set_cookie(**cookie)
    return converted
