"""Reads the private key of a client from a file or from standard input, with the client that the file names."""

from __future__ import annotations

from typing import NamedTuple

from everyauth_cli.cli.registry import Registry
from everyauth_cli.cli.streams import typed
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.client_keys import ChangeKeys
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth.grant import only_grant
from everyauth_cli.oauth.jwk import algorithm_of, kind_of
from everyauth_cli.oauth.key_file import KeyFile, read_key_file
from everyauth_cli.services.client_checks import may_be_client_id
from everyauth_cli.store.whole_files import LARGEST, read_whole


class GivenKey(NamedTuple):
    """The change to the one key that is given, and the id of its client, which some files name."""

    change: ChangeKeys
    client_id: str | None


def read_key(terminal: Terminal, registry: Registry, service: Service, given: str) -> GivenKey:
    """Return the key that is given: a file, or - for standard input; an empty text removes all.

    Raises `UsageProblem` for what is no key that the service takes.
    """
    if not given:
        return GivenKey(lambda _: (), None)
    file = read_key_file(_text(terminal, service, given))
    _check_is_of(registry, service, file)
    key, accepted = file.key, service.client_assertion.signing_algs
    if algorithm_of(key, accepted) is None:
        raise UsageProblem(
            f"the key ({kind_of(key)}) signs with none of {', '.join(accepted)}, which {service.name} takes",
            hint=f"make one that does: everyauth service key {service.registered_at.name}",
        )
    return GivenKey(lambda _: (key,), file.client_id or None)


def _check_is_of(registry: Registry, service: Service, file: KeyFile) -> None:
    """Refuse a file that names a client of another service, which its assertions would be for."""
    if not file.client_id or (
        file.token_endpoint == service.token_endpoint and may_be_client_id(service, file.client_id)
    ):
        return
    entries = map(registry.catalogue.get, registry.catalogue.names())
    right = (s.name for s in entries if file.token_endpoint == s.token_endpoint and only_grant(s.grant_types_supported))
    name = next(right, "")
    raise UsageProblem(
        f"the key file is of the client {file.client_id} for {file.token_endpoint}, which is none of {service.title}",
        hint=f"everyauth service set {name} --private-key FILE" if name else "give the file of this service's client",
    )


def _text(terminal: Terminal, service: Service, given: str) -> Secret[str]:
    if "-----BEGIN" in given or given.lstrip().startswith("{"):
        raise UsageProblem(
            "a private key does not belong in a command line, which other users can see, and the shell keeps",
            hint="give a file, or - to read standard input; and take another key: this one is known now",
        )
    if given != "-":
        return _of_file(given)
    if terminal.can_ask:
        raise UsageProblem(
            "a private key has several lines, and is not typed",
            hint=f"everyauth service set {service.name} --private-key FILE",
        )
    return Secret(typed(lambda: terminal.stdin.read(LARGEST)).removeprefix("\ufeff"))


def _of_file(path: str) -> Secret[str]:
    try:
        return Secret(read_whole(path).decode())
    except UnicodeDecodeError:
        raise UsageProblem(
            f"{path} is not text, so no private key in PEM or as a JWK",
            hint="write it as PEM: openssl pkey -inform DER -in FILE -out NEW",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageProblem(f"cannot read {path}: {reason}", hint="- reads standard input, such as a pipe") from None
