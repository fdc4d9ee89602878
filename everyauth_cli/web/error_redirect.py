"""How a failed login is told to the app: an error in OAuth's words (RFC 6749 section 4.1.2.1), and a sentence."""

from __future__ import annotations

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    LoginDenied,
    LoginFailed,
    LoginTimedOut,
    OtherAccount,
    ServiceError,
    ServiceUnreachable,
)

SERVER_ERROR = "server_error"
REFUSED = ("access_denied", "the app refused this login; nothing was kept")

# A sentence of our own stands where the error's would name accounts, or tell users how the app is set up.
WORDS: dict[type[EveryAuthError], tuple[str, str | None]] = {
    LoginDenied: ("access_denied", None),
    LoginTimedOut: ("invalid_grant", None),
    OtherAccount: (
        OtherAccount.code,
        "the login came back as another account than before; the old credential was kept",
    ),
    LoginFailed: (LoginFailed.code, None),
    ServiceUnreachable: ("temporarily_unavailable", None),
    ServiceError: (SERVER_ERROR, None),
    ClientRejected: ("invalid_client", "the service does not accept this app's client"),
    EveryAuthError: (SERVER_ERROR, "the app cannot do this just now; its log says why"),
}


def words(error: EveryAuthError) -> tuple[str, str]:
    """The error and its description, which any user of the app may see."""
    kind = next(kind for kind in type(error).__mro__ if kind in WORDS)
    word, sentence = WORDS[kind]
    if kind is ServiceError:
        word = getattr(error, "error", None) or word
    return word, sentence or error.message
