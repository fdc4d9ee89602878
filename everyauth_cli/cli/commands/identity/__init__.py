"""`everyauth identity`: what was granted, and current credentials for it."""

from __future__ import annotations

from everyauth_cli.cli import app

group = app.group("identity", "What users granted: list, get a current credential, delete.")
