"""`everyauth profile`: namespaces that keep work and private apart."""

from __future__ import annotations

from everyauth_cli.cli import app

group = app.group(
    "profile",
    "Keep work and private apart.",
    examples=["everyauth profile ls"],
)
