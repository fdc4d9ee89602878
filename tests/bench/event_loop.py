"""Measures `aget_identity` for the second table of `get_identity.py`, which makes the identities."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Sequence

from everyauth_cli.everyauth import EveryAuth

HEAD = (
    "| store | aget_identity/s | get_identity/s | ratio | p99 while 40 hang, us | idle, us | ratio |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)


async def loop_row(
    auth: EveryAuth,
    store: str,
    *,
    service: str,
    fresh: Sequence[str],
    stale: Sequence[str],
    hang: threading.Event,
    repeats: int,
) -> str:
    """Return the row of one store: rates of users at once, and one call after the other while refreshes hang."""

    async def at_once() -> None:
        await asyncio.gather(*(auth.aget_identity(service, user) for user in fresh))

    async def percentile() -> float:
        """Return the 99th percentile of the time of one call, in microseconds."""
        times = []
        for user in fresh:
            began = time.perf_counter()
            await auth.aget_identity(service, user)
            times.append(time.perf_counter() - began)
        return statistics.quantiles(times, n=100)[98] * 1e6

    await at_once()
    pairs, idle = [], []
    for _ in range(repeats):
        sync = timed(lambda: [auth.get_identity(service, user) for user in fresh])
        began = time.perf_counter()
        await at_once()
        pairs.append((len(fresh) / (time.perf_counter() - began), len(fresh) / sync))
        idle.append(await percentile())
    tasks = [asyncio.create_task(auth.aget_identity(service, user)) for user in stale]
    await asyncio.sleep(2)
    busy = [await percentile() for _ in range(repeats)]
    hang.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    us, them = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio, late, early = statistics.median(a / b for a, b in pairs), statistics.median(busy), statistics.median(idle)
    return f"| {store} | {us:,.0f} | {them:,.0f} | {ratio:.2f} | {late:,.0f} | {early:,.0f} | {late / early:.2f} |"


def timed(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began
