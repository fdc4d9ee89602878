"""The fixture `chromium`: Debian's Chromium, headless, which shows pages as a person sees them."""

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
"""A cookie in Playwright's form."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as it is shown: its text, the address bar, and its side effects.

    `history` has the URLs of the tab's history, `complaints` the console's errors and warnings, blocked loads included,
    `outside` the requests that left loopback; `width` is the page's width and `room` the window's. `cookies` are the
    browser's cookies at the end, `findings` those of axe-core, and `focused` the elements that Tab reached.
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
    findings: Sequence[str]
    focused: Sequence[Mapping[str, object]]


class Chromium:
    """A browser that uses a fresh profile for each visit, unless cookies are given."""

    def __init__(self, requests: IO[str], pages: IO[str]) -> None:
        self._requests = requests
        self._pages = pages

    def visit(self, url: str, *steps: dict[str, str], **options: object) -> Page:
        """Open a URL, do the steps, and return the last page; steps and options are those of browser.mjs."""
        print(json.dumps({"url": url, "steps": steps, **options}), file=self._requests, flush=True)
        page = json.loads(self._pages.readline())
        assert "error" not in page, page["error"]
        return Page(**page)


class Profile:
    """A person's browser, which keeps its cookies between visits."""

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


def enter(button: str) -> dict[str, str]:
    """Press Enter on a button."""
    return {"enter": button}


@contextmanager
def running(home: Path) -> Iterator[Chromium]:
    """Run a browser as long as the context; all its files are in `home`."""
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
        assert process.stdout.readline(), "Chromium did not start; see its output above"
        yield Chromium(process.stdin, process.stdout)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if not EXECUTABLE.exists():
        pytest.skip(f"{EXECUTABLE} is missing: tests/run installs it")
    with running(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
