"""`everyauth completion`: print a shell's completion script."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.completion import Shell
from everyauth_cli.cli.session import Session

FILES = {
    Shell.bash: "everyauth.bash",
    Shell.zsh: "_everyauth",
    Shell.fish: "everyauth.fish",
    Shell.powershell: "everyauth.ps1",
}
CLI = Path(__file__).parents[1]
# The wheel has the scripts beside this package; a checkout, which an editable install imports, at its top.
PLACES = [CLI / "completions", CLI.parents[1] / "completions"]


@command(
    app.app,
    "completion",
    examples=["source <(everyauth completion bash)", "everyauth completion zsh > _everyauth"],
)
def completion(
    session: Session,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print the completion script for a shell."""
    path = next(place / FILES[shell] for place in PLACES if place.exists())
    script = path.read_text(encoding="utf-8")
    if session.terminal.as_json:
        session.terminal.json({"shell": shell.value, "script": script})
    else:
        session.terminal.text(script.removesuffix("\n"))
