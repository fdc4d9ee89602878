"""Deletes identities of a `World`, and shows the revocations that were sent and the records that remain."""

from __future__ import annotations

from peers.token_server import REVOCATION_ENDPOINT

BOTH = ["refresh_token", "access_token"]


def end(world, user="me", **options):
    return world.auth.delete_identity("example", user=user, **options)


def sent(world):
    """The types of the tokens in the revocation requests."""
    return [str(r.fields["token_type_hint"]) for r in world.server.requests if r.url == REVOCATION_ENDPOINT]


def is_deleted(world, user="me"):
    return world.store.peek(world.key(user)) is None
