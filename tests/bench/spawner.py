"""Starts commands in turns, times them, and reads their memory: a small process, which `processes.py` runs."""

from __future__ import annotations

import marshal
import os
import sys
import time


def seconds(stdin: str, argv: list[str], environment: dict[str, str]) -> float:
    """What a command takes from its start to its end. Nothing is copied for it, which costs the least."""
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
    """A command's peak of resident memory in KiB.

    A peak begins with that of the memory that was there at its start. Spawned, that would be all of this process's,
    which is more than bare Python has; forked, it is the pages alone that this process wrote.
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
    """Read the rounds of warm-up, the rounds and the jobs; write each job's seconds and, from the warm-up, peaks."""
    warm_up, rounds, jobs = marshal.load(sys.stdin.buffer)
    peaks = [[peak(*job) for job in jobs] for _ in range(warm_up)]
    times = [[seconds(*job) for job in jobs] for _ in range(rounds)]
    marshal.dump((times, peaks), sys.stdout.buffer)


main()
