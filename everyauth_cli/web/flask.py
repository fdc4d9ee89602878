"""`authorize` and `connections` for Flask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Request, Response, request

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.login import Grant
from everyauth_cli.web.connections import ConnectionRoutes
from everyauth_cli.web.login import LoginRoutes
from everyauth_cli.web.routes import WebRequest, WebResponse, is_form_readable


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
    """Return a blueprint that logs the app's users in at a service: `app.register_blueprint(authorize(...))`.

    Its name is `everyauth-SERVICE`. `everyauth_cli.web` documents the arguments.
    """
    routes = LoginRoutes(
        service=service,
        finished_url=finished_url,
        map_to_user_id=map_to_user_id,
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=map_to_tenant_id,
        on_authorized=on_authorized,
        scope=scope,
        given_auth=auth,
    )
    blueprint = Blueprint(f"everyauth-{service}", __name__)
    blueprint.add_url_rule(prefix, "start", lambda: _flask_response(routes.start(_web_request())))
    blueprint.add_url_rule(f"{prefix}/callback", "callback", lambda: _flask_response(routes.callback(_web_request())))
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
    """Return a blueprint of the connections page: `app.register_blueprint(connections({SERVICE: PREFIX}, ...))`.

    Its name is `everyauth-connections`. `everyauth_cli.web` documents the arguments. The page has CSRF tokens of its
    own, so exempt it from Flask-WTF's `CSRFProtect`: `csrf.exempt(blueprint)`.
    """
    routes = ConnectionRoutes(
        services=services,
        map_to_user_id=map_to_user_id,
        base_url=base_url,
        prefix=prefix,
        map_to_tenant_id=map_to_tenant_id,
        stylesheet=stylesheet,
        given_auth=auth,
    )
    blueprint = Blueprint("everyauth-connections", __name__)
    blueprint.add_url_rule(prefix, "page", lambda: _flask_response(routes.page(_web_request())))
    blueprint.add_url_rule(
        f"{prefix}/connect", "connect", lambda: _flask_response(routes.connect(_web_request())), methods=["POST"]
    )
    blueprint.add_url_rule(
        f"{prefix}/disconnect",
        "disconnect",
        lambda: _flask_response(routes.disconnect(_web_request())),
        methods=["POST"],
    )
    return blueprint


def _web_request() -> WebRequest[Request]:
    return WebRequest(
        framework_request=request,
        method=request.method,
        query=request.query_string.decode("latin-1"),
        cookies=request.cookies,
        origin=request.headers.get("origin"),
        fetch_site=request.headers.get("sec-fetch-site"),
        form=request.form.to_dict() if is_form_readable(request.content_length) else {},
    )


def _flask_response(response: WebResponse) -> Response:
    converted = Response(response.body, response.status, dict(response.headers))
    converted.autocorrect_location_header = False
    for cookie in response.cookies:
        converted.set_cookie(**cookie)
    return converted
