"""Values that are encrypted for a browser to bring back, with a key that all workers of a web app share."""

from __future__ import annotations

from contextlib import suppress

from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.store.records import Store, VersionConflict
from everyauth_cli.store.sealed.keys import new_key, read_keys
from everyauth_cli.store.sealed.sealer import Sealer

KEY_KIND = "web"


def web_sealer(store: Store, profile: str) -> Sealer:
    """Return the sealer of a profile's web apps; its key is made at the first use and never changed.

    Raises `StoreError`, `ConfigurationProblem`.
    """
    key = RecordKey(profile=profile, kind=KEY_KIND, service="")
    record = store.get(key)
    if record is None:
        # Another worker may be first.
        with suppress(VersionConflict), store.lock(key):
            store.save(key, {}, Secret({"key": new_key().reveal()}), version=None)
        record = store.get(key)
    text = str(record.secret.reveal().get("key", "")) if record else ""
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
