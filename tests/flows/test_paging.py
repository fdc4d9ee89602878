"""Identities in pages, while others log in and out, and the deletion of many."""

import json
import threading

import pytest
from peers.stores import over, sealed_store
from peers.token_server import ENTRY, REVOCABLE, World

from everyauth_cli import Page
from everyauth_cli.errors import ClientNotSet, ServiceNotFound, UsageProblem
from everyauth_cli.store.memory import MemoryRecords
from everyauth_cli.store.records import BATCH, NOT_LOOKED_UP


class Counting(MemoryRecords):
    """Records of which it is counted how many are listed at once."""

    def __init__(self):
        super().__init__()
        self.most = 0

    def list(self, query, *, after=None, limit=None):
        found = super().list(query, after=after, limit=limit)
        self.most = max(self.most, len(found))
        return found


@pytest.fixture(params=["memory", "sqlite"])
def world(tmp_path, request):
    return World(tmp_path, store=sealed_store(tmp_path / "data") if request.param == "sqlite" else None)


def users(page):
    return [identity.user for identity in page.items]


def read_all(auth, *selection, count):
    """All users of a listing, page by page, and how many pages it took."""
    found, pages, cursor = [], 0, None
    while True:
        page = auth.get_identities(*selection, count=count, next=cursor)
        found, pages, cursor = found + users(page), pages + 1, page.next
        if cursor is None:
            return found, pages


def test_pages_hold_all_once_in_order_and_the_last_is_not_empty(world):
    for user in ("c", "a", "d", "b"):
        world.login(user=user)
    assert read_all(world.auth, count=1) == (["a", "b", "c", "d"], 4)
    assert read_all(world.auth, count=2) == (["a", "b", "c", "d"], 2)
    assert read_all(world.auth, count=3) == (["a", "b", "c", "d"], 2)
    assert read_all(world.auth, count=4) == (["a", "b", "c", "d"], 1)
    assert world.auth.get_identities() == Page(items=world.auth.find(), next=None)


def test_without_identities_there_is_one_empty_page(world):
    assert world.auth.get_identities("example") == Page(items=[], next=None)


def test_services_and_tags_select(world):
    world.entry("second", ENTRY + 'aliases = ["2nd"]\n')
    world.auth.clients.set(world.auth.catalogue.get("second"), client_id="id")
    for user in "abcd":
        world.login(user=user, tenant="acme" if user in "bd" else "", tags={"plan": "gold" if user < "d" else "lead"})
    world.login(user="z", service="second", tags={"plan": "gold"})
    assert sorted(read_all(world.auth, "", {"plan": "gold"}, count=1)[0]) == ["a", "b", "c", "z"]
    assert sorted(read_all(world.auth, "example", {"plan": "gold"}, count=2)[0]) == ["a", "b", "c"]
    assert read_all(world.auth, "example", {"tenantId": "acme"}, count=1) == (["b", "d"], 2)
    assert read_all(world.auth, "example", {"tenantId": "acme", "plan": "lead"}, count=1) == (["d"], 1)
    assert read_all(world.auth, "", {"userId": "z"}, count=5) == (["z"], 1)
    assert read_all(world.auth, "2nd", count=5) == (["z"], 1)
    with pytest.raises(ServiceNotFound, match="did you mean second"):
        world.auth.get_identities("secnd")


def test_a_service_that_was_removed_still_lists_its_identities(world):
    world.login(user="a")
    (world.directory / "example.toml").unlink()
    assert users(world.auth.get_identities("example")) == ["a"]


def test_logins_and_deletions_between_pages_disturb_no_other_identity(world):
    for user in ("b", "d", "f", "h"):
        world.login(user=user)
    first = world.auth.get_identities("example", count=2)
    assert users(first) == ["b", "d"]
    world.auth.delete_identity("example", "d")
    world.auth.delete_identity("example", "f")
    world.login(user="a")
    world.login(user="e")
    assert users(world.auth.get_identities("example", count=9, next=first.next)) == ["e", "h"]


def test_a_listing_during_logins_and_deletions_misses_no_identity_that_stays(world):
    stay = [f"user-{number:02}" for number in range(0, 40, 2)]
    for user in stay:
        world.login(user=user)
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            for number in range(1, 40, 8):
                world.login(user=f"user-{number:02}")
                world.auth.delete_identity("example", f"user-{number:02}", local=True)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for count in (1, 3, 7):
            found, _ = read_all(world.auth, "example", count=count)
            assert found == sorted(set(found))
            assert set(stay) <= set(found)
    finally:
        over.set()
        other.join()


def test_a_list_is_read_in_batches_and_no_further_than_the_page(tmp_path):
    records = Counting()
    world = World(tmp_path, store=over(records))
    world.login(user="a", tags={"plan": "gold"})
    gold = records.records[world.key("a")]
    other = json.dumps({**json.loads(gold.draft.metadata), "tags": {}})
    for number in range(3 * BATCH):
        draft = gold.draft._replace(metadata=other, lookup=NOT_LOOKED_UP)
        records.records[world.key(f"user-{number:05}")] = gold._replace(draft=draft)
    records.records[world.key("z")] = gold
    assert users(world.auth.get_identities("example", {"plan": "gold"})) == ["a", "z"]
    assert len(world.auth.find()) == 3 * BATCH + 2
    assert records.most == BATCH


@pytest.mark.parametrize(
    "cursor",
    ["", "nonsense", "e30=", "W10=", "WzEsMiwzXQ==", "\N{SNOWMAN}", "W1tdLFtdLFtdXQ==", "Wy=", "//", "bnVsbA=="],
)
def test_an_invalid_cursor_is_refused(world, cursor):
    with pytest.raises(UsageProblem, match="the cursor does not belong to this listing"):
        world.auth.get_identities(next=cursor)


def test_a_cursor_of_another_listing_is_refused(world):
    for user in "ab":
        world.login(user=user)
    cursor = world.auth.get_identities(count=1).next
    world.entry("second", ENTRY)
    for selection in [("second",), ("example", {"userId": "b"}), ("", {"tenantId": "b"})]:
        with pytest.raises(UsageProblem, match="the cursor does not belong to this listing"):
            world.auth.get_identities(*selection, next=cursor)


def test_any_name_fits_in_a_cursor(world):
    names = ["ä/ö", "日本", "\U0001f511", '"quoted"', " "]
    for name in names:
        world.login(user=name)
    assert sorted(read_all(world.auth, count=1)[0]) == sorted(names)


@pytest.mark.parametrize("count", [0, -1])
def test_a_page_has_room_for_one_at_least(world, count):
    with pytest.raises(UsageProblem, match="a page has one identity at least"):
        world.auth.get_identities(count=count)


def revocable(world):
    world.entry("example", REVOCABLE)
    for user in "abc":
        world.login(user=user, tenant="acme" if user < "c" else "", tags={"plan": "gold"})


def test_all_with_these_tags_are_revoked_and_deleted(world):
    revocable(world)
    ended = world.auth.delete_identities("example", {"tenantId": "acme", "plan": "gold"})
    assert [(revocation.identity.user, revocation.not_revoked) for revocation in ended] == [("a", []), ("b", [])]
    assert len(world.server.revoked) == 4
    assert users(world.auth.get_identities()) == ["c"]
    assert world.auth.delete_identities("example", {"plan": "lead"}) == []
    (last,) = world.auth.delete_identities("example", {"userId": "c"}, local=True)
    assert last.offered is False
    assert len(world.server.revoked) == 4
    assert world.auth.get_identities().items == []


def test_deleting_all_needs_a_tag(world):
    revocable(world)
    with pytest.raises(UsageProblem) as caught:
        world.auth.delete_identities("example", {})
    assert caught.value.message == "no tag is given; all identities at example would be deleted"
    with pytest.raises(ServiceNotFound):
        world.auth.delete_identities("", {"plan": "gold"})
    with pytest.raises(ServiceNotFound):
        world.auth.delete_identities("exmple", {"plan": "gold"})
    assert len(world.auth.find()) == 3


def test_many_of_one_service_are_deleted_and_those_of_another_stay(world):
    world.entry("second", ENTRY)
    world.auth.clients.set(world.auth.catalogue.get("second"), client_id="id")
    for service in ("example", "second"):
        world.login(user="a", service=service)
    world.auth.delete_identities("example", {"userId": "a"})
    assert [identity.service for identity in world.auth.find()] == ["second"]


def test_a_failed_deletion_stops_the_rest_and_the_next_call_goes_on(world):
    revocable(world)
    world.auth.clients.delete("example")
    with pytest.raises(ClientNotSet):
        world.auth.delete_identities("example", {"plan": "gold"})
    assert len(world.auth.find()) == 3
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="id")
    assert len(world.auth.delete_identities("example", {"plan": "gold"})) == 3
    assert world.auth.find() == []
