"""The fixtures `world`, `app` and `browser`: a web app in each framework, its sandbox, and a browser of its user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from peers.web_apps import Ask, Browser

    from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox


@pytest.fixture
def world() -> Iterator[EveryAuthSandbox]:
    """A sandbox whose consent page is served over HTTP."""
    from peers.web_apps import BASE_URL, CALLBACK

    from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
    from everyauth_cli.sandbox.server import Sandbox

    with Sandbox(redirect_uri=BASE_URL + CALLBACK) as sandbox:
        yield EveryAuthSandbox(sandbox)


@pytest.fixture(params=["starlette", "fastapi", "flask", "django"])
def app(request: pytest.FixtureRequest, world: EveryAuthSandbox) -> Callable[..., Ask]:
    """Return a function that makes the app; its arguments override the defaults."""
    from peers.web_apps import BASE_URL, FRAMEWORKS, NAME, PAGE, PREFIX

    def make(page: Mapping[str, object] | None = None, /, **options: object) -> Ask:
        usual = {
            "finished_url": "/done",
            "map_to_user_id": lambda request: request.headers.get("x-user"),
            "base_url": BASE_URL,
            "prefix": PREFIX,
            "auth": world.auth,
        }
        options = {**usual, **options}
        if page is not None:
            shared = {name: options[name] for name in ("map_to_user_id", "base_url", "auth")}
            page = {"services": {NAME: PREFIX}, "prefix": PAGE, **shared, **page}
        return FRAMEWORKS[request.param](page, **options)

    return make


@pytest.fixture
def browser(app: Callable[..., Ask]) -> Browser:
    from peers.web_apps import Browser

    return Browser(app())


@pytest.fixture
def page_browser(app: Callable[..., Ask]) -> Browser:
    """The browser of a user of an app whose connections page offers two services."""
    from peers.web_apps import OFFERED, Browser

    return Browser(app({"services": OFFERED}))
