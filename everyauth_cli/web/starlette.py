"""`authorize` for Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Callable

from anyio import from_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.grant import Grant
from everyauth_cli.web.flow import Flow, Reply, Visit
from everyauth_cli.web.functions import Authorized, Mapped, waited_for


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

    async def start(request: Request) -> Response:
        return _response(await run_in_threadpool(flow.start, _visit(request)))

    async def callback(request: Request) -> Response:
        return _response(await run_in_threadpool(flow.callback, _visit(request)))

    return [Route(prefix, start), Route(f"{prefix}/callback", callback)]


def _visit(request: Request) -> Visit[Request]:
    query = request.scope["query_string"].decode("latin-1")
    return Visit(request=request, method=request.method, query=query, cookies=request.cookies)


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, dict(reply.headers))
    for cookie in reply.cookies:
        response.set_cookie(**cookie)
    return response
