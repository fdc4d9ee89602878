"""Opens the store that the settings name."""

from __future__ import annotations

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.settings import Settings
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.opening import Warn, locks_beside, open_store, silent
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.key_place import KeyPlace, SealingKey
from everyauth_cli.store.shown_url import has_secret, shown_url


def store_of(settings: Settings, *, warn: Warn = silent) -> Store:
    """The store that the settings name.

    Raises `ConfigurationProblem` for a URL that means nothing, or holds a password and is to be remembered.
    """
    shown = shown_url(settings.store_url)
    if settings.store_from != "EVERYAUTH_STORE" and has_secret(settings.store_url):
        raise ConfigurationProblem(
            f"a store's URL is remembered in plain text, so it may not hold a password: {shown}",
            hint="put the password in ~/.pgpass, or in a file that PGPASSFILE names (host:port:database:user:password)",
        )
    return open_store(
        settings.store_url,
        data_dir=settings.data_dir,
        keyring=keyring_of(settings),
        sealing_key=_sealing_key_of(settings),
        warn=warn,
    )


def key_place_of(settings: Settings) -> KeyPlace:
    """Where the settings say that the sealing key lies."""
    return KeyPlace(url=shown_url(settings.store_url), key=_sealing_key_of(settings), keyring=keyring_of(settings))


def _sealing_key_of(settings: Settings) -> SealingKey:
    return SealingKey.read(settings.sealing_key, text=settings.key, file=settings.key_file)


def keyring_of(settings: Settings) -> Keyring:
    """The OS keyring, as the settings say that it is reached."""
    return Keyring(
        # The lock of those who write to the keyring, which is this machine's, whatever store is used.
        lock_directory=locks_beside(settings.data_dir / "index.db"),
        bus_address=settings.bus_address,
        backend_name=settings.keyring_backend,
        may_prompt=settings.local_display,
        namespace=settings.namespace,
    )
