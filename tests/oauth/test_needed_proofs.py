"""The places where a server says that it takes only tokens that are bound to a key (RFC 9449, RFC 9728)."""

from __future__ import annotations

import pytest
from peers.internet import PRM, RESOURCE_METADATA, URL, Internet, challenged
from peers.token_server import json_response

from everyauth_cli.oauth.discovery import discovery


@pytest.fixture
def net():
    return Internet()


def found(net, url=URL, **how):
    steps = discovery(url, **how)
    try:
        request = next(steps)
        while True:
            request = steps.send(net(request))
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(
    ("challenges", "needed"),
    [
        (['DPoP algs="ES256"'], True),
        (['DPoP algs="ES256"', 'Basic realm="x"'], True),
        (['DPoP algs="ES256", Bearer'], False),
        (["Bearer", "DPoP"], False),
        (["Bearer"], False),
        ([], False),
    ],
)
def test_a_challenge_for_bound_tokens_alone_says_that_they_are_needed(net, challenges, needed):
    net.posts[URL] = challenged(*challenges)
    assert found(net).needs_proof is needed


@pytest.mark.parametrize(
    ("stated", "needed"), [(True, True), (False, False), ("true", False), (1, False), (None, False)]
)
def test_a_resource_says_that_it_needs_bound_tokens(net, stated, needed):
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "dpop_bound_access_tokens_required": stated})
    assert found(net).needs_proof is needed
