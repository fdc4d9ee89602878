"""`authorize` for Flask."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Request, Response, request

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.grant import Grant
from everyauth_cli.web.flow import Flow
from everyauth_cli.web.routes import Reply, Visit


def authorize(
    service: str,
    *,
    finished_url: str,
    map_to_user_id: Callable[[Request], str | None],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], str | None] | None = None,
    on_authorized: Callable[[Request, Grant], bool | None] | None = None,
    scope: str | None = None,
    auth: EveryAuth | None = None,
) -> Blueprint:
    """A blueprint that logs the app's users in at a service: `app.register_blueprint(authorize(...))`.

    Its name is `everyauth-SERVICE`. What is said in `everyauth_cli.web` holds.
    """
    flow = Flow(
        service=service,
        finished_url=finished_url,
        map_to_user_id=map_to_user_id,
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=map_to_tenant_id,
        on_authorized=on_authorized,
        scope=scope,
        given=auth,
    )
    blueprint = Blueprint(f"everyauth-{service}", __name__)
    blueprint.add_url_rule(prefix, "start", lambda: _response(flow.start(_visit())))
    blueprint.add_url_rule(f"{prefix}/callback", "callback", lambda: _response(flow.callback(_visit())))
    return blueprint


def _visit() -> Visit[Request]:
    query = request.query_string.decode("latin-1")
    return Visit(request=request, method=request.method, query=query, cookies=request.cookies)


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, dict(reply.headers))
    response.autocorrect_location_header = False
    for cookie in reply.cookies:
        response.set_cookie(**cookie)
    return response
