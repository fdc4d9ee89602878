"""Times of any size, as services and older versions may have stored them, break neither the page nor a disconnect."""

from dataclasses import replace

import pytest
from peers.connections import buttons, disconnect, row
from peers.web_apps import NAME, stored

from everyauth_cli.store.identities import key_of, read_identity, save_identity

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("huge", [10**15, 10**18, 2**62])
def test_times_of_any_size_break_nothing(world, page_browser, huge):
    identity = world.log_in(NAME, "user-123")
    key = key_of(world.auth.profile, identity)
    kept = read_identity(world.auth.store, key)
    changed = replace(kept.identity, granted_at=huge, expires_at=huge, refreshable=False)
    save_identity(world.auth.store, key, replace(kept, identity=changed))
    assert buttons(row(page_browser)) == ["Disconnect PagerDuty"]
    assert disconnect(page_browser).status == 303
    assert stored(world) == []
