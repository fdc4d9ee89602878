"""Tasks that wait for a refresh: they hold no thread, share its outcome, and keep nothing else from being read."""

import asyncio
import threading
import time

import httpx
import pytest
from peers.hanging import HANGING, hanging_service, until
from peers.secret_service import secret_service
from peers.stores import keyring_of, sealed_store
from peers.token_server import HOUR, MINUTE, World

from everyauth_cli.async_methods import LANE_THREADS
from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.flows.refresh import Patience
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.sealed.key_place import SealingKey

TASKS = 100


@pytest.fixture(params=["sqlite", "postgresql", "keyring"])
def store(request, tmp_path):
    if request.param == "keyring":
        with secret_service(tmp_path / "service") as service:
            keyring = keyring_of(tmp_path, bus_address=service.bus_address)
            yield open_store("keyring:", data_dir=tmp_path, keyring=keyring, sealing_key=SealingKey())
        return
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    yield sealed_store(tmp_path, url)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.login()
    return world


@pytest.fixture
def gate(world):
    """Holds the refresh of the stale identity back."""
    world.clock.now += HOUR
    gate = Stopper()
    world.server.meanwhile = gate
    yield gate
    gate.opened.set()


class Stopper:
    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self):
        self.reached.set()
        assert self.opened.wait(60)


def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("everyauth")]


@pytest.mark.slow
def test_a_fresh_token_of_the_same_service_is_read_from_each_store_while_refreshes_hang(tmp_path, store):
    world = World(tmp_path, store=store)
    auth, gate = hanging_service(world)

    async def run():
        tasks = [asyncio.create_task(auth.aget_identity("example", f"user-{n}")) for n in range(HANGING)]
        await until(lambda: gate.count == LANE_THREADS)
        async with asyncio.timeout(10):
            assert (await auth.aget_identity("example", "fresh")).access_token
            assert (await auth.aget_identity("example", {"plan": "gold"})).access_token
            assert (await auth.afind_one("fresh", service="example")).user == "fresh"
            assert await auth.aholds("example", user="fresh")
            transport = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["authorization"]))
            signed = auth.httpx_auth("example", {"plan": "gold"})
            async with httpx.AsyncClient(transport=transport, auth=signed) as client:
                assert (await client.get("https://api.example")).text.startswith("Bearer access-")
        assert not any(task.done() for task in tasks)
        gate.opened.set()
        await asyncio.gather(*tasks)

    try:
        asyncio.run(run())
    finally:
        gate.opened.set()
    assert gate.count == HANGING


def test_tasks_that_wait_for_a_refresh_hold_no_thread(world, gate):
    async def run():
        tasks = [asyncio.create_task(world.auth.aget_identity("example")) for _ in range(TASKS)]
        await until(gate.reached.is_set)
        # The one that sends.
        await until(lambda: len(ours()) == 1)
        for task in tasks[::2]:
            task.cancel()
        assert not any(task.done() for task in tasks[1::2])
        gate.opened.set()
        return {credential.access_token for credential in await asyncio.gather(*tasks[1::2])}

    assert asyncio.run(run()) == {"access-3"}
    assert world.server.refreshes == 1


def test_wait_for_leaves_only_the_request_behind(world, gate):
    async def impatient():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.auth.aget_identity("example"), 0.2)

    async def run():
        await asyncio.gather(*(impatient() for _ in range(TASKS)))
        assert len(ours()) == 1
        assert len(asyncio.all_tasks()) == 1
        gate.opened.set()
        return await world.auth.aget_identity("example")

    assert asyncio.run(run()).access_token == "access-3"
    assert world.server.refreshes == 1


def test_threads_and_tasks_share_one_refresh(world, gate):
    tokens = []
    thread = threading.Thread(target=lambda: tokens.append(world.token()))

    async def run():
        task = asyncio.create_task(world.auth.aget_identity("example"))
        await until(gate.reached.is_set)
        thread.start()
        await asyncio.sleep(0.05)
        gate.opened.set()
        tokens.append((await task).access_token)

    asyncio.run(run())
    thread.join(60)
    assert tokens == ["access-3", "access-3"]
    assert world.server.refreshes == 1


@pytest.mark.parametrize("status", [400, 503, None])
def test_tasks_share_the_error_of_a_refresh(world, gate, status):
    world.server.faults = [ServiceUnreachable("away", status=status, lost=status is None)]

    async def run():
        tasks = [asyncio.create_task(world.auth.aget_identity("example")) for _ in range(TASKS)]
        await until(gate.reached.is_set)
        gate.opened.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(error) for error in asyncio.run(run())} == {ServiceUnreachable}
    assert world.server.refreshes == 1


def test_a_refresh_that_hangs_longer_than_the_patience_gives_the_old_token_while_it_lives(world):
    stopper = Stopper()
    auth = world.another(world.store, patience=Patience(seconds=0.2))
    world.clock.now += HOUR - MINUTE // 2
    world.server.meanwhile = stopper

    async def run():
        began = time.monotonic()
        assert (await auth.aget_identity("example")).access_token == "access-2"
        first = time.monotonic() - began
        # Who comes later does not wait again.
        assert (await auth.aget_identity("example")).access_token == "access-2"
        world.clock.now += MINUTE
        with pytest.raises(ServiceUnreachable, match="it goes on"):
            await auth.aget_identity("example")
        stopper.opened.set()
        return first

    assert asyncio.run(run()) >= 0.2
    assert len(world.warnings) == 2
    assert world.token() == "access-3"
    assert world.server.refreshes == 1


def test_where_no_refresh_can_be_begun_the_patience_ends_too(world):
    auth, gate = hanging_service(world, patience=Patience(seconds=0.5))

    async def run():
        tasks = [asyncio.create_task(auth.aget_identity("example", f"user-{n}")) for n in range(HANGING)]
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        gate.opened.set()
        return errors

    errors = asyncio.run(run())
    assert {type(error) for error in errors} == {ServiceUnreachable}
    assert sum("was not begun" in error.message for error in errors) == HANGING - LANE_THREADS
    assert gate.count == LANE_THREADS
