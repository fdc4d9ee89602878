"""The async methods: one for each method that takes time, with the same parameters, in a thread beside the loop."""

import asyncio
import inspect
import os
import threading
import time

import httpx
import pytest
from peers.hanging import HANGING, hanging_service, until
from peers.stores import sealed_store
from peers.token_server import HOUR, REDIRECT_URI, World

from everyauth_cli import EveryAuth, LoginRequired, UsageProblem
from everyauth_cli.async_methods import LANE_THREADS, Lane, lane_of, run_in_lane
from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.store.at_once import WouldWait, at_once

# These take no time, or are a lock, which has to be released by the thread that took it, or an iterator that reads
# only as far as its caller goes.
WITHOUT = {
    "from_env",
    "from_settings",
    "httpx_auth",
    "requests_auth",
    "token_source",
    "google_auth",
    "login_lock",
    "listed",
    "checked",
    "refreshed",
}
METHODS = {name for name, _ in inspect.getmembers(EveryAuth, callable) if not name.startswith("_")} - WITHOUT
ASYNC = {name for name in METHODS if inspect.iscoroutinefunction(getattr(EveryAuth, name))}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.login()
    return world


def test_each_method_has_an_async_one_named_by_one_rule():
    assert {"aget_identity", "aget_identities", "adelete_identity", "adelete_identities"} <= ASYNC
    assert {f"a{name}" for name in METHODS - ASYNC} == ASYNC


@pytest.mark.parametrize("name", sorted(ASYNC))
def test_an_async_method_has_the_same_signature_and_docstring(name):
    async_method, method = getattr(EveryAuth, name), getattr(EveryAuth, name[1:])
    assert inspect.signature(async_method) == inspect.signature(method)
    assert async_method.__doc__ == method.__doc__
    assert (async_method.__name__, async_method.__qualname__.rpartition(".")[2]) == (name, name)


def test_login_use_and_deletion_without_blocking_the_loop(world):
    auth = world.auth

    async def run():
        pending = await auth.abegin("example", redirect_uri=REDIRECT_URI, user="bob", tags={"plan": "gold"})
        assert (await auth.aauthorization_url(pending)).startswith("https://issuer.example/authorize?")
        world.server.claims["nonce"] = pending.nonce.reveal() if pending.nonce else None
        grant = await auth.aredeem(pending, [("code", "code-bob"), ("state", pending.state.reveal())])
        identity = await auth.akeep(grant)
        assert (await auth.aget_identity("example", {"plan": "gold"})).identity_id == identity.id
        assert (await auth.acredential(identity)).identity_id == identity.id
        assert await auth.afind_one("bob") == identity
        page = await auth.aget_identities("example", count=1)
        assert (page.items, len((await auth.aget_identities(next=page.next)).items)) == ([identity], 1)
        assert (await auth.adelete_identity("example", "bob")).identity == identity
        assert len(await auth.adelete_identities("example", {"userId": "me"})) == 1
        assert await auth.afind() == []

    asyncio.run(run())


def test_it_runs_in_another_thread_and_the_loop_goes_on(world):
    async def run():
        loop, threads = asyncio.get_running_loop(), []

        async def add_thread():
            threads.append(threading.get_ident())

        def meanwhile():
            threads.append(threading.get_ident())
            # This returns only if the loop goes on meanwhile.
            asyncio.run_coroutine_threadsafe(add_thread(), loop).result(60)

        world.server.meanwhile = meanwhile
        credential = await world.auth.aget_identity("example")
        return credential.access_token, threads

    world.clock.now += HOUR
    token, (worker, loop) = asyncio.run(run())
    assert (token, loop) == ("access-3", threading.get_ident())
    assert worker != loop


def test_errors_come_through(world):
    with pytest.raises(UsageProblem):
        asyncio.run(world.auth.aget_identity("example", ""))
    world.clock.now += HOUR
    world.server.faults = [ServiceUnreachable("the network is down")]
    with pytest.raises(ServiceUnreachable):
        asyncio.run(world.auth.aget_identity("example"))
    world.server.revoke_all()
    with pytest.raises(LoginRequired):
        asyncio.run(world.auth.aget_identity("example"))


def test_of_many_tasks_one_refreshes(world):
    async def run():
        return await asyncio.gather(*(world.auth.aget_identity("example") for _ in range(100)))

    world.clock.now += HOUR
    assert {credential.access_token for credential in asyncio.run(run())} == {"access-3"}
    assert world.server.refreshes == 1


def test_a_refresh_whose_task_is_cancelled_still_keeps_its_token(world):
    async def run():
        loop, sent, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        world.server.meanwhile = lambda: (loop.call_soon_threadsafe(sent.set), go_on.wait(60))
        task = asyncio.create_task(world.auth.aget_identity("example"))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    world.clock.now += HOUR
    asyncio.run(run())  # which waits for the thread at its end
    assert world.token() == "access-3"
    assert world.server.refreshes == 1


@pytest.fixture
def two_services(world):
    auth, gate = hanging_service(world)
    yield auth, gate
    gate.opened.set()


def test_a_service_that_hangs_holds_up_neither_another_nor_the_pool_of_the_loop(two_services):
    auth, gate = two_services

    async def run():
        tasks = [asyncio.create_task(auth.aget_identity("example", f"user-{n}")) for n in range(HANGING)]
        await until(lambda: gate.count >= LANE_THREADS)
        # With a pool of the app none of these would end before the gate is opened.
        async with asyncio.timeout(30):
            assert (await auth.aget_identity("good")).access_token
            # A search is left to a thread.
            assert (await auth.aget_identity("good", {"plan": "gold"})).access_token
            await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
            assert await asyncio.to_thread(lambda: "free") == "free"
        assert not any(task.done() for task in tasks)
        assert gate.count == LANE_THREADS
        gate.opened.set()
        return await asyncio.gather(*tasks)

    assert len({credential.access_token for credential in asyncio.run(run())}) == HANGING
    assert gate.count == HANGING


def test_a_call_in_line_whose_task_is_cancelled_is_not_made(two_services):
    auth, gate = two_services

    async def impatient(number):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(auth.aget_identity("example", f"user-{number}"), 0.5)

    async def run():
        begun = [asyncio.create_task(auth.aget_identity("example", f"user-{n}")) for n in range(LANE_THREADS)]
        await until(lambda: gate.count == LANE_THREADS)
        await asyncio.gather(*map(impatient, range(LANE_THREADS, HANGING)))
        gate.opened.set()
        await asyncio.gather(*begun)

    asyncio.run(run())
    assert gate.count == LANE_THREADS


def test_the_httpx_auth_of_another_service_is_not_held_up(two_services):
    auth, gate = two_services

    async def run():
        tasks = [asyncio.create_task(auth.aget_identity("example", f"user-{n}")) for n in range(HANGING)]
        await until(lambda: gate.count >= LANE_THREADS)
        signed = auth.httpx_auth("good", {"plan": "gold"})  # a search, which is left to a thread
        transport = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["authorization"]))
        async with asyncio.timeout(30), httpx.AsyncClient(transport=transport, auth=signed) as client:
            assert (await client.get("https://api.example")).text.startswith("Bearer access-")
        assert not any(task.done() for task in tasks)
        gate.opened.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_without_a_loop_of_asyncio_the_error_names_it(world):
    world.clock.now += HOUR
    with pytest.raises(UsageProblem, match="event loop of asyncio"):
        world.auth.aget_identity("example").send(None)


def test_a_lane_runs_so_many_jobs_at_once_and_then_the_others():
    lane, free, begun, ended = Lane(3), threading.Event(), [], threading.Semaphore(0)

    def job():
        begun.append(1)
        free.wait(60)
        ended.release()

    for _ in range(20):
        lane.add(job)
    while len(begun) < 3:
        time.sleep(0.01)
    assert len(begun) == 3
    free.set()
    assert all(ended.acquire(timeout=30) for _ in range(20))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_child_of_a_fork_has_lanes_of_its_own():
    lane, free = lane_of("forked"), threading.Event()
    for _ in range(LANE_THREADS):
        lane.add(lambda: free.wait(60))
    pid = os.fork()
    if pid == 0:
        done = asyncio.run(run_in_lane("forked", lambda: 7))
        os._exit(done)
    free.set()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_the_loop_reads_a_fresh_token_from_a_quiet_file_by_itself(tmp_path):
    world = World(tmp_path, store=sealed_store(tmp_path))
    world.login()
    assert world.token() == "access-2"
    assert at_once(world.token) == "access-2"

    async def run():
        return (await world.auth.aget_identity("example")).access_token

    # No loop is needed where no thread is.
    with pytest.raises(StopIteration) as ended:
        run().send(None)
    assert ended.value.value == "access-2"


def test_the_loop_leaves_to_a_thread_what_has_to_be_waited_for(tmp_path):
    world = World(tmp_path, store=sealed_store(tmp_path))
    world.login(tags={"plan": "gold"})
    assert world.token() == "access-2"
    with pytest.raises(WouldWait):  # a search
        at_once(lambda: world.token({"plan": "gold"}))
    another = world.another(sealed_store(tmp_path))
    with pytest.raises(WouldWait):  # neither the file nor the key was opened yet
        at_once(lambda: another.get_identity("example"))
    world.clock.now += HOUR
    with pytest.raises(WouldWait):  # a refresh
        at_once(world.token)
    assert world.server.refreshes == 0
    assert world.token() == "access-3"
