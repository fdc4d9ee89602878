"""Requests of services that differ from the standard's in their method, the names of fields, or all of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.services.rules import RequestKind

Fields = dict[str, str | Secret[str]]


def named(service: Service, fields: Mapping[str, str | Secret[str]]) -> Fields:
    """Return fields under the names that the service has for them."""
    return {service.requests.names.get(name, name): value for name, value in fields.items()}


def shaped(request: Request, service: Service, kind: RequestKind | None) -> Request:
    """Return a request with the service's method for its kind, and its names of fields; GET has them in the query."""
    fields = named(service, request.fields)
    method = service.requests.methods.get(kind, request.method) if kind else request.method
    if method != "GET" or not fields:
        return replace(request, method=method, fields=fields)
    mark = "&" if "?" in request.url else "?"
    return replace(
        request,
        method=method,
        fields={},
        rest=Secret(f"{mark}{urlencode([(name, plain(value)) for name, value in fields.items()])}"),
    )


def from_template(template: Mapping[str, str], values: Mapping[str, str | Secret[str] | None]) -> Fields:
    """Return the fields of a template with these values in place of their names in braces.

    A field whose value is missing is left out.
    """
    filled = {name: values.get(text[1:-1], text) if text[:1] == "{" else text for name, text in template.items()}
    return {name: value for name, value in filled.items() if value}


def client_values(client: Client) -> Mapping[str, str | Secret[str] | None]:
    """Return the values that a client has for a template."""
    return {"client_id": client.client_id, "client_secret": client.client_secret}


def plain(value: str | Secret[str]) -> str:
    """Return a value as it is sent."""
    return value.reveal() if isinstance(value, Secret) else value
