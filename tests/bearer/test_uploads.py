"""Bodies of requests: sent as they are read, and again after a 401 only where that gives the same bytes."""

import asyncio
import io
import os

import httpx
import httpx2
import pytest
from peers.api import serving
from peers.http_clients import CLIENTS, by_httpx, by_httpx2, by_httpx2_async, by_httpx_async, by_requests
from peers.token_server import MINUTE, World


@pytest.fixture(params=[*CLIENTS, "requests"])
def ask(request):
    return {**CLIENTS, "requests": by_requests}[request.param]


@pytest.fixture(params=CLIENTS)
def ask_httpx(request):
    return CLIENTS[request.param]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.login()
    # A token that was just issued is not replaced for a 401.
    world.clock.now += 2 * MINUTE
    return world


@pytest.fixture
def api():
    with serving() as api:
        yield api


async def parts():
    yield b"one"
    yield b"two"


def stream(ask):
    """A body that can be read only once, as the client takes it."""
    return parts() if ask in (by_httpx_async, by_httpx2_async) else iter([b"one", b"two"])


def test_a_stream_is_sent_once_and_the_next_request_has_the_new_token(world, api, ask):
    api.accepted = {"access-3"}
    assert ask(world.auth, "POST", api.url, stream(ask))[0] == 401
    assert [call.body for call in api.calls] == [b"onetwo"]
    assert ask(world.auth, "POST", api.url, stream(ask))[:2] == (200, {"path": "/", "body": "onetwo"})
    assert world.server.refreshes == 1


@pytest.mark.parametrize("ask", [by_httpx, by_httpx2, by_requests])
def test_a_file_is_sent_again_from_where_it_stood(world, api, ask, tmp_path):
    api.accepted = {"access-3"}
    (tmp_path / "text").write_bytes(b"a text")
    with (tmp_path / "text").open("rb") as file:
        assert ask(world.auth, "POST", api.url, file)[:2] == (200, {"path": "/", "body": "a text"})
    assert [call.body for call in api.calls] == [b"a text"] * 2


@pytest.mark.parametrize("ask", [by_httpx2, by_requests])  # httpx takes a pipe for an empty file
def test_a_pipe_is_sent_once(world, api, ask):
    api.accepted = {"access-3"}
    reading, writing = os.pipe()
    os.write(writing, b"piped")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        # Without a length it goes out in chunks.
        assert ask(world.auth, "POST", api.url, pipe)[0] == 401
    assert [call.body for call in api.calls] == [b"piped"]


def test_a_form_with_a_file_is_sent_again(world, api, ask_httpx):
    api.accepted = {"access-3"}
    files = {"one": ("one.txt", io.BytesIO(b"first")), "two": ("two.txt", b"second")}
    status, page, _ = ask_httpx(world.auth, "POST", api.url, files=files, data={"name": "value"})
    assert status == 200
    assert all(text in page["body"] for text in ("first", "second", "value"))
    assert api.calls[0].body == api.calls[1].body


def test_a_form_with_a_stream_is_sent_once(world, api, ask_httpx):
    class Once:
        read = io.BytesIO(b"first").read

    api.accepted = {"access-3"}
    assert ask_httpx(world.auth, "POST", api.url, files={"one": ("one.txt", Once())})[0] == 401
    assert (len(api.calls), b"first" in api.calls[0].body) == (1, True)


def test_a_list_is_sent_again(world, api):
    api.accepted = {"access-3"}
    for ask in (by_httpx, by_httpx2):
        world.clock.now += 2 * MINUTE
        assert ask(world.auth, "POST", api.url, [b"one", b"two"])[1] == {"path": "/", "body": "onetwo"}


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_an_upload_is_not_read_before_it_is_sent(world, library):
    pulled = []

    def body():
        for number in range(3):
            pulled.append(number)
            yield b"x"

    async def async_body():
        for part in body():
            yield part

    class Sink(library.BaseTransport, library.AsyncBaseTransport):
        def handle_request(self, request):
            assert pulled == []
            assert b"".join(request.stream) == b"xxx"
            return library.Response(200)

        async def handle_async_request(self, request):
            assert pulled == []
            assert b"".join([part async for part in request.stream]) == b"xxx"
            return library.Response(200)

    async def run():
        async with library.AsyncClient(auth=world.auth.httpx_auth("example"), transport=Sink()) as client:
            return await client.post("https://api.example", content=async_body())

    with library.Client(auth=world.auth.httpx_auth("example"), transport=Sink()) as client:
        assert client.post("https://api.example", content=body()).status_code == 200
    pulled.clear()
    assert asyncio.run(run()).status_code == 200


def test_requests_sends_a_file_again_from_its_middle(world, api):
    api.accepted = {"access-3"}
    file = io.BytesIO(b"skipped text")
    file.seek(8)
    assert by_requests(world.auth, "POST", api.url, file)[1]["body"] == "text"
