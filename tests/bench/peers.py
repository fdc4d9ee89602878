"""What a token costs from us and from the peers: `python tests/bench/peers.py [ROUNDS]`.

It prints the table, names the peers that are not installed, and draws `peers.svg` beside itself. It installs nothing
but our own wheel, into a temporary directory; `others.py` says which programs it looks for.
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

ROUNDS = 30
PYTHON = "bare Python"
OURS = "everyauth"
DRAWN = Path(__file__).with_name("peers.svg")


def jobs(place: Place, missing: list[str]) -> Iterator[Job]:
    """Ours and theirs; what is not installed is added to `missing`."""
    yield place.home.job(PYTHON, "python -I -c pass")
    yield place.home.job(f"{OURS} token", f"everyauth token {SERVICE}", says=A_TOKEN)
    yield place.home.job(f"{OURS} identity get", f"everyauth identity get {SERVICE} me", says=A_TOKEN)
    for peer in PEERS:
        try:
            yield from peer(place)
        except NotInstalled as program:
            missing.append(str(program))


def main() -> None:
    """Print the table, the fastest first, and draw it; the argument is how many rounds run every job once."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        home, service = running.enter_context(keyring_home(Path(name, "home"), install(Path(name))))
        place = Place(home=home, service=service, running=running)
        measured = measure(list(jobs(place, missing)), rounds=rounds)
    took = dict(sorted(measured.items(), key=lambda item: item[1].median))
    print(table(took, {}, base=PYTHON))
    print(f"\nNot installed, so left out: {', '.join(missing) or 'none'}.")
    figures = {name: one.median * 1000 for name, one in took.items()}
    DRAWN.write_text(picture("A token that is held, as a whole process", figures, ours=OURS), encoding="utf-8")


if __name__ == "__main__":
    main()
