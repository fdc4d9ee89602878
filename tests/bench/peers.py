"""Times getting a token from everyauth and from similar tools: `python tests/bench/peers.py [REPEATS]`.

It prints the table, names the tools that are not installed, and draws `peers.svg` beside itself. It installs only our
own wheel, into a temporary directory; `others.py` lists the programs it looks for.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.homes import A_TOKEN, SERVICE, keyring_home
from bench.installed import install
from bench.others import PEERS, NotInstalled, Place
from bench.picture import picture
from bench.processes import Job, measure
from bench.table import table

REPEATS = 30
PYTHON = "bare Python"
OURS = "everyauth"
DRAWN = Path(__file__).with_name("peers.svg")


def jobs(place: Place, missing: list[str]) -> Iterator[Job]:
    """Our jobs and theirs; a program that is not installed is added to `missing`."""
    yield place.home.job(PYTHON, "python -I -c pass")
    yield place.home.job(f"{OURS} token", f"everyauth token {SERVICE}", says=A_TOKEN)
    yield place.home.job(f"{OURS} identity get", f"everyauth identity get {SERVICE} me", says=A_TOKEN)
    for peer in PEERS:
        try:
            yield from peer(place)
        except NotInstalled as program:
            missing.append(str(program))


def main() -> None:
    """Print the table, the fastest first, and draw it; the argument is how often every job is run."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        home, service = running.enter_context(keyring_home(Path(name, "home"), install(Path(name))))
        place = Place(home=home, service=service, running=running)
        measured = measure(list(jobs(place, missing)), repeats=repeats)
    took = dict(sorted(measured.items(), key=lambda item: item[1].median))
    print(table(took, {}, base=PYTHON))
    print(f"\nNot installed, so left out: {', '.join(missing) or 'none'}.")
    figures = {name: one.median * 1000 for name, one in took.items()}
    DRAWN.write_text(picture("Printing a stored token, as a whole process", figures, ours=OURS), encoding="utf-8")


if __name__ == "__main__":
    main()
