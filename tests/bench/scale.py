"""Measures what a store of a million identities costs beside one of a thousand: `python tests/bench/scale.py`.

The processor's time of finding one identity by its user, its id and a tag, and the memory of listing them all. Both
sizes are asked in turns, and the least of each is compared.
"""

from __future__ import annotations

import argparse
import base64
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import get_identity as bench

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.services.catalogue import Catalogue

SIZES = (1_000, 1_000_000)
EVERYAUTH = Path(sys.executable).with_name("everyauth")

# A process of its own, because what its parent takes counts as a child's too, until that runs another program.
MEMORY = """
import os, sys
child = os.fork()
if not child:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Size:
    """A store with so many identities, the command over it, and the library."""

    def __init__(self, directory: Path, count: int) -> None:
        self.directory = directory
        directory.mkdir()
        self.database = bench.Sqlite(directory)
        self.middle = bench.user(count // 2)
        bench.fill(self.database, 0, count, with_bare=False)
        key = base64.urlsafe_b64encode(bench.SEALING_KEY).decode()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "EVERYAUTH_HOME": str(directory),
            "EVERYAUTH_STORE": self.database.url,
            "EVERYAUTH_KEY": key,
        }
        self.auth = EveryAuth(store=bench.store_of(self.database), catalogue=Catalogue(), send=bench.never)

    def command(self, *words: str) -> float:
        """The processor's time of a command, in milliseconds."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([EVERYAUTH, *words], env=self.environment, **quiet) as process:
            assert process.wait() == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    def call(self, call: Callable[[EveryAuth], object], times: int = 50) -> float:
        """The processor's time of a call of the library, in milliseconds."""
        started = time.process_time()
        for _ in range(times):
            assert call(self.auth)
        return 1000 * (time.process_time() - started) / times

    def memory(self, *words: str) -> float:
        """The most memory that a command takes, in megabytes."""
        command = [sys.executable, "-S", "-c", MEMORY, str(EVERYAUTH), *words]
        done = subprocess.run(
            command, env=self.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=True
        )
        return int(done.stderr.split()[-1]) / 1024


JOBS: dict[str, Callable[[Size], float]] = {
    "`identity get WHO`": lambda size: size.command("identity", "get", size.middle),
    "`identity get WHO --min-ttl 1s`": lambda size: size.command("identity", "get", size.middle, "--min-ttl", "1s"),
    "`identity get idn-...`": lambda size: size.command("identity", "get", f"idn-{size.middle}"),
    "`identity ls --user WHO`": lambda size: size.command("identity", "ls", "--user", size.middle),
    "`identity refresh`, of which nothing is due": lambda size: size.command("identity", "refresh"),
    "library, by id": lambda size: size.call(
        lambda auth: auth.get_identity(bench.SERVICE, identity_id=f"idn-{size.middle}")
    ),
    "library, by tag": lambda size: size.call(lambda auth: auth.get_identity(bench.SERVICE, {"number": size.middle})),
    "library, a page by a tag of all": lambda size: size.call(
        lambda auth: auth.get_identities(bench.SERVICE, {"plan": "gold"}).items
    ),
}
LISTS: dict[str, tuple[str, ...]] = {
    "`identity ls`": ("identity", "ls"),
    "`identity ls -o json`": ("identity", "ls", "-o", "json"),
    "`identity refresh`, of which nothing is due": ("identity", "refresh"),
    "completion of a user": ("__complete", "bash", "everyauth token pagerduty us", "us"),
}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES)
    parser.add_argument("--repeats", type=int, default=15)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        few, many = (Size(Path(directory) / str(count), count) for count in parsed.sizes)
        print(f"| job, processor | {parsed.sizes[0]:,} | {parsed.sizes[1]:,} | ratio |\n|---|---:|---:|---:|")
        for name, job in JOBS.items():
            pairs = [(job(few), job(many)) for _ in range(parsed.repeats)]
            less, more = (min(column) for column in zip(*pairs, strict=True))
            print(f"| {name} | {less:.2f} ms | {more:.2f} ms | {more / less:.2f} |", flush=True)
        print(f"\n| list, memory | {parsed.sizes[0]:,} | {parsed.sizes[1]:,} |\n|---|---:|---:|")
        for name, words in LISTS.items():
            print(f"| {name} | {few.memory(*words):.0f} MB | {many.memory(*words):.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
