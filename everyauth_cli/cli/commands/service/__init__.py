"""`everyauth service`: the catalogue of services, and our client at each."""

from __future__ import annotations

from everyauth_cli.cli import app
from everyauth_cli.services import EXAMPLE

group = app.group(
    "service",
    "Set up services and your client at each.",
    examples=[
        "everyauth service ls --search atlas",
        f"everyauth service get {EXAMPLE}",
        f"everyauth service set {EXAMPLE} --client-id ID --client-secret -",
    ],
)
