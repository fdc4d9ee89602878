"""`everyauth store`: choose where credentials are stored."""

from __future__ import annotations

from everyauth_cli.cli import app

group = app.group(
    "store",
    "Choose where credentials are stored.",
    examples=["everyauth store status", "everyauth store use sqlite://"],
)
