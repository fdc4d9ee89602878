"""The decision whether a token is handed out as it is: by its expiry where that is known, else by a guess."""

import subprocess
import sys

import pytest
from peers.token_server import HOUR, MINUTE, NOW

from everyauth_cli.flows.freshness import is_due, is_fresh, lives_for


@pytest.mark.parametrize(
    ("expires_at", "refresh_at", "now", "fresh"),
    [
        (HOUR, None, 0, True),
        (HOUR, None, HOUR - MINUTE - 1, True),
        (HOUR, None, HOUR - MINUTE, False),
        (MINUTE, None, MINUTE - 6001, True),
        (MINUTE, None, MINUTE - 6000, False),
        (0, None, 0, False),
        (-5, None, 0, False),
        (HOUR, HOUR, HOUR - 1, True),
        (HOUR, HOUR, HOUR, False),
        (HOUR, HOUR // 2, HOUR // 2, False),
        (None, HOUR, HOUR - 1, True),
        (None, HOUR, HOUR, False),
        (None, None, 100 * HOUR, True),
        # The clock was wrong when the token was issued, or is now.
        (HOUR, None, -MINUTE, True),
        (HOUR, None, -MINUTE - 1, False),
        (None, HOUR, -MINUTE - 1, False),
        (None, None, -100 * HOUR, True),
    ],
)
def test_a_token_is_fresh_until_it_is_to_be_refreshed(expires_at, refresh_at, now, fresh):
    absolute = (None if moment is None else NOW + moment for moment in (expires_at, refresh_at))
    assert is_fresh(NOW, *absolute, now=NOW + now) is fresh


@pytest.mark.parametrize(
    ("expires_at", "refresh_at", "min_ttl", "fresh"),
    [
        (HOUR, None, HOUR - 1, True),
        (HOUR, None, HOUR, False),
        (HOUR, HOUR, HOUR, False),
        (None, MINUTE, HOUR, True),
        (None, None, HOUR, True),
    ],
)
def test_a_guess_never_fails_a_minimum_lifetime(expires_at, refresh_at, min_ttl, fresh):
    assert is_fresh(0, expires_at, refresh_at, now=0, min_ttl=min_ttl) is fresh
    assert lives_for(expires_at, now=0, min_ttl=min_ttl) is fresh


@pytest.mark.parametrize(
    ("expires_at", "refresh_at", "due"),
    [(9, None, True), (11, None, False), (11, 5, False), (None, 9, True), (None, 11, False), (None, None, False)],
)
def test_a_token_is_due_by_its_expiry_or_else_by_the_guess(expires_at, refresh_at, due):
    assert is_due(expires_at, refresh_at, now=0, within=10) is due


def test_the_short_cut_imports_nothing_heavy_with_it():
    code = "import sys; import everyauth_cli.flows.freshness; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("everyauth_cli")}
    assert ours == {"everyauth_cli", "everyauth_cli._version", "everyauth_cli.flows", "everyauth_cli.flows.freshness"}
