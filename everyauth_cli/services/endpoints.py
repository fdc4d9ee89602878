"""The URLs of a service by key."""

from __future__ import annotations

from everyauth_cli.model import Service
from everyauth_cli.services import values
from everyauth_cli.services.fields import canonical, value_of
from everyauth_cli.services.keys import KEYS

URLS = tuple(key for key, about in KEYS.items() if about.reader is values.ENDPOINT and canonical(key) == key)
SENT_NO_SECRET = ("authorization_endpoint", "issuer", "jwks_uri")
SENT_SECRETS = tuple(key for key in URLS if key not in SENT_NO_SECRET)
"""The URLs that are sent the client's secret or a token; a new one counts among them until it is listed above."""


def urls_of(service: Service) -> dict[str, str]:
    """Return the URLs that a service has, by key."""
    return {key: url for key in URLS if (url := value_of(service, key))}
