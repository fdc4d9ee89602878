"""The lifetimes that services state, usable or not, and the time of a refresh where they state none."""

import base64
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.token_server import HOUR, MINUTE, NOW, TOKEN_ENDPOINT

from everyauth_cli.model import Secret, Service, Token
from everyauth_cli.oauth.lifetime import Expiry, expiry_of, lifetime_of
from everyauth_cli.services.catalogue import Catalogue

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
)
OPAQUE = Secret("opaque")
DAY = 24 * HOUR
LONGEST = 11 * 365 * DAY


def jwt(payload: object) -> Secret[str]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    parts = (b'{"alg":"RS256"}', body, b"signature")
    return Secret(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


@pytest.mark.parametrize(
    ("expires_in", "milliseconds"),
    [
        (3600, HOUR),
        (1, 1000),
        (0.5, 500),
        (3599.97, 3_599_970),
        ("3600", HOUR),
        (" 3600\n", HOUR),
        ("3599.97", 3_599_970),
        ("3600.", HOUR),
        (LONGEST // 1000, LONGEST),
        (5184000, 60 * DAY),
    ],
)
def test_a_usable_lifetime_is_read(expires_in, milliseconds):
    assert lifetime_of(expires_in) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "3600s", "1h", "PT1H", "+3600", "1e3", "1_000", "0x10", "٣٦٠٠", "nan", "inf", "2026-12-01"]
)
def test_a_text_that_is_no_number_states_nothing(text):
    assert lifetime_of(text) is None


@pytest.mark.parametrize(
    "expires_in",
    [
        *(None, True, False, [3600], {"value": 3600}, "9" * 5000),
        *(0, -1, -0.0, 1e-9, math.nan, math.inf, -math.inf, 10**18, 10**400, 2**31 - 1, 2**63),
        *(NOW // 1000, NOW, NOW // 1000 + 3600, LONGEST // 1000 + 1),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_unusable_lifetime_states_nothing(expires_in):
    assert lifetime_of(expires_in) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_value_states_a_lifetime_of_at_most_ten_years_or_none(expires_in):
    lifetime = lifetime_of(expires_in)
    assert lifetime is None or 0 < lifetime <= LONGEST


@given(JSON | st.binary(max_size=40), st.booleans())
def test_any_access_token_and_lifetime_has_an_expiry(value, refreshable):
    token = jwt({"exp": value} if not isinstance(value, bytes) else value)
    expiry = expiry_of(SERVICE, None, token, now=NOW, refreshable=refreshable)
    assert expiry.expires_at is None
    assert (expiry.refresh_at is not None) is refreshable
    assert expiry.refresh_at is None or NOW <= expiry.refresh_at <= NOW + LONGEST


PREVIOUS = Token(
    access_token=OPAQUE,
    refresh_token=Secret("r"),
    scope=None,
    issued_at=NOW - DAY,
    expires_at=NOW - DAY + 2 * HOUR,
    native=Secret({}),
)
FORGETFUL = replace(PREVIOUS, expires_at=None)
ASSUMING = replace(SERVICE, default_lifetime=1800)


@pytest.mark.parametrize(
    ("service", "access_token", "previous", "assumed"),
    [
        (ASSUMING, jwt({"exp": NOW // 1000 + 600}), PREVIOUS, 2 * HOUR),
        (ASSUMING, jwt({"exp": NOW // 1000 + 600}), replace(FORGETFUL, lifetime=3 * HOUR), 3 * HOUR),
        (ASSUMING, jwt({"exp": NOW // 1000 + 600}), FORGETFUL, 10 * MINUTE),
        (ASSUMING, jwt({"exp": NOW / 1000 + 600.5}), None, 600_500),
        (ASSUMING, jwt({"exp": NOW // 1000 - 600}), None, HOUR // 2),
        (ASSUMING, jwt({"exp": NOW}), None, HOUR // 2),
        (ASSUMING, jwt({"exp": 10**399}), None, HOUR // 2),
        (ASSUMING, jwt({"exp": "soon"}), None, HOUR // 2),
        (ASSUMING, jwt({"exp": True}), None, HOUR // 2),
        (ASSUMING, jwt([1]), None, HOUR // 2),
        (ASSUMING, jwt(b"\xff" * 50), None, HOUR // 2),
        (ASSUMING, jwt(b"[" * 5000), None, HOUR // 2),
        (ASSUMING, jwt({"exp": NOW // 1000 + 600, "padding": "x" * 20_000}), None, HOUR // 2),
        (ASSUMING, Secret("a.b.c"), None, HOUR // 2),
        (ASSUMING, Secret("a.b.c.d.e"), None, HOUR // 2),
        (ASSUMING, OPAQUE, None, HOUR // 2),
        (SERVICE, OPAQUE, None, HOUR),
    ],
)
def test_the_time_of_a_refresh_is_guessed_from_the_best_that_is_known(service, access_token, previous, assumed):
    expiry = expiry_of(service, None, access_token, now=NOW, refreshable=True, previous=previous)
    assert expiry.expires_at is None
    assert expiry.refresh_at == NOW + assumed - assumed // 10


@pytest.mark.parametrize(
    ("margin", "lifetime", "refresh_at"),
    [(None, HOUR, None), (0, HOUR, HOUR), (20, 10 * MINUTE, 10 * MINUTE - 20_000), (600, MINUTE, MINUTE // 2)],
)
def test_an_entry_may_give_the_margin_of_a_refresh(margin, lifetime, refresh_at):
    service = replace(SERVICE, refresh_margin=margin)
    expiry = expiry_of(service, lifetime // 1000, OPAQUE, now=NOW, refreshable=True)
    moment = None if refresh_at is None else NOW + refresh_at
    assert expiry == Expiry(expires_at=NOW + lifetime, refresh_at=moment, lifetime=lifetime)


def test_exact_online_is_asked_in_the_last_thirty_seconds_only():
    expiry = expiry_of(Catalogue().get("exact-online"), "600", OPAQUE, now=NOW, refreshable=True)
    assert NOW + 570_000 < expiry.refresh_at < expiry.expires_at == NOW + 600_000
