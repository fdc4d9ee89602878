"""Users that a framework evaluates late: they have every method of a str, and no store can hold them."""

import uuid

import django.utils.functional
import pytest
import werkzeug.local
from peers.token_server import REDIRECT_URI, World

from everyauth_cli.errors import UsageProblem

LAZY = [
    werkzeug.local.LocalProxy(lambda: "me"),
    django.utils.functional.SimpleLazyObject(lambda: "me"),
    django.utils.functional.lazy(lambda: "me", str)(),
    uuid.UUID(int=7),
]


@pytest.mark.parametrize("user", LAZY, ids=lambda user: type(user).__name__)
def test_they_are_refused_with_the_way_out(tmp_path, user):
    world = World(tmp_path)
    world.login()
    calls = [
        lambda: world.auth.get_identity("example", user),
        lambda: world.auth.get_identity("example", {"userId": user}),
        lambda: world.auth.get_identity("example", "me", tenant=user),
        lambda: world.auth.begin("example", redirect_uri=REDIRECT_URI, user=user),
        lambda: world.auth.token_source("example", user),
        lambda: world.auth.httpx_auth("example", user),
        lambda: world.auth.delete_identity("example", user),
        lambda: world.auth.find(user=user),
    ]
    for call in calls:
        with pytest.raises(UsageProblem, match="is not a str") as caught:
            call()
        assert caught.value.hint == "pass str() of it, which is the same for the same user at all times"
    assert len(world.auth.find()) == 1
