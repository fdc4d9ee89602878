"""OAuth 2.0 credentials for people and for the users of apps, always current."""

from __future__ import annotations

from everyauth_cli._version import __version__

# Not typing's, which is slow to import: type checkers know it by its name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from everyauth_cli.errors import (
        Ambiguous,
        EveryAuthError,
        LoginRequired,
        NotFound,
        ServiceError,
        StoreError,
        UsageProblem,
    )
    from everyauth_cli.everyauth import EveryAuth
    from everyauth_cli.flows.batch import HealthState, Outcome, Pacing
    from everyauth_cli.flows.granted import Grant
    from everyauth_cli.flows.revoke import Revocation
    from everyauth_cli.flows.selector import Page
    from everyauth_cli.model import Identity
    from everyauth_cli.store.credential import Credential
    from everyauth_cli.store.memory import memory_store

__all__ = [
    "Ambiguous",
    "Credential",
    "EveryAuth",
    "EveryAuthError",
    "Grant",
    "HealthState",
    "Identity",
    "LoginRequired",
    "NotFound",
    "Outcome",
    "Pacing",
    "Page",
    "Revocation",
    "ServiceError",
    "StoreError",
    "UsageProblem",
    "__version__",
    "memory_store",
]

# The module of each public name, imported at its first use, because start-up is paid at every call.
_HOMES = {
    "EveryAuth": "everyauth_cli.everyauth",
    "Grant": "everyauth_cli.flows.login",
    "HealthState": "everyauth_cli.flows.batch",
    "Outcome": "everyauth_cli.flows.batch",
    "Pacing": "everyauth_cli.flows.batch",
    "Revocation": "everyauth_cli.flows.revoke",
    "Credential": "everyauth_cli.store.credential",
    "Identity": "everyauth_cli.model",
    "Page": "everyauth_cli.flows.selector",
    "memory_store": "everyauth_cli.store.memory",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "everyauth_cli.errors")), name)
