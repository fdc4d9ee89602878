"""A 403 that asks for more access: at a server that is known by its URL it names the login that gives it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import requests
from peers.http_server import Peer
from peers.internet import URL, Internet, challenged, logged_in
from peers.token_server import World

from everyauth_cli.errors import LoginRequired

MORE = 'Bearer error="insufficient_scope", scope="files:write read"'


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.login()
    net = Internet()
    net.posts[URL] = challenged('Bearer scope="read list"')
    world.server = net
    world.auth = world.another(world.store)
    logged_in(world, user="ann")
    return world


@pytest.fixture
def server():
    with Peer() as server:
        server.status, server.headers = 403, {"WWW-Authenticate": MORE, "Content-Type": "application/json"}
        yield server


def by_httpx(auth, url):
    with httpx.Client(auth=auth.httpx_auth(URL, "ann"), trust_env=False, follow_redirects=True) as client:
        return client.get(url).status_code


def by_httpx_async(auth, url):
    async def get():
        own = auth.httpx_auth(URL, "ann")
        async with httpx.AsyncClient(auth=own, trust_env=False, follow_redirects=True) as client:
            return (await client.get(url)).status_code

    return asyncio.run(get())


def by_requests(auth, url):
    return requests.get(url, auth=auth.requests_auth(URL, "ann"), timeout=60).status_code


@pytest.mark.parametrize("get", [by_httpx, by_httpx_async, by_requests])
def test_the_hint_is_a_login_for_the_union(world, server, get):
    with pytest.raises(LoginRequired) as caught:
        get(world.auth, server.url)
    assert caught.value.exit_code == 4
    assert caught.value.hint == f"everyauth login {URL} --user ann --scope 'read list files:write'"
    assert len(server.requests) == 1


@pytest.mark.parametrize("get", [by_httpx, by_httpx_async, by_requests])
@pytest.mark.parametrize(
    ("status", "challenge"), [(403, 'Bearer error="invalid_token"'), (403, ""), (200, MORE), (403, 'Basic realm="x"')]
)
def test_any_other_response_is_the_app_s(world, server, get, status, challenge):
    server.status, server.headers["WWW-Authenticate"] = status, challenge
    assert get(world.auth, server.url) == status


@pytest.mark.parametrize("get", [by_httpx, by_httpx_async, by_requests])
def test_another_host_chooses_no_scopes(world, server, get):
    with Peer() as first:
        first.status, first.headers["Location"] = 302, server.url
        assert get(world.auth, first.url) == 403
    assert "Authorization" not in server.requests[0].headers


def test_a_service_of_the_catalogue_gets_its_403_as_it_is(world, server):
    with httpx.Client(auth=world.auth.httpx_auth("example"), trust_env=False) as client:
        assert client.get(server.url).status_code == 403
