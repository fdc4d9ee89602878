"""Reads the private key of a client from a file or from standard input."""

from __future__ import annotations

from everyauth_cli.cli.streams import typed
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.client_keys import ChangeKeys
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth.jwk import algorithm_of, kind_of
from everyauth_cli.oauth.late_jose import jose
from everyauth_cli.store.whole_files import LARGEST, read_whole


def read_key(terminal: Terminal, service: Service, given: str) -> ChangeKeys:
    """Return the change to the one key that is given: a file, or - for standard input; an empty text removes all.

    Raises `UsageProblem` for what is no key that the service takes.
    """
    if not given:
        return lambda _: ()
    key: Secret[str] = jose().read_private_key(_text(terminal, service, given))
    accepted = service.client_assertion.signing_algs
    if algorithm_of(key, accepted) is None:
        raise UsageProblem(
            f"the key ({kind_of(key)}) signs with none of {', '.join(accepted)}, which {service.name} takes",
            hint=f"make one that does: everyauth service key {service.registered_at.name}",
        )
    return lambda _: (key,)


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
