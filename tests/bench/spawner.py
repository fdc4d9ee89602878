"""Starts commands one after another, times them, and reads their memory: a small process for `processes.py`."""

from __future__ import annotations

import marshal
import os
import sys
import time


def seconds(stdin: str, argv: list[str], environment: dict[str, str]) -> float:
    """Time a command from start to exit; posix_spawn copies no memory, so it adds the least."""
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    begun = time.perf_counter()
    _, status, _ = os.wait4(os.posix_spawn(argv[0], argv, environment, file_actions=streams), 0)
    took = time.perf_counter() - begun
    check(argv, status)
    return took


def peak(stdin: str, argv: list[str], environment: dict[str, str]) -> int:
    """Return a command's peak of resident memory in KiB.

    A peak starts at the memory that the child has before exec. Spawned, that is all of this process's, which is more
    than bare Python has; forked, it is only the pages that this process wrote.
    """
    child = os.fork()
    if not child:
        for descriptor, (path, mode) in enumerate([(stdin, os.O_RDONLY), *[(os.devnull, os.O_WRONLY)] * 2]):
            os.dup2(os.open(path, mode), descriptor)
        os.execve(argv[0], argv, environment)
    _, status, usage = os.wait4(child, 0)
    check(argv, status)
    return usage.ru_maxrss


def check(argv: list[str], status: int) -> None:
    if status:
        sys.exit(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")


def main() -> None:
    """Read the numbers of warm-up runs and repeats, and the jobs; write the seconds and the warm-up's peaks."""
    warm_up, repeats, jobs = marshal.load(sys.stdin.buffer)
    peaks = [[peak(*job) for job in jobs] for _ in range(warm_up)]
    times = [[seconds(*job) for job in jobs] for _ in range(repeats)]
    marshal.dump((times, peaks), sys.stdout.buffer)


main()
