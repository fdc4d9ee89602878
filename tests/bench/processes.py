"""Measures whole processes: each job is a command line, and its time is compared with another's as a ratio."""

from __future__ import annotations

import marshal
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SPAWNER = Path(__file__).with_name("spawner.py")
WARM_UP = 2


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command line; its output must contain `says`, which shows that the command did its work."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: Path = Path(os.devnull)
    says: str = ""

    @property
    def program(self) -> str:
        """The program's path, so that no run searches for it."""
        found = shutil.which(self.argv[0], path=self.environment.get("PATH", os.environ["PATH"]))
        assert found, f"{self.argv[0]} is not installed"
        return found


@dataclass(frozen=True)
class Took:
    """A job's measurements: the seconds of each run, and peaks of resident memory in KiB."""

    seconds: Sequence[float]
    peaks: Sequence[int]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def memory(self) -> float:
        return statistics.median(self.peaks)

    def ratio(self, base: Took) -> float:
        """The median of the ratios within one repeat, which a machine that slows down does not change."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.seconds, base.seconds, strict=True))


def checked(job: Job) -> str:
    """Run a job once and return its output; raises if it fails or prints something else."""
    with job.stdin.open("rb") as stdin:
        done = subprocess.run(
            [job.program, *job.argv[1:]],
            env=dict(job.environment),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert not done.returncode, f"{job.name}: {done}"
    assert job.says in done.stdout, f"{job.name}: {done}"
    return done.stdout


def measure(jobs: Sequence[Job], *, repeats: int) -> dict[str, Took]:
    """Run all jobs once per repeat, after a check and warm-up runs, in which the memory is measured."""
    for job in jobs:
        checked(job)
    lines = [(str(job.stdin), [job.program, *job.argv[1:]], dict(job.environment)) for job in jobs]
    done = subprocess.run(
        [sys.executable, "-I", "-S", SPAWNER],
        input=marshal.dumps((WARM_UP, repeats, lines)),
        stdout=subprocess.PIPE,
        check=True,
    )
    times, peaks = (zip(*runs, strict=True) for runs in marshal.loads(done.stdout))
    return {job.name: Took(*took) for job, *took in zip(jobs, times, peaks, strict=True)}
