"""The key that the workers of a web app share, and texts that are sealed with it for a browser to bring back."""

from __future__ import annotations

from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.store import Store
from everyauth_cli.store.sealing import Sealer
from everyauth_cli.store.vault_sealed import new_key, read_keys

KEY_KIND = "web"


def web_sealer(store: Store, profile: str) -> Sealer:
    """What seals with the key of a profile, which is made when there is none and never changed.

    Raises `StoreError`, `ConfigurationProblem`.
    """
    key = RecordKey(profile=profile, kind=KEY_KIND, service="")
    record = store.read(key)
    if record is None:
        with store.lock(key):
            # Another worker may have been first.
            if store.read(key) is None:
                store.write(key, public={}, secret=Secret({"key": new_key().reveal()}))
        record = store.read(key)
    text = record.content.reveal().get("key", "") if record else ""
    return Sealer(read_keys(Secret(text), where=f"the store's record {store.name(key)}")[0])


def sealed(sealer: Sealer, name: str, text: Secret[str]) -> str:
    """A text as a cookie or a form may hold it, to be opened under the same name only."""
    return base64url.encode(sealer.seal(name, text))


def opened(sealer: Sealer, name: str, box: str) -> Secret[str] | None:
    """What was sealed under that name; None for anything else."""
    try:
        cell = base64url.decode(box)
    except ValueError:
        return None
    return sealer.unseal(name, cell)
