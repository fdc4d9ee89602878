"""Our client of the Secret Service against a real KeePassXC, which asks the person more often than gnome-keyring."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
from peers.keepassxc import keepassxc
from peers.sandbox import TOKEN_LIFETIME, sandbox_shell

from everyauth_cli.errors import StoreLocked, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.keyring.secret_service import SecretServiceItems

pytestmark = pytest.mark.slow

NAME = "everyauth:default:identity:example:me:me"


def items(service, *, may_prompt: bool, seconds: float = 3):
    return SecretServiceItems(
        service.bus_address, lock=nullcontext, may_prompt=may_prompt, seconds=seconds, prompt_seconds=1
    )


def test_a_whole_journey_needs_no_display_and_leaves_no_probe(everyauth, tmp_path):
    with keepassxc(tmp_path / "keepassxc") as service, sandbox_shell(everyauth, registered=False) as shell:
        shell.env = {"BROWSER": shell.env["BROWSER"], "DBUS_SESSION_BUS_ADDRESS": service.bus_address}
        shell.register()
        shell.log_in()
        assert json.loads(shell.good("everyauth store status -o json"))["available"]
        first = shell.token()
        shell.clock.tick(TOKEN_LIFETIME + 1)
        second = shell.token()
        assert first != second
        shell.good("everyauth logout pagerduty")
        entries = service.entries()
    assert any("identity" in entry for entry in entries), entries
    assert not any("probe" in entry for entry in entries), entries


@pytest.mark.parametrize("may_prompt", [False, True])
def test_an_item_is_written_changed_and_deleted_without_a_person(tmp_path, may_prompt):
    with keepassxc(tmp_path / "keepassxc") as service:
        kept = items(service, may_prompt=may_prompt)
        kept.probe(NAME)
        assert kept.read(NAME) is None
        for text in ("first", "second", "grüße \U0001f511"):
            kept.write(NAME, Secret(text))
            assert items(service, may_prompt=may_prompt).read(NAME) == Secret(text)
        kept.delete(NAME)
        assert kept.read(NAME) is None


@pytest.mark.parametrize(
    ("may_prompt", "error", "says"),
    [(True, StoreLocked, "not unlocked within 1 s"), (False, StoreUnavailable, r"did not answer within 0\.3 s")],
)
def test_a_database_that_a_person_is_to_unlock_is_waited_for(tmp_path, may_prompt, error, says):
    with (
        keepassxc(tmp_path / "keepassxc", unlocked=False) as service,
        pytest.raises(error, match=says),
    ):
        items(service, may_prompt=may_prompt, seconds=0.3).read(NAME)
