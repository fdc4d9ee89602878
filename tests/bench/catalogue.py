"""Times looking up one service, parsing its one file, and parsing all files: `python tests/bench/catalogue.py`."""

from __future__ import annotations

import statistics
import time
import tomllib
from collections.abc import Callable

from everyauth_cli.services.catalogue import SHIPPED, Catalogue

REPEATS = 30
NAME, ALIAS = "pagerduty", "sfdc"


def by_name() -> None:
    Catalogue().get(NAME)


def by_alias() -> None:
    Catalogue().get(ALIAS)


def the_one_file() -> None:
    tomllib.loads((SHIPPED / f"{NAME}.toml").read_text(encoding="utf-8"))


def every_file() -> None:
    for path in SHIPPED.glob("*.toml"):
        tomllib.loads(path.read_text(encoding="utf-8"))


JOBS: dict[str, Callable[[], None]] = {
    "parse its one file": the_one_file,
    "look up by name": by_name,
    "look up by alias": by_alias,
    "parse every file": every_file,
}


def timed(job: Callable[[], None]) -> float:
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def main() -> None:
    """Print the median of each job, and its ratio to the first; the jobs are interleaved, after one warm-up run."""
    taken: dict[str, list[float]] = {name: [] for name in JOBS}
    for repeat in range(REPEATS + 1):
        for name, job in JOBS.items():
            seconds = timed(job)
            if repeat:
                taken[name].append(seconds)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    base = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{name:20} {median * 1000:8.2f} ms {median / base:8.1f}x")


if __name__ == "__main__":
    main()
