"""WWW-Authenticate, read as RFC 9110 section 11.6.1 says and not by a pattern over the whole header."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.oauth.challenge import read_challenges, token_challenge

PLACE = "https://mcp.example/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((f'Bearer resource_metadata="{PLACE}"',), {"resource_metadata": PLACE}),
        ((f'bEARER Resource_Metadata = "{PLACE}" , scope="a b"',), {"resource_metadata": PLACE, "scope": "a b"}),
        (
            (f"Bearer resource_metadata={PLACE}, error=invalid_token",),
            {"resource_metadata": PLACE, "error": "invalid_token"},
        ),
        (('Basic realm="x", Bearer scope="a"',), {"scope": "a"}),
        (('Basic realm="x"', 'Bearer scope="a"'), {"scope": "a"}),
        (("Negotiate YWJj==, Bearer scope=a",), {"scope": "a"}),
        (("Bearer, Basic realm=x",), {}),
        (("Bearer",), {}),
        (('Basic realm="Bearer resource_metadata=\\"https://evil.example\\"", Bearer scope=a',), {"scope": "a"}),
        (('Basic resource_metadata="https://evil.example"',), {}),
        (('Bearer error="x"', f'DPoP resource_metadata="{PLACE}"'), {"resource_metadata": PLACE}),
        (('Bearer scope="a", scope="b"',), {"scope": "a"}),
        (
            ('DPoP algs="ES256 PS256", x-new=1, error="use_dpop_nonce"',),
            {"algs": "ES256 PS256", "x-new": "1", "error": "use_dpop_nonce"},
        ),
        (('Bearer scope="say \\"a\\""',), {"scope": 'say "a"'}),
        (('Bearer scope="never ends',), {}),
        ((", ,Bearer scope=a,, error=b",), {"scope": "a", "error": "b"}),
        (("=Bearer scope=a",), {}),
        ((), {}),
    ],
)
def test_the_challenge_for_an_access_token_is_found(lines, expected):
    assert dict(token_challenge(lines)) == expected


@given(st.lists(st.text(alphabet=' \t,="\\abBearer/:;+~é\x00', max_size=200), max_size=4))
def test_no_header_is_an_error(lines):
    for challenge in read_challenges(lines):
        assert challenge.scheme == challenge.scheme.lower()


@pytest.mark.parametrize("piece", ["a", "a=", 'a="', "a ", "a,", '\\"', '"\\', "Bearer a=b, ", "=", "a b ", "===="])
def test_a_long_header_takes_time_in_proportion_to_its_length(piece):
    started = time.process_time()
    read_challenges([piece * (1_000_000 // len(piece))])
    assert time.process_time() - started < 1
