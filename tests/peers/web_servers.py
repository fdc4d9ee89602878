"""The apps of `web_apps` on real servers on loopback, for a real browser to visit."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django.test
import uvicorn
from django.core.handlers.wsgi import WSGIHandler
from peers.web_apps import CALLBACK, NAME, PAGE, PREFIX, django_urls, flask_app, starlette_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox


@contextmanager
def serving(framework: str, world: EveryAuthSandbox, **page: Any) -> Iterator[str]:
    """Serve an app with `authorize` and `connections`, whose user is always the same; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        world.sandbox.redirect_uri = url + CALLBACK
        usual = {"map_to_user_id": lambda _: "user-123", "base_url": url, "auth": world.auth}
        shown = {"services": {NAME: PREFIX}, "prefix": PAGE, **usual, **page}
        with SERVERS[framework](listener, shown, {"prefix": PREFIX, "finished_url": PAGE, **usual}):
            yield url


@contextmanager
def _running(target: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@contextmanager
def _of_wsgi(listener: socket.socket, app: Any) -> Iterator[None]:
    server = make_server(*listener.getsockname(), app, threaded=True, fd=listener.fileno())
    with _running(server.serve_forever, server.shutdown):
        yield
    server.server_close()


@contextmanager
def _flask(listener: socket.socket, page: dict[str, Any], options: dict[str, Any]) -> Iterator[None]:
    with _of_wsgi(listener, flask_app(page, **options)):
        yield


@contextmanager
def _django(listener: socket.socket, page: dict[str, Any], options: dict[str, Any]) -> Iterator[None]:
    urls = django_urls(page, **options)
    with django.test.override_settings(ROOT_URLCONF=urls), _of_wsgi(listener, WSGIHandler()):
        yield


@contextmanager
def _starlette(listener: socket.socket, page: dict[str, Any], options: dict[str, Any]) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(starlette_app(page, **options), lifespan="off", log_config=None))
    with _running(lambda: server.run(sockets=[listener]), lambda: setattr(server, "should_exit", True)):
        yield


@contextmanager
def another_site(path: str, kind: str, content: str) -> Iterator[str]:
    """Serve one resource of another site; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener, _of_wsgi(listener, Response(content, content_type=kind)):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{path}"


SERVERS = {"flask": _flask, "django": _django, "starlette": _starlette}
