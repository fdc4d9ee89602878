"""Times looking up one service, parsing its one file, and parsing all files: `python tests/bench/catalogue.py`."""

from __future__ import annotations

import statistics
import time
import tomllib
from collections.abc import Callable
from functools import partial

from everyauth_cli.services.catalogue import SHIPPED, Catalogue

REPEATS = 100
NAME, ALIAS, SERVICE_OF_ALIAS, PRESET, SERVICE_OF_PRESET = "pagerduty", "sfdc", "salesforce", "gmail", "google"


def look_up(name: str) -> None:
    Catalogue().get(name)


def parse(name: str) -> None:
    tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))


def parse_every_file() -> None:
    for path in SHIPPED.glob("*.toml"):
        parse(path.stem)


JOBS: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
    "by name": (partial(look_up, NAME), partial(parse, NAME)),
    "by alias": (partial(look_up, ALIAS), partial(parse, SERVICE_OF_ALIAS)),
    "by preset": (partial(look_up, PRESET), partial(parse, SERVICE_OF_PRESET)),
    "parse every file": (parse_every_file, partial(parse, NAME)),
}
"""Each job with the parsing of the one file that it needs."""


def timed(job: Callable[[], None]) -> float:
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def main() -> None:
    """Print the median of each job and of its file; they are interleaved, after one warm-up run."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in JOBS}
    for repeat in range(REPEATS + 1):
        for name, (job, its_file) in JOBS.items():
            # Each goes first in turn: the second finds what it needs in the processor's caches.
            if repeat % 2:
                base, seconds = timed(its_file), timed(job)
            else:
                seconds, base = timed(job), timed(its_file)
            if repeat:
                taken[name].append((seconds, base))
    for name, pairs in taken.items():
        median, base = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
        print(f"{name:18} {median * 1000:8.2f} ms {median / base:8.1f}x of parsing its one file ({base * 1000:.2f} ms)")


if __name__ == "__main__":
    main()
