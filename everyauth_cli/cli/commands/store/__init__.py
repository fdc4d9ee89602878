"""`everyauth store`: where credentials are kept."""

from __future__ import annotations

from everyauth_cli.cli import app

group = app.group("store", "Where credentials are kept.")
