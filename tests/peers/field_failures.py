"""Failures of the field between MCP clients and servers, each as a server: it changes an `Internet`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peers.internet import AS, ISSUER, METADATA, PRM, RESOURCE_METADATA, ROOT_PRM, URL, Internet, challenged
from peers.token_server import json_response

from everyauth_cli.model import Response

ORIGIN = "https://mcp.example"
ORIGIN_AS = f"{ORIGIN}/.well-known/oauth-authorization-server"
COMPLETE = {**METADATA, "response_types_supported": ["code"]}
SLASHED = f"{ISSUER}/"


def complete() -> Internet:
    """Return a server that breaks no rule."""
    net = Internet()
    net.posts[URL] = challenged(f'Bearer resource_metadata="{PRM}"')
    net.pages = {PRM: json_response(RESOURCE_METADATA), AS: json_response(COMPLETE)}
    return net


def no_resource_metadata(net: Internet) -> None:
    net.posts[URL] = challenged('Bearer realm="x"')
    net.pages = {ORIGIN_AS: json_response({**COMPLETE, "issuer": ORIGIN})}


def nothing_published(net: Internet) -> None:
    net.posts[URL], net.pages = challenged("Bearer"), {}


def metadata_at_the_root(net: Internet) -> None:
    net.posts[URL] = challenged("Bearer")
    net.pages = {ROOT_PRM: json_response(RESOURCE_METADATA), AS: json_response(COMPLETE)}


def resource_is_the_origin(net: Internet) -> None:
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "resource": ORIGIN})


def slash_behind_the_resource(net: Internet) -> None:
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "resource": f"{URL}/"})


def two_resources(net: Internet) -> None:
    net.posts[URL] = challenged("Bearer")
    net.pages[ROOT_PRM] = json_response({**RESOURCE_METADATA, "resource": f"{ORIGIN}/other"})


def another_resource(net: Internet) -> None:
    two_resources(net)
    del net.pages[PRM]


def slash_behind_the_issuer(net: Internet) -> None:
    net.pages[AS] = json_response({**COMPLETE, "issuer": SLASHED})


def another_issuer(net: Internet) -> None:
    net.pages[AS] = json_response({**COMPLETE, "issuer": f"{ISSUER}/tenant"})


def no_registration(net: Internet) -> None:
    net.pages[AS] = json_response({key: value for key, value in COMPLETE.items() if key != "registration_endpoint"})


def registers_localhost_alone(net: Internet) -> None:
    net.refuses = lambda document: _refusal() if "127.0.0.1" in document["redirect_uris"][0] else None


def registers_no_loopback(net: Internet) -> None:
    net.refuses = lambda _: _refusal()


def pruned_registration(net: Internet) -> None:
    net.forgotten.add("c1")


def offline_access(net: Internet) -> None:
    net.posts[URL] = challenged(f'Bearer resource_metadata="{PRM}", scope="a"')
    net.pages[AS] = json_response({**COMPLETE, "scopes_supported": ["a", "offline_access"]})


def no_challenge(net: Internet) -> None:
    net.posts[URL] = challenged()


def bare_url(net: Internet) -> None:
    net.posts[URL] = challenged(f"Bearer resource_metadata={PRM}")


def forbidden(net: Internet) -> None:
    net.posts[URL] = json_response({}, status=403)


def text_metadata(net: Internet) -> None:
    page = net.pages[PRM]
    net.pages[PRM] = Response(status=200, content_type="text/plain", body=page.body)


def no_pkce(net: Internet) -> None:
    net.pages[AS] = json_response({**COMPLETE, "code_challenge_methods_supported": None})


def plain_http(net: Internet) -> None:
    net.pages[AS] = json_response({**COMPLETE, "token_endpoint": "http://auth.example/token"})


def down(net: Internet) -> None:
    net.pages[AS] = json_response({}, status=503)


def _refusal() -> Response:
    return json_response({"error": "invalid_redirect_uri", "error_description": "no loopback"}, status=400)


def server(*changes: Callable[[Internet], Any]) -> Internet:
    """Return a server with these failures."""
    net = complete()
    for change in changes:
        change(net)
    return net
