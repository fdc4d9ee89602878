"""The file of a private key: the key alone, or a service account's JSON, which names the client and its server too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.oauth.late_jose import jose
from everyauth_cli.oauth.response_body import read_json
from everyauth_cli.sanitize import printable

SERVICE_ACCOUNT = "service_account"
NEEDED = ("client_email", "private_key", "private_key_id", "token_uri")
ANEW = "make a new key in JSON where the service account is, and give that file"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A private key as a JWK; a service account's file has the client's id and the token endpoint besides."""

    key: Secret[str]
    client_id: str = ""
    token_endpoint: str = ""


def read_key_file(text: Secret[str]) -> KeyFile:
    """Return the key in a file: in PEM, as a JWK, or in a service account's JSON.

    Raises `UsageProblem`, which does not repeat it, for a file that has no private key that can sign.
    """
    fields = Secret(read_json(text.reveal().encode(errors="replace")))
    if not isinstance(fields.reveal(), dict) or "type" not in fields.reveal():
        return KeyFile(key=jose().read_private_key(text))
    return _service_account(fields)


def _service_account(fields: Secret[Mapping[str, Any]]) -> KeyFile:
    kind = printable(str(fields.reveal()["type"]), 60)
    if kind != SERVICE_ACCOUNT:
        raise UsageProblem(
            f'the file is of the type "{kind}", and has no private key of a client; one of the type '
            f'"{SERVICE_ACCOUNT}" has',
            hint=ANEW,
        )
    found = {name: Secret(fields.reveal().get(name)) for name in NEEDED}
    lacking = [name for name, value in found.items() if not isinstance(value.reveal(), str) or not value]
    if lacking:
        raise UsageProblem(f"the service account's file has no {' and no '.join(lacking)}", hint=ANEW)
    key = Secret(json.loads(jose().read_private_key(Secret(str(found["private_key"].reveal()))).reveal()))
    return KeyFile(
        key=Secret(json.dumps({**key.reveal(), "kid": found["private_key_id"].reveal()})),
        client_id=printable(str(found["client_email"].reveal()), 200),
        token_endpoint=printable(str(found["token_uri"].reveal()), 500),
    )
