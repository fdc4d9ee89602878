"""Draws what a terminal shows of a login, as an SVG: `python tests/terminal_picture.py` makes tests/terminal.svg."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

from conftest import Command
from peers.sandbox import use_free_ports
from peers.secret_service import programs, secret_service
from rich.style import Style
from rich.text import Text

PICTURE = Path(__file__).with_name("terminal.svg")
LINES = (
    "everyauth login pagerduty --sandbox",
    "everyauth token pagerduty --profile sandbox",
    "everyauth status --profile sandbox",
)
COLUMNS, ROWS = 80, 60
SECONDS = 60.0
CONSTANT = [
    (r"(?<=_)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "19db7c02-53cc-4ef5-a2f1-6b0c1c1f5a3e"),
    (r"(?<=[?&]state=)[\w-]{43}", "9dKx1Qm7sVb0cYt4uEw2nRf8gHj6kLp3zXa5oIe1bNs"),
    (r"(?<=&code_challenge=)[\w-]{43}", "Zt5rJw8yQe1mUo4pXs7dVg0hBk3nLc6fAi9jRx2tYq4"),
    (r"\bidn-[0-9A-Za-z]+", "idn-0123456789"),
]
"""Patterns of what is another at each run, each with a text of the same length, which wraps in the same way."""

COLORS = {1: "red", 2: "green", 3: "yellow", 6: "cyan"}
LETTER, ROW, PADDING, BAR = 8.4, 20, 16, 28
STYLE = """\
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
.window { fill: #f6f8fa; stroke: #d1d9e0 } .button { fill: #d1d9e0 }
.bold { font-weight: 600 } .dim { fill: #59636e }
.red { fill: #d1242f } .green { fill: #1a7f37 } .yellow { fill: #9a6700 } .cyan { fill: #0550ae }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .window { fill: #161b22; stroke: #3d444d } .button { fill: #3d444d }
.dim { fill: #9198a1 } .red { fill: #f85149 } .green { fill: #3fb950 } .yellow { fill: #d29922 } .cyan { fill: #79c0ff }
}"""


def screen(directory: Path) -> str:
    """Run the lines in a terminal with an OS keyring, beside a sandbox; return the screen with its ANSI styles."""
    programs("tmux")
    command = Command(directory, directory / "home")
    ports = use_free_ports(command)
    with secret_service(directory / "keyring") as keyring, sandbox(command):
        own = {"HOME": str(directory), "PATH": f"{_desktop(directory)}:{os.environ['PATH']}", "DISPLAY": ":0"}
        shown = _run(directory, command.environment({**keyring.environment, **own}))
    for port, usual in zip(ports, ("28282", "28283"), strict=True):
        shown = shown.replace(str(port), usual)
    for pattern, text in CONSTANT:
        shown = re.sub(pattern, text, shown)
    return shown


def picture(shown: str) -> str:
    """Draw a screen; the colours follow the reader's, light or dark."""
    lines = [part for line in shown.splitlines() for part in _wrapped(line)]
    width, height = COLUMNS * LETTER + 2 * PADDING, len(lines) * ROW + BAR + PADDING
    size = f'width="{width:.0f}" height="{height}" role="img" aria-label="{escape("; ".join(LINES))}"'
    window = f'<rect class="window" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="8"/>'
    buttons = (f'<circle class="button" cx="{18 + 18 * button}" cy="15" r="5"/>' for button in range(3))
    texts = (text for row, line in enumerate(lines, 1) for text in _texts(line, BAR + row * ROW - 6))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>'
    return "\n".join([head, window, *buttons, *texts, "</svg>\n"])


@contextmanager
def sandbox(command: Command) -> Iterator[None]:
    """Run `everyauth sandbox`, as in another terminal."""
    process = command.start("sandbox")
    try:
        assert process.stderr is not None
        assert any("The sandbox is at" in line for line in process.stderr)
        yield
    finally:
        command.end()


def _desktop(directory: Path) -> Path:
    """Return a directory with the command that the lines name, and a browser whose user allows every request."""
    path = directory / "bin"
    path.mkdir()
    user = [sys.executable, "-m", "everyauth_cli.sandbox.user_agent"]
    # Without xdg-settings, which would name this machine's own browser, Python asks xdg-open.
    for name, argv in (("everyauth", Command.argv), ("xdg-open", user), ("xdg-settings", ["false"])):
        (path / name).write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n', encoding="utf-8")
        (path / name).chmod(0o755)
    return path


def _run(directory: Path, environment: dict[str, str]) -> str:
    done, script = directory / "done", directory / "lines.sh"
    typed = (f"printf '%s\\n' {shlex.quote(f'$ {line}')}\n{line}\necho" for line in LINES)
    script.write_text("\n".join([*typed, f"touch {shlex.quote(str(done))}", "sleep 600"]), encoding="utf-8")
    tmux = ["tmux", "-u", "-f", "/dev/null", "-S", str(directory / "tmux")]
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    start = shlex.join(["env", "TERM=tmux-256color", "sh", str(script)])
    subprocess.run([*tmux, "new-session", "-d", *size, start], env=environment, cwd=directory, check=True)
    try:
        end = time.monotonic() + SECONDS
        while not done.exists():
            assert time.monotonic() < end, _captured(tmux)
            time.sleep(0.05)
        return _captured(tmux)
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


def _captured(tmux: list[str]) -> str:
    # -J joins the lines that the terminal wrapped, which a constant text is looked for in.
    done = subprocess.run([*tmux, "capture-pane", "-e", "-J", "-p"], capture_output=True, check=True)
    return done.stdout.decode().rstrip()


def _wrapped(line: str) -> Iterator[Text]:
    text = Text.from_ansi(line)
    text.rstrip()
    yield from (text[at : at + COLUMNS] for at in range(0, max(len(text), 1), COLUMNS))


def _texts(line: Text, y: int) -> Iterator[str]:
    """The pieces of a line, each at its column: a reader's font may be wider or narrower than ours."""
    if line.plain.startswith("$ "):
        line.stylize("bold")
    borders = sorted({0, len(line), *(edge for span in line.spans for edge in (span.start, span.end))})
    for start, end in pairwise(borders):
        text = line.plain[start:end]
        if text.strip():
            x = PADDING + (start + len(text) - len(text.lstrip())) * LETTER
            size = f'textLength="{len(text.strip()) * LETTER:.1f}" lengthAdjust="spacingAndGlyphs"'
            yield f'<text{_class(line, start)} x="{x:.1f}" y="{y}" {size}>{escape(text.strip())}</text>'


def _class(line: Text, at: int) -> str:
    style = Style.combine(
        [Style(), *(Style.parse(str(span.style)) for span in line.spans if span.start <= at < span.end)]
    )
    color = COLORS.get(style.color.number or 0, "") if style.color else ""
    names = " ".join(filter(None, ("bold" * bool(style.bold), "dim" * bool(style.dim), color)))
    return f' class="{names}"' if names else ""


if __name__ == "__main__":
    assert shutil.which("tmux"), "tmux is not installed: tests/run installs it"
    with tempfile.TemporaryDirectory() as place:
        PICTURE.write_text(picture(screen(Path(place))), encoding="utf-8")
    sys.stderr.write(f"{PICTURE} is made\n")
