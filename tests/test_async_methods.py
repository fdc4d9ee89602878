"""The async methods: one for each method that takes time, with the same parameters, in a thread beside the loop."""

import asyncio
import inspect
import threading

import pytest
from peers.token_server import HOUR, REDIRECT_URI, World

from everyauth_cli import EveryAuth, LoginRequired, UsageProblem
from everyauth_cli.errors import ServiceUnreachable

# These take no time, or are a lock, which has to be released by the thread that took it, or an iterator that reads
# only as far as its caller goes.
WITHOUT = {"from_env", "from_settings", "httpx_auth", "requests_auth", "login_lock", "listed"}
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
    assert (async_method.__name__, async_method.__qualname__.split(".")[1]) == (name, name)


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
            asyncio.run_coroutine_threadsafe(add_thread(), loop).result(10)

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
        return await asyncio.gather(*(world.auth.aget_identity("example") for _ in range(32)))

    world.clock.now += HOUR
    assert {credential.access_token for credential in asyncio.run(run())} == {"access-3"}
    assert world.server.refreshes == 1


def test_a_refresh_whose_task_is_cancelled_still_keeps_its_token(world):
    async def run():
        loop, sent, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        world.server.meanwhile = lambda: (loop.call_soon_threadsafe(sent.set), go_on.wait(10))
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
