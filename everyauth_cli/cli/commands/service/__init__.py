"""`everyauth service`: the catalogue, and our registration at each service."""

from __future__ import annotations

from everyauth_cli.cli import app

group = app.group("service", "Services and our registration (client) at each.")
