"""The fixture `chromium`: Debian's Chromium, headless, to look at pages as a person does."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from peers.oidc_provider import HERE, node

EXECUTABLE = Path("/usr/bin/chromium")

Cookie = Mapping[str, object]
"""A cookie as Playwright has it."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as it is shown: what it says, where the browser says that it is, and what it did besides.

    `history` holds the URLs of the tab's history, `complaints` what was written to the console, what the policy
    blocked included, `outside` the requests that left loopback; `width` is what the page takes of the `room`. `cookies`
    are those that the browser has by then.
    """

    status: int
    title: str
    heading: str
    text: str
    commands: Sequence[str]
    address: str
    history: Sequence[str]
    complaints: Sequence[str]
    outside: Sequence[str]
    width: int
    room: int
    background: str
    cookies: Sequence[Cookie]


class Chromium:
    """A browser whose visits each have a fresh profile, unless cookies are given."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def visit(self, url: str, *steps: dict[str, str], **options: object) -> Page:
        """Open a URL, do the steps, and give the page where they end; steps and options are those of browser.mjs."""
        print(json.dumps({"url": url, "steps": steps, **options}), file=self._requests, flush=True)
        answer = json.loads(self._answers.readline())
        assert "error" not in answer, answer["error"]
        return Page(**answer)


class Profile:
    """A person's own browser: it keeps its cookies from one visit to the next."""

    def __init__(self, chromium: Chromium, cookies: Sequence[Cookie] = ()) -> None:
        self._chromium = chromium
        self.cookies = cookies

    def visit(self, url: str, *steps: dict[str, str], **options: object) -> Page:
        page = self._chromium.visit(url, *steps, cookies=self.cookies, **options)
        self.cookies = page.cookies
        return page


def fill(label: str, text: str) -> dict[str, str]:
    return {"fill": label, "with": text}


def click(button: str) -> dict[str, str]:
    return {"click": button}


@contextmanager
def running(home: Path) -> Iterator[Chromium]:
    """A browser that ends with the context; all that it writes is in `home`."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)}
    with subprocess.Popen(
        [node(), HERE / "browser.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline(), "Chromium did not start; what it said is above"
        yield Chromium(process.stdin, process.stdout)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if not EXECUTABLE.exists():
        pytest.skip(f"{EXECUTABLE} is missing: tests/run installs it")
    with running(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
