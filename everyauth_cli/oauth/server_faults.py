"""The rules that a server breaks, as its discovery shows: each with who can mend it, and what we do meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from everyauth_cli.model import Request, Response
from everyauth_cli.oauth.challenge import read_challenges, token_challenge
from everyauth_cli.oauth.discovery import UNAUTHORIZED, Discovered
from everyauth_cli.oauth.metadata import OAUTH, OPENID
from everyauth_cli.oauth.protected_resource import WELL_KNOWN
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import host

Sent = Sequence[tuple[Request, Response]]
JSON = "application/json"
BARE_URL = re.compile(r"\w+\s*=\s*https?:", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule that a server breaks, in words with its section; `host` has who can mend it."""

    rule: str
    host: str
    meanwhile: str


def find_faults(url: str, sent: Sent, found: Discovered | None) -> list[Fault]:
    """Return the faults that a discovery shows, as far as it went: `found` is None where it was refused.

    `sent` are its requests with their responses, in order; the first is the one to the URL itself.
    """
    return [
        *_of_challenge(url, sent, found),
        *_of_media_types(sent),
        *(_of_resource(url, found) if found else ()),
        *(_of_metadata(found) if found else ()),
    ]


def _of_challenge(url: str, sent: Sent, found: Discovered | None) -> Iterator[Fault]:
    refusal = next((response for request, response in sent if _refuses(url, request, response)), None)
    first = sent[0][1] if sent else None
    if refusal is None and first and not first.is_success and found and not found.is_issuer:
        yield Fault(
            rule=f"it answers HTTP {first.status}, and not 401, where the token is missing (MCP, Token Handling)",
            host=host(url),
            meanwhile="its metadata says that it needs a login",
        )
    if refusal is None:
        return
    if not any(name in ("bearer", "dpop") for name, _ in read_challenges(refusal.challenges)):
        yield Fault(
            rule="its 401 has no challenge for a token (RFC 6750 section 3)",
            host=host(url),
            meanwhile="its metadata is looked for at the well-known places",
        )
    if any(map(BARE_URL.search, refusal.challenges)):
        yield Fault(
            rule="a URL in its WWW-Authenticate has no quotes (RFC 9110 section 11.2)",
            host=host(url),
            meanwhile="it is read to the next space or comma",
        )


def _refuses(url: str, request: Request, response: Response) -> bool:
    return request.url == url and response.status == UNAUTHORIZED


def _of_media_types(sent: Sent) -> Iterator[Fault]:
    for request, response in sent:
        section = _section(sent, request)
        kind = response.content_type.partition(";")[0].strip().lower()
        if section and response.is_success and not response.is_page and kind != JSON:
            yield Fault(
                rule=f'{request.url} is of the type "{printable(kind, 80)}", and not {JSON} ({section})',
                host=host(request.url),
                meanwhile="it is read all the same",
            )


def _section(sent: Sent, request: Request) -> str:
    """Return the section that says what metadata's media type is, "" for a request for anything else."""
    if WELL_KNOWN in request.url or request.url == _named(sent):
        return "RFC 9728 section 3.2"
    return "RFC 8414 section 3.2" if OAUTH in request.url or OPENID in request.url else ""


def _named(sent: Sent) -> str | None:
    return next((named for _, one in sent if (named := token_challenge(one.challenges).get("resource_metadata"))), None)


def _of_resource(url: str, found: Discovered) -> Iterator[Fault]:
    if found.resource is None:
        if not found.is_issuer:
            what = (
                "the usual endpoints of its origin are taken" if found.is_assumed else "its origin's metadata is taken"
            )
            yield Fault(
                rule="it publishes no protected resource metadata (RFC 9728; MCP since 2025-06-18)",
                host=host(url),
                meanwhile=f"{what}, as in MCP of 2025-03-26, and tokens are requested for no resource",
            )
    elif found.resource != url:
        yield Fault(
            rule=f'its metadata describes the resource "{printable(found.resource)}", and not this URL '
            "(RFC 9728 section 3.3)",
            host=host(url),
            meanwhile="tokens are requested for that resource in its spelling, because it covers the URL",
        )


def _of_metadata(found: Discovered) -> Iterator[Fault]:
    if found.is_assumed:
        return
    at = host(found.issuer)
    if not found.is_issuer and found.issuer != found.named_issuer:
        yield Fault(
            rule=f'the issuer that is named "{printable(found.named_issuer)}" calls itself '
            f'"{printable(found.issuer)}" (RFC 8414 section 3.3)',
            host=at if at == host(found.url) else f"{at} or {host(found.url)}",
            meanwhile="both are taken for one, and its responses have to name the latter",
        )
    if not isinstance(found.metadata.get("response_types_supported"), list):
        yield Fault(
            rule="its metadata has no response_types_supported (RFC 8414 section 2)",
            host=at,
            meanwhile="an authorization code is requested all the same",
        )
