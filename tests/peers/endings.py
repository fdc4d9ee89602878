"""Ends identities of a `World`, and says what was asked for and what is left."""

from __future__ import annotations

from peers.token_server import REVOKE_URL

BOTH = ["refresh_token", "access_token"]


def end(world, user="me", **options):
    return world.auth.delete_identity("example", user=user, **options)


def sent(world):
    """The types of the tokens whose revocation was asked for."""
    return [str(r.fields["token_type_hint"]) for r in world.server.requests if r.url == REVOKE_URL]


def is_gone(world, user="me"):
    return world.store.peek(world.key(user)) is None
