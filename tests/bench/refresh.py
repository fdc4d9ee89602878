"""Times refreshing, beyond the server's own time: `python tests/bench/refresh.py [REPEATS]`.

The server is a process of its own that delays each response by 50 ms. It acts as eight services, so that 32 requests
run at once: one service gets at most four at a time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.homes import A_TOKEN, Home, sealed_home
from bench.installed import install
from bench.processes import measure

from everyauth_cli.flows.batch import MOST_JOBS, PER_SERVICE

REPEATS = 30
IDENTITIES = 1000
LATENCY = 0.05
IDEAL = IDENTITIES * LATENCY / MOST_JOBS
AT_MOST_ONE = 17.0
AT_MOST_ALL = 1.6
ONE = "one"
MANY = [f"many-{number}" for number in range(MOST_JOBS // PER_SERVICE)]


@contextmanager
def token_endpoint() -> Iterator[str]:
    """Run the server, and give its URL."""
    command = [sys.executable, Path(__file__).with_name("token_endpoint.py"), str(LATENCY), A_TOKEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def add(home: Home, name: str, token_endpoint: str, *, identities: int) -> None:
    """Add a service and its identities."""
    urls = ["--authorize-url", token_endpoint, "--token-url", token_endpoint]
    command = [home.programs / "everyauth", "service", "add", name, *urls]
    subprocess.run(command, env=home.environment, check=True, capture_output=True)
    home.seed(identities, name)


def beyond_the_server(home: Home, *, repeats: int) -> tuple[float, float]:
    """Return the seconds of one refresh without the server's own, and their ratio to bare Python."""
    # A token that is new is not refreshed again because it was rejected, so `token --rejected` cannot be repeated.
    line = f"everyauth identity refresh --all --service {ONE}"
    jobs = [home.job("python", "python -I -c pass"), home.job(line, line, says="refreshed")]
    took = measure(jobs, repeats=repeats)
    ours = replace(took[line], seconds=[seconds - LATENCY for seconds in took[line].seconds])
    return ours.median, ours.ratio(took["python"])


def all_of_them(home: Home, *, repeats: int) -> float:
    """Return the seconds that a refresh of all identities takes."""
    line = f"everyauth identity refresh --all --jobs {MOST_JOBS}"
    return measure([home.job(line, line, says="refreshed")], repeats=repeats)[line].median


def verdict(ratio: float, at_most: float) -> str:
    return f"{ratio:.1f}x, at most {at_most:g}x: {'met' if ratio <= at_most else 'MISSED'}"


def main() -> None:
    """Print both; the argument is how often one identity is refreshed; all are refreshed a tenth as often."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    with tempfile.TemporaryDirectory() as name, token_endpoint() as url:
        programs = install(Path(name))
        single = sealed_home(Path(name, "single"), programs)
        add(single, ONE, url, identities=1)
        seconds, ratio = beyond_the_server(single, repeats=repeats)
        many = sealed_home(Path(name, "many"), programs)
        for service in MANY:
            add(many, service, url, identities=IDENTITIES // len(MANY))
        whole = all_of_them(many, repeats=max(repeats // 10, 1))
    print("| job | seconds | ratio |\n| --- | ---: | --- |")
    print(
        f"| one identity, beyond the server's own time | {seconds:.3f} | {verdict(ratio, AT_MOST_ONE)} of bare Python |"
    )
    name = f"{IDENTITIES} identities, {MOST_JOBS} at a time, {LATENCY * 1000:.0f} ms each"
    print(f"| {name} | {whole:.2f} | {verdict(whole / IDEAL, AT_MOST_ALL)} of the ideal {IDEAL:.2f} s |")


if __name__ == "__main__":
    main()
