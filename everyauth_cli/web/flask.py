"""`authorize` for Flask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Request, Response, request

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.login import Grant
from everyauth_cli.web.connections import Connections
from everyauth_cli.web.login import Flow
from everyauth_cli.web.routes import Reply, Visit, is_small


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


def connections(
    services: Mapping[str, str],
    *,
    map_to_user_id: Callable[[Request], str | None],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], str | None] | None = None,
    stylesheet: str | None = None,
    auth: EveryAuth | None = None,
) -> Blueprint:
    """A blueprint of the connections page: `app.register_blueprint(connections({SERVICE: PREFIX}, ...))`.

    Its name is `everyauth-connections`. What is said in `everyauth_cli.web` holds; with Flask-WTF's `CSRFProtect`,
    which asks for a token of its own: `csrf.exempt(blueprint)`.
    """
    page = Connections(
        services=services,
        map_to_user_id=map_to_user_id,
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=map_to_tenant_id,
        stylesheet=stylesheet,
        given=auth,
    )
    blueprint = Blueprint("everyauth-connections", __name__)
    blueprint.add_url_rule(prefix, "page", lambda: _response(page.page(_visit())))
    blueprint.add_url_rule(f"{prefix}/connect", "connect", lambda: _response(page.connect(_visit())), methods=["POST"])
    blueprint.add_url_rule(
        f"{prefix}/disconnect", "disconnect", lambda: _response(page.disconnect(_visit())), methods=["POST"]
    )
    return blueprint


def _visit() -> Visit[Request]:
    return Visit(
        request=request,
        method=request.method,
        query=request.query_string.decode("latin-1"),
        cookies=request.cookies,
        origin=request.headers.get("origin"),
        site=request.headers.get("sec-fetch-site"),
        form=request.form.to_dict() if is_small(request.content_length) else {},
    )


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, dict(reply.headers))
    response.autocorrect_location_header = False
    for cookie in reply.cookies:
        response.set_cookie(**cookie)
    return response
