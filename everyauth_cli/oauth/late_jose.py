"""Imports the keys and signatures of `oauth/jose.py` when they are needed: that takes as long as all the rest."""

from __future__ import annotations

from types import ModuleType


def jose() -> ModuleType:
    """Return the module."""
    from everyauth_cli.oauth import jose as module

    return module
