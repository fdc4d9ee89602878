"""Values that are encrypted for a browser to bring back, with a key that all workers of a web app share."""

from __future__ import annotations

from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.store import Store
from everyauth_cli.store.sealing import Sealer
from everyauth_cli.store.vault_sealed import new_key, read_keys

KEY_KIND = "web"


def web_sealer(store: Store, profile: str) -> Sealer:
    """Return the sealer of a profile's web apps; its key is made at the first use and never changed.

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


def seal(sealer: Sealer, name: str, text: Secret[str]) -> str:
    """Encrypt a text under a name, in characters that a cookie, a form or a URL can hold."""
    return base64url.encode(sealer.seal(name, text))


def unseal(sealer: Sealer, name: str, sealed: str) -> Secret[str] | None:
    """Decrypt a text that was sealed under the same name; None for anything else."""
    try:
        cell = base64url.decode(sealed)
    except ValueError:
        return None
    return sealer.unseal(name, cell)
