"""`everyauth help`: show the help of a command, or a topic."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.help import NARROWEST, WIDEST
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import paint_for
from everyauth_cli.cli.topics import TOPICS
from everyauth_cli.cli.topics.page import topic_page
from everyauth_cli.cli.topics.text import topic_text
from everyauth_cli.cli.tree import COMMANDS
from everyauth_cli.errors import UsageProblem


def _words(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    words = {} if context.params.get("words") else {**TOPICS, **dict.fromkeys(COMMANDS, "a command")}
    return [(word, about) for word, about in words.items() if word.startswith(incomplete)]


@command(app.app, "help", examples=["everyauth help", "everyauth help service set", "everyauth help exit-codes"])
def help_(
    session: Session,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND|TOPIC",
            help=f"A command as it is typed, or a topic: {', '.join(TOPICS)}.",
            autocompletion=_words,
        ),
    ] = None,
) -> None:
    """Show the help of a command, or a topic."""
    # tree.py turned the line into one with --help, unless it names a topic.
    topic, *more = words or [""]
    if more or topic not in TOPICS:
        raise UsageProblem(f'"{" ".join(words or ())}" is no command or topic', hint="everyauth help")
    if session.terminal.as_json:
        session.terminal.json({"topic": topic, "text": topic_text(topic)})
        return
    columns = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    session.terminal.page(topic_page(topic, columns=columns, paint=paint_for(session.terminal.stdout)))
