"""`authorize`, `connections` and `connect` for Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from types import MappingProxyType
from typing import Any

from flask import Blueprint, Request, Response, request
from flask.sansio.app import App

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.granted import Grant
from everyauth_cli.pages.look import ConnectionsPage
from everyauth_cli.web.connections import ConnectionRoutes, login_prefixes
from everyauth_cli.web.login import LoginRoutes
from everyauth_cli.web.routes import WebRequest, WebResponse, is_form_readable, json_form


class RoutesBlueprint(Blueprint):
    """A blueprint that takes another name, with a number, where an app has one of that name."""

    def register(self, app: App, options: dict[str, Any]) -> None:
        names = (f"{self.name}-{number}" if number > 1 else self.name for number in count(1))
        parent = options.get("name_prefix", "")
        free = next(name for name in names if app.blueprints.get(f"{parent}.{name}".lstrip("."), self) is self)
        super().register(app, {"name": free, **options})


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
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> Blueprint:
    """Return a blueprint that logs the app's users in at a service: `app.register_blueprint(authorize(...))`.

    Its name is `everyauth-SERVICE`, and that of an app's second one for a service `everyauth-SERVICE-2`.
    `everyauth_cli.web` documents the arguments.
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
        stylesheet=stylesheet,
        look=page or ConnectionsPage(),
        sign_in_url=sign_in_url,
        given_auth=auth,
    )
    blueprint = RoutesBlueprint(f"everyauth-{service}", __name__)
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
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
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
        look=page or ConnectionsPage(),
        sign_in_url=sign_in_url,
        given_auth=auth,
    )
    blueprint = RoutesBlueprint("everyauth-connections", __name__)
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


def connect(
    services: Iterable[str],
    *,
    map_to_user_id: Callable[[Request], str | None],
    base_url: str,
    prefix: str,
    map_to_tenant_id: Callable[[Request], str | None] | None = None,
    on_authorized: Callable[[Request, Grant], bool | None] | None = None,
    scopes: Mapping[str, str] = MappingProxyType({}),
    stylesheet: str | None = None,
    page: ConnectionsPage | None = None,
    sign_in_url: str | None = None,
    auth: EveryAuth | None = None,
) -> Blueprint:
    """Return a blueprint that logs the app's users in at services and shows their connections.

    `app.register_blueprint(connect([SERVICE, ...], ...))`. Its name is `everyauth-connections`.
    The redirect URIs are `base_url` + `prefix`/SERVICE/callback. `everyauth_cli.web` documents the arguments.
    """
    prefixes = login_prefixes(services, prefix=prefix)
    blueprint = connections(
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
        login = authorize(
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
        blueprint.register_blueprint(login)
    return blueprint


def _web_request() -> WebRequest[Request]:
    return WebRequest(
        framework_request=request,
        method=request.method,
        query=request.query_string.decode("latin-1"),
        cookies=request.cookies,
        header=request.headers.get,
        scheme=request.scheme,
        form=_form() if is_form_readable(request.content_length) else {},
    )


def _form() -> dict[str, str]:
    return json_form(request.get_data()) if request.is_json else request.form.to_dict()


def _flask_response(response: WebResponse) -> Response:
    converted = Response(response.body, response.status, dict(response.headers))
    converted.autocorrect_location_header = False
    for cookie in response.cookies:
        converted.set_cookie(**cookie)
    return converted
