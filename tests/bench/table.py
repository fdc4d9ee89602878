"""The table that a benchmark prints: each job's time and memory, their ratio to bare Python's, and the limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.processes import Took

HEADS = ("job", "ms", "of bare Python", "MB", "of bare Python", "at most")


@dataclass(frozen=True)
class Limit:
    """The most of another job's time, or of its memory, that a job may take."""

    times: float
    of: str
    memory: bool = False

    def shown(self, took: Took, others: Mapping[str, Took], *, base: str) -> str:
        """Describe the limit and whether it is met; bare Python is not named."""
        if self.of not in others:
            return f"({self.of} is not installed)"
        other = others[self.of]
        ratio = took.memory / other.memory if self.memory else took.ratio(other)
        what = ("memory " if self.memory else "") + f"{self.times:g}x" + ("" if self.of == base else f" {self.of}")
        return f"{what}: {'met' if ratio <= self.times else f'MISSED, {ratio:.2f}x'}"


def table(took: Mapping[str, Took], limits: Mapping[str, Sequence[Limit]], *, base: str) -> str:
    """Return the jobs, in their order, as a Markdown table."""
    rows = [HEADS, ("---", *["---:"] * 4, "---"), *_rows(took, limits, base)]
    shown = len(HEADS) if limits else len(HEADS) - 1
    return "\n".join(f"| {' | '.join(row[:shown])} |" for row in rows)


def _rows(took: Mapping[str, Took], limits: Mapping[str, Sequence[Limit]], base: str) -> Iterator[tuple[str, ...]]:
    python = took[base]
    for name, job in took.items():
        yield (
            name,
            f"{job.median * 1000:.1f}",
            f"{job.ratio(python):.2f}x",
            f"{job.memory / 1024:.1f}",
            f"{job.memory / python.memory:.2f}x",
            "; ".join(limit.shown(job, took, base=base) for limit in limits.get(name, ())),
        )
