"""`authorize` for Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from anyio import from_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.login import Grant
from everyauth_cli.web.app_callbacks import Authorized, Mapped, waited_for
from everyauth_cli.web.connections import Connections
from everyauth_cli.web.login import Flow
from everyauth_cli.web.routes import LARGEST_FORM, Reply, Visit


def authorize(
    service: str,
    *,
    finished_url: str,
    map_to_user_id: Callable[[Request], Mapped],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], Mapped] | None = None,
    on_authorized: Callable[[Request, Grant], Authorized] | None = None,
    scope: str | None = None,
    auth: EveryAuth | None = None,
) -> list[BaseRoute]:
    """Routes that log the app's users in at a service: `Starlette(routes=[*authorize(...), ...])`.

    In FastAPI: `app.include_router(APIRouter(routes=authorize(...)))`. What is said in `everyauth_cli.web` holds; the
    functions may be async, and those that are not run in a thread.
    """
    flow = Flow(
        service=service,
        finished_url=finished_url,
        map_to_user_id=waited_for(map_to_user_id, from_thread.run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=waited_for(map_to_tenant_id, from_thread.run) if map_to_tenant_id else None,
        on_authorized=waited_for(on_authorized, from_thread.run) if on_authorized else None,
        scope=scope,
        given=auth,
    )

    return [Route(prefix, _endpoint(flow.start)), Route(f"{prefix}/callback", _endpoint(flow.callback))]


def connections(
    services: Mapping[str, str],
    *,
    map_to_user_id: Callable[[Request], Mapped],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], Mapped] | None = None,
    stylesheet: str | None = None,
    auth: EveryAuth | None = None,
) -> list[BaseRoute]:
    """Routes of the connections page: `Starlette(routes=[*connections({SERVICE: PREFIX}, ...), ...])`.

    In FastAPI they are included as those of `authorize` are. What is said in `everyauth_cli.web` holds.
    """
    page = Connections(
        services=services,
        map_to_user_id=waited_for(map_to_user_id, from_thread.run),
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=waited_for(map_to_tenant_id, from_thread.run) if map_to_tenant_id else None,
        stylesheet=stylesheet,
        given=auth,
    )
    return [
        Route(prefix, _endpoint(page.page)),
        Route(f"{prefix}/connect", _endpoint(page.connect), methods=["POST"]),
        Route(f"{prefix}/disconnect", _endpoint(page.disconnect), methods=["POST"]),
    ]


def _endpoint(answer: Callable[[Visit[Request]], Reply]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return _response(await run_in_threadpool(answer, await _visit(request)))

    return endpoint


async def _visit(request: Request) -> Visit[Request]:
    return Visit(
        request=request,
        method=request.method,
        query=request.scope["query_string"].decode("latin-1"),
        cookies=request.cookies,
        origin=request.headers.get("origin"),
        site=request.headers.get("sec-fetch-site"),
        form=await _form(request) if request.method == "POST" else {},
    )


async def _form(request: Request) -> Mapping[str, str]:
    """What was posted. Starlette's own would want one more package, and has no limit."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return {}
    return dict(parse_qsl(body.decode("latin-1")))


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, dict(reply.headers))
    for cookie in reply.cookies:
        response.set_cookie(**cookie)
    return response
