"""Logins at a service that hangs hold up neither the app's own endpoints nor the logins at another service."""

from __future__ import annotations

import asyncio
import threading

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from everyauth_cli.async_methods import LANE_THREADS
from everyauth_cli.web.starlette import authorize

BASE_URL = "https://app.example"
WAITING = 45


def test_sync_endpoints_and_other_services_are_served_while_logins_hang(world):
    opened, entered = threading.Event(), []

    def hang(_request):
        entered.append(1)
        assert opened.wait(60)
        return ""  # not signed in

    def routes(service, map_to_user_id):
        return authorize(
            service,
            base_url=BASE_URL,
            prefix=f"/connect/{service}",
            finished_url="/done",
            map_to_user_id=map_to_user_id,
            auth=world.auth,
        )

    def sync_page(_request):
        return PlainTextResponse("served")

    app = Starlette(
        routes=[*routes("slack", hang), *routes("pagerduty", lambda _: "ada"), Route("/sync", sync_page)],
    )

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
            tasks = [asyncio.create_task(client.get("/connect/slack")) for _ in range(WAITING)]
            async with asyncio.timeout(30):
                while len(entered) < LANE_THREADS:  # noqa: ASYNC110 - other threads fill it
                    await asyncio.sleep(0.01)
                # With the app's own pool neither would be answered before the others are.
                assert (await client.get("/sync")).text == "served"
                assert (await client.get("/connect/pagerduty")).status_code == 303
            assert not any(task.done() for task in tasks)
            opened.set()
            return [response.status_code for response in await asyncio.gather(*tasks)]

    assert asyncio.run(run()) == [401] * WAITING
