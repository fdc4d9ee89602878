"""Sends HTTP requests to services; nothing else does."""

from everyauth_cli.transport.sending import reach, send

__all__ = ["reach", "send"]
