"""The URLs of a service by key."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from everyauth_cli.model import Service
from everyauth_cli.services import values
from everyauth_cli.services.fields import canonical, value_of
from everyauth_cli.services.keys import KEYS
from everyauth_cli.urls import PLACEHOLDER, domain, host

URLS = tuple(key for key, about in KEYS.items() if about.reader is values.ENDPOINT and canonical(key) == key)
SENT_NO_SECRET = ("authorization_endpoint", "issuer", "jwks_uri")
"""The URLs that are sent neither the client's secret nor a token; each that is not listed here may be sent them."""


def urls_of(service: Service) -> dict[str, str]:
    """Return the URLs that a service has, by key."""
    return {key: url for key in URLS if (url := value_of(service, key))}


def domains_of(service: Service, filled: Service) -> frozenset[str]:
    """Return the domains that are a service's own, as far as its URLs tell, with and without their placeholders.

    A host that a setting is a part of shares its domain with other people's, and counts alone.
    """
    defaults = {param.name: param.text(param.default) for param in service.params if param.default}
    urls = urls_of(filled)
    return frozenset(
        host(urls[key]) if _is_set(template, urls[key], defaults) else domain(host(urls[key]))
        for key, template in urls_of(service).items()
    )


def _is_set(template: str, url: str, defaults: Mapping[str, str]) -> bool:
    """Whether a setting other than its default is a part of a URL's host."""
    authority = PLACEHOLDER.sub(lambda match: defaults.get(match[1], match[0]), urlsplit(template).netloc)
    return authority != urlsplit(url).netloc
