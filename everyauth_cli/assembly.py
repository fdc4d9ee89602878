"""Puts a store together from the settings."""

from __future__ import annotations

from everyauth_cli.settings import Settings
from everyauth_cli.store import Store
from everyauth_cli.store.opening import Keyring, SealingKey, open_store


def store_of(settings: Settings) -> Store:
    """The store that the settings name."""
    return open_store(
        settings.store_url,
        data_dir=settings.data_dir,
        keyring=keyring_of(settings),
        sealing_key=SealingKey.read(settings.sealing_key, text=settings.key, file=settings.key_file),
    )


def keyring_of(settings: Settings) -> Keyring:
    """How the settings say that the OS keyring is reached."""
    return Keyring(
        bus_address=settings.bus_address,
        backend_name=settings.keyring_backend,
        may_prompt=settings.local_display,
        namespace=settings.namespace,
    )
