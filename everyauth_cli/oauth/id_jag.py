"""The ID-JAG: an assertion that an identity provider issues for another authorization server, and for one client there.

draft-ietf-oauth-identity-assertion-authz-grant; MCP's enterprise-managed authorization is a profile of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from everyauth_cli.errors import ServiceUnreadable, raised_anew
from everyauth_cli.model import Client, Request, Response, Secret, Service
from everyauth_cli.oauth.error_response import read_fields
from everyauth_cli.oauth.issued_token import ID_JAG_TYPE, ID_TOKEN_TYPE, NOT_APPLICABLE, check_issued
from everyauth_cli.oauth.jwt import is_encrypted, unverified
from everyauth_cli.oauth.metadata import same_issuer
from everyauth_cli.oauth.token_exchange import token_exchange_request
from everyauth_cli.sanitize import printable

TYPE, MEDIA = "oauth-id-jag+jwt", "application/"
LENGTH = 120


def id_jag_request(
    idp: Service, idp_client: Client, identity_token: Secret[str], *, service: Service, scope: str, now: int
) -> Request:
    """Return the request at an identity provider for an assertion to present at a service (section 4.3)."""
    about = {"audience": service.issuer or "", "resource": service.resource or "", "scope": scope}
    types = (ID_TOKEN_TYPE, ID_JAG_TYPE)
    # The resource is the service's, and not the provider's own.
    idp = replace(idp, resource=None)
    return token_exchange_request(idp, idp_client, identity_token, types=types, about=about, now=now)


@raised_anew
def read_id_jag(idp: Service, response: Response, *, service: Service, client: Client) -> Secret[str]:
    """Return the assertion in a response, if it is for the service and for our client there.

    One for another server would let the service be us there. The service verifies the signature, and one that is
    encrypted is for its eyes alone. Raises `InvalidGrant`, `ClientRejected` or `ServiceError`.
    """
    fields = read_fields(idp, response)
    check_issued(idp, fields, requested=ID_JAG_TYPE, token_type=NOT_APPLICABLE)
    assertion = Secret(str(fields.get("access_token")))
    if not is_encrypted(assertion) and (problem := _problem(*unverified(assertion), service, client)):
        raise ServiceUnreadable(f"{idp.name} issued an ID-JAG that {problem}; it was not sent to {service.name}")
    return assertion


def _problem(header: Mapping[str, Any], claims: Mapping[str, Any], service: Service, client: Client) -> str:
    """Return what is wrong with an assertion (sections 3 and 4.4.1), or an empty text."""
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower().removeprefix(MEDIA) != TYPE:
        return f"is not of the type {TYPE} (typ)"
    audiences = _texts(claims.get("aud"))
    if len(audiences) != 1 or not same_issuer(audiences[0], service.issuer or ""):
        return f"is for {_shown(audiences)}, and not for {service.issuer} alone (aud)"
    if claims.get("client_id") != client.client_id:
        return (
            f"is for the client {_shown(_texts(claims.get('client_id')))}, and not for {client.client_id} (client_id)"
        )
    resources = _texts(claims.get("resource", service.resource))
    if service.resource and service.resource not in resources:
        return f"is for the resource {_shown(resources)}, and not for {service.resource} (resource)"
    return ""


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _shown(values: list[str]) -> str:
    return printable(" and ".join(values), LENGTH) or "none"
