"""The error that a failed login passes to the app: an OAuth error code (RFC 6749 section 4.1.2.1) and a sentence."""

from __future__ import annotations

from typing import NamedTuple

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


class ErrorParameters(NamedTuple):
    """The query parameters `error` and `errorDescription` of `finished_url`."""

    error: str
    description: str


REFUSED_BY_APP = ErrorParameters("access_denied", "the app refused this login; nothing was stored")

# Our own sentence replaces the error's message where that names accounts or the app's configuration.
ERRORS: dict[type[EveryAuthError], tuple[str, str | None]] = {
    LoginDenied: ("access_denied", None),
    LoginTimedOut: ("invalid_grant", None),
    OtherAccount: (
        OtherAccount.code,
        "the login returned another account than before; the old credential was kept",
    ),
    LoginFailed: (LoginFailed.code, None),
    ServiceUnreachable: ("temporarily_unavailable", None),
    ServiceError: (SERVER_ERROR, None),
    ClientRejected: ("invalid_client", "the service does not accept this app's client"),
    EveryAuthError: (SERVER_ERROR, "the app cannot do this now; its log has the reason"),
}


def error_parameters(error: EveryAuthError) -> ErrorParameters:
    """Return the parameters for an error; every user of the app may see them."""
    kind = next(kind for kind in type(error).__mro__ if kind in ERRORS)
    code, description = ERRORS[kind]
    if kind is ServiceError:
        code = getattr(error, "error", None) or code
    return ErrorParameters(code, description or error.message)
