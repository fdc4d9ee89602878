"""The guide to a service: setup steps, settings, facts to expect, endpoints and sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everyauth_cli.cli.registry import Registry
from everyauth_cli.errors import ClientNotSet, ConfigurationProblem, StoreError
from everyauth_cli.flows.client_keys import file_command, key_command, takes_file, takes_key
from everyauth_cli.flows.clients import default_scope, missing_params, needs_scope, no_client
from everyauth_cli.flows.host_pinning import confirmation, moved
from everyauth_cli.model import Client, Service
from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.services.redirect_uri import is_registered, on_loopback, redirect_uri
from everyauth_cli.services.rules import ApiRules, AssertionSubject, Parameter, PrivateKeyUse, RevocationEnds
from everyauth_cli.services.sources import Level, catalogues, is_link, level
from everyauth_cli.urls import is_loopback

BOUND = (
    "Its tokens are bound to a key (DPoP): no command prints one; in Python httpx_auth and requests_auth sign with it."
)
PASTED = "everyauth does not listen at this redirect URI: a login asks you to paste the URL at which the browser ends."

EXCHANGED = "It takes the token of another login (RFC 8693): everyauth login {name} --exchange SERVICE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A service with our client there; `own_keys` are the keys in the user's `own_file`.

    `filled` is the service with its placeholders filled in, once all of them have a value.
    """

    service: Service
    filled: Service
    client: Client
    has_secret: bool
    own_file: Path | None
    own_keys: Sequence[str]

    @property
    def uri(self) -> str:
        return redirect_uri(self.service, self.client)

    @property
    def uri_is_registered(self) -> bool:
        return self.redirects and is_registered(self.service, self.client)

    @property
    def redirects(self) -> bool:
        """Whether people log in at the service in a browser, so that there is a redirect URI."""
        return self.service.authorization_endpoint is not None

    @property
    def scope(self) -> str:
        return default_scope(self.service, self.client)

    @property
    def registration(self) -> list[str]:
        """The steps to register a client at the service."""
        service = self.service
        about = service.docs or next(iter(service.sources), "")
        return list(service.setup) or [
            f"Register an OAuth 2.0 app (client) at {service.title}" + (f", as described at {about}" if about else "."),
            "Enter the redirect URI there, and copy the client id and the client secret.",
        ]

    @property
    def is_set_up(self) -> bool:
        """Whether a login can begin: there is a client id, and each setting that has to have a value."""
        is_complete = not self.needs_scope and not missing_params(self.service, self.client.params)
        return bool(self.client.client_id) and is_complete

    @property
    def needs_scope(self) -> bool:
        return needs_scope(self.service, self.client)

    def settings(self) -> dict[str, str]:
        """Return the settings of our client, for people."""
        return {
            "client id": self.client.client_id or "not set",
            "client secret": "***" if self.has_secret else "not set",
            "scope": self.scope or ("needed: --scope SCOPES" if self.needs_scope else "none is requested"),
            **{p.name: f"{self._value(p)} ({p.help})" for p in self.service.params},
        }

    @property
    def key_command(self) -> str:
        """The command that gives our client its private key: from a file, or one that is made here."""
        return key_command(self.service)

    def without_browser(self) -> list[str]:
        """Return the commands of a login with an assertion that the client's key signs, where there are others too."""
        service = self.service
        if service.client_assertion.key_use is not PrivateKeyUse.JWT_BEARER or not self.redirects:
            return []
        subject = " --subject WHO" if service.jwt_bearer.subject is AssertionSubject.REQUIRED else ""
        return [self.key_command, f"everyauth login {service.name} --jwt-bearer{subject}"]

    def _value(self, parameter: Parameter) -> str:
        value = self.client.params.get(parameter.name, parameter.default)
        if value is None:
            return f"needed: --param {parameter.name}=..."
        return value or "left out"

    def attention(self) -> str | None:
        """Return a warning where secrets would go to another host than the client was set for."""
        change = moved(self.filled, self.client)
        if change is None:
            return None
        key, name, before = change
        command = confirmation(self.service, has_secret=self.has_secret)
        return (
            f"the {key} is at {name} now, but the client was set for {before}; nothing is sent until you run {command}"
        )

    def _steps(self) -> list[str]:
        service, steps = self.service, self.registration
        needed = [p for p in service.params if p.default is None and p.name not in self.client.params]
        params = "".join(f" --param {p.name}=..." for p in needed) + (" --scope SCOPES" if self.needs_scope else "")
        secret = " --client-secret -" if service.takes_secret else ""
        if takes_file(service):
            return [*steps, *([] if self.is_set_up else [file_command(service)]), f"everyauth login {service.name}"]
        if takes_key(service) and not self.has_secret:
            steps = [*steps, self.key_command]
        if not self.client.client_id:
            steps.append(f"everyauth service set {service.name} --client-id ID{secret}{params}")
        elif params:
            steps.append(f"everyauth service set {service.name}{params}")
        return [*steps, f"everyauth login {service.name}"]

    def expectations(self) -> list[str]:
        """Return what is good to know of the service."""
        service = self.service
        preset = [_client_of(service)] if service.preset_of else []
        presets = [f"Products with scopes of their own: {', '.join(service.presets)}."] if service.presets else []
        pasted = [PASTED] if self.redirects and not on_loopback(self.uri) else []
        by_code = [f"To log in with a code on any device: everyauth login {service.name} --device."]
        device = by_code if service.device_authorization_endpoint else []
        exchanges = GrantType.TOKEN_EXCHANGE in service.grant_types_supported
        exchange = [EXCHANGED.format(name=service.name)] if exchanges else []
        bound = [BOUND] if service.dpop.bound_access_tokens else []
        return [*preset, *presets, *service.expect, *bound, *device, *exchange, *pasted]

    def facts(self) -> dict[str, str]:
        """Return the endpoints and the sources, for people."""
        service = self.service
        sources = {f"source {n}" if n > 1 else "source": text for n, text in enumerate(_sources(service), 1)}
        endpoints = {
            "authorize": self.filled.authorization_endpoint,
            "token": self.filled.token_endpoint,
            "refresh": self.filled.refresh_endpoint,
            "device": self.filled.device_authorization_endpoint,
            "account": self.filled.account.endpoint,
        }
        own = {"your file": f"{self.own_file}: {self._own()}"} if self.own_keys else {}
        return {
            **{label: url for label, url in endpoints.items() if url},
            "revocation": _revocation(self.filled),
            **({"grant types": ", ".join(service.grant_types_supported)} if service.grant_types_supported else {}),
            **_uses(self.filled.api),
            "documentation": service.docs or "none known",
            **sources,
            **({"checked": service.checked} if service.checked else {}),
            **own,
        }

    def _own(self) -> str:
        return "the whole entry" if self.service.own else f"overrides {', '.join(self.own_keys)}"

    def as_json(self) -> dict[str, Any]:
        """Return the guide as JSON."""
        service, client = self.service, self.client
        return {
            "id": service.name,
            "title": service.title,
            "aliases": list(service.aliases),
            "presetOf": service.preset_of.name if service.preset_of else None,
            "presets": list(service.presets),
            "configuration": {
                "scope": self.scope,
                "clientId": client.client_id or None,
                "clientSecret": "***" if self.has_secret else None,
                "port": client.port,
                "redirectUri": client.redirect_uri,
                "params": dict(client.params),
            },
            "scopeRequired": service.scope_required,
            "authorizationEndpoint": self.filled.authorization_endpoint,
            "tokenEndpoint": self.filled.token_endpoint,
            "refreshEndpoint": self.filled.refresh_endpoint,
            "deviceAuthorizationEndpoint": self.filled.device_authorization_endpoint,
            "accountEndpoint": self.filled.account.endpoint,
            "revocationEndpoint": self.filled.revocation.endpoint,
            "revocationEnds": service.revocation.ends if service.revocation.endpoint else None,
            "issuer": self.filled.issuer,
            "grantTypesSupported": list(service.grant_types_supported),
            "apiBase": self.filled.api.base or None,
            "apiHeaders": dict(self.filled.api.headers),
            "tokenVariables": list(service.api.token_variables),
            "gitHosts": list(self.filled.api.git_hosts),
            "gitUsername": service.api.git_username or None,
            "docs": service.docs or None,
            "redirectUri": self.uri if self.redirects else None,
            "setup": self._steps(),
            "setupWithoutBrowser": self.without_browser(),
            "expect": self.expectations(),
            "params": [_parameter(p, client.params) for p in service.params],
            "sources": list(service.sources),
            "level": level(service).value,
            "checked": service.checked or None,
            "attention": self.attention(),
            "ownFile": str(self.own_file) if self.own_keys else None,
            "ownKeys": list(self.own_keys),
            "added": service.own,
        }


def _sources(service: Service) -> list[str]:
    """Return the sources of the endpoints: pages of the documentation, or catalogues that agree."""
    links = [source for source in service.sources if is_link(source)]
    named = [catalogues()[word] for word in service.sources if not is_link(word)]
    agreed = [f"{source.title}, {source.url} (last commit {source.last_commit})" for source in named]
    return links if level(service) is Level.DOCUMENTATION else agreed


def guide_to(registry: Registry, service: Service) -> Guide:
    """Return the guide to a service and to our client there."""
    catalogue, clients = registry
    known = clients.peek(service)
    client, has_secret = known or (no_client(service), False)
    try:
        filled = clients.filled(service.name)
    except (ConfigurationProblem, ClientNotSet, StoreError):
        # A guide can be read before there is a store.
        filled = service
    return Guide(
        service=service,
        filled=filled,
        client=client,
        has_secret=has_secret,
        own_file=catalogue.own_path(service.registered_at.name),
        own_keys=catalogue.own_keys(service.registered_at.name),
    )


def missing_in_entry(service: Service) -> list[str]:
    """Return what an entry needs before it can be added to the catalogue."""
    missing = {
        "title, the service's name as the service writes it": service.title == service.name,
        "docs, a link to the service's documentation": not service.docs,
        "sources, the pages that each key was taken from": not service.sources,
        "checked, the day when the sources were read": not service.checked,
        "setup, the steps to register an app there": not service.setup,
    }
    urls = [
        service.authorization_endpoint,
        service.token_endpoint,
        service.revocation.endpoint,
        service.account.endpoint,
    ]
    local = [f"{url} is on this machine" for url in urls if url and is_loopback(url)]
    return [text for text, is_missing in missing.items() if is_missing] + local


def _client_of(service: Service) -> str:
    place = service.registered_at
    return f"It uses the client of {place.name} ({place.title}), and has an identity of its own for each user."


def _revocation(service: Service) -> str:
    if service.revocation.endpoint is None:
        return f"none: tokens are valid until they expire or are revoked at {service.title}"
    extents = {
        RevocationEnds.TOKEN: "",
        RevocationEnds.GRANT: " (revokes the whole grant)",
        RevocationEnds.GRANT_IF_REFRESHED: " (revokes the whole grant if it has a refresh token)",
    }
    return service.revocation.endpoint + extents[service.revocation.ends]


def _uses(api: ApiRules) -> dict[str, str]:
    """Return the places that take an access token, for people."""
    git = ", ".join(api.git_hosts) + (f" (user name {api.git_username})" if api.git_username else "")
    uses = {
        "API": api.base,
        "API headers": ", ".join(f"{name}: {value}" for name, value in api.headers.items()),
        "variables": ", ".join(api.token_variables),
        "git": git,
    }
    return {label: text for label, text in uses.items() if text}


def _parameter(parameter: Parameter, values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "help": parameter.help,
        "default": parameter.default,
        "value": values.get(parameter.name, parameter.default),
    }
