"""All errors that this package raises on purpose, in one tree.

Each line has an error's exit code, stable code and meaning. `KeyUnknown`, `Locked`, `NoCollection` and
`VersionConflict` are defined in the modules that raise them.

    EveryAuthError                1  error
    ├── UsageProblem              2  usage                a value or an option cannot be used
    │   ├── ConfigurationProblem  2  configuration        a file or a variable cannot be read or makes no sense
    │   │   └── HostChanged       2  host_changed         a secret would go to another host than it was set for
    │   ├── PortInUse             2  port_in_use          the redirect URI's port is in use
    │   ├── ClientNotSet          2  client_not_set       no client id or secret is set for the service
    │   ├── ClientRejected        2  client_rejected      the service does not accept the client's credentials
    │   └── BoundToken            2  bound_token          the access token serves only who has its key (DPoP)
    ├── NotFound                  3  not_found            no service, identity or record with that name
    │   ├── ServiceNotFound       3  service_not_found    no such service in the catalogue
    │   └── Ambiguous             3  ambiguous            several identities match
    ├── LoginRequired             4  login_required       never logged in, or the grant was revoked or has expired
    │   └── LoginFailed           4  login_failed         a login ended without a credential
    │       ├── LoginDenied       4  login_denied         the user denied access
    │       ├── LoginTimedOut     4  login_timed_out      the login was not finished in time
    │       └── OtherAccount      4  other_account        the login was for another account than the stored one
    ├── ServiceError              5  service_error        the service answered with an error
    │   ├── ServiceUnreachable    5  service_unreachable  no response, or a temporary failure (429, 5xx)
    │   ├── InvalidGrant          5  invalid_grant        the code or the refresh token is not valid
    │   ├── ServiceUnreadable     5  service_unreadable   a response does not follow the protocol
    │   │   └── KeyUnknown        5  service_unreadable   an id token's key is not among the issuer's keys
    │   ├── RevocationFailed      5  revocation_failed    deleted here, but not revoked at the service
    │   ├── AlertFailed           5  alert_failed         an alert did not reach its command or webhook
    │   ├── RejectedAlthoughNew   5  rejected_although_new  an API rejects a token that was just issued
    │   └── LifetimeTooShort      5  lifetime_too_short   the service issues no tokens with the lifetime asked for
    └── StoreError                6  store_error          the store cannot be used
        ├── StoreUnavailable      6  store_unavailable    the store is missing or does not respond
        │   └── NoCollection      6  store_unavailable    the keyring has no default collection for new items
        ├── StoreLocked           6  store_locked         the store is locked
        │   └── Locked            6  store_locked         items of the keyring have to be unlocked first
        ├── StoreBusy             6  store_busy           another process holds a record's lock for too long
        ├── SecretTooLarge        6  secret_too_large     the secret is larger than the back end allows
        ├── WrongKey              6  wrong_key            the record was sealed with another sealing key
        ├── VersionConflict       6  version_conflict     the record was changed by another process meanwhile
        └── RecordMoved           6  record_moved         the record was moved to another store
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class EveryAuthError(Exception):
    """Base of all errors of this package; `hint` is the next step, a command where there is one."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"
    mistyped: tuple[str, str] | None = None
    """A name that was given and not found, and the one that is most like it."""

    missing_option: str = ""
    """An option of the command line with which the same call would go on."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def if_mistyped(self, name: str, near: Sequence[str]) -> Self:
        """Return the error with the names that are like the one that was not found, the likeliest first."""
        if near:
            self.mistyped = (name, near[0])
            self.message = f"{self.message}; did you mean {' or '.join(near)}?"
            self.args = (self.message,)
        return self

    def copy(self, *, message: str | None = None, hint: str | None = None) -> Self:
        """Return the same error with another message or hint, to be raised in its place."""
        same = type(self).__new__(type(self))
        same.__dict__.update(self.__dict__)
        same.message, same.hint = message or self.message, hint or self.hint
        same.args = (same.message,)
        return same.with_traceback(self.__traceback__)


class UsageProblem(EveryAuthError):
    """A value or an option cannot be used."""

    exit_code = 2
    code = "usage"


class ConfigurationProblem(UsageProblem):
    """A configuration file or an environment variable cannot be read or makes no sense."""

    code = "configuration"


class HostChanged(ConfigurationProblem):
    """A secret would go to another host than it was set for; nothing was sent."""

    code = "host_changed"


class PortInUse(UsageProblem):
    """Another process uses the port of the redirect URI."""

    code = "port_in_use"


class ClientNotSet(UsageProblem):
    """No client is set for the service."""

    code = "client_not_set"


class ClientRejected(UsageProblem):
    """The service answered `invalid_client` (RFC 6749 section 5.2)."""

    code = "client_rejected"


class BoundToken(UsageProblem):
    """The access token is bound to a key that is not handed out (RFC 9449), so it cannot be used where it would go."""

    code = "bound_token"


class NotFound(EveryAuthError):
    """No service, identity or record has that name."""

    exit_code = 3
    code = "not_found"


class ServiceNotFound(NotFound):
    """The catalogue has no such service."""

    code = "service_not_found"


class Ambiguous(NotFound):
    """Several identities match where one is needed; `candidates` describes each by its id.

    The message lists for each the `command` that selects it, with the id in place of `{}`.
    """

    code = "ambiguous"

    def __init__(self, who: str, candidates: Mapping[str, str], *, command: str = "everyauth identity get {}") -> None:
        lines = [f"  {command.format(identity_id)}   ({about})" for identity_id, about in candidates.items()]
        super().__init__("\n".join([f"{len(candidates)} identities match {who}:", *lines]))
        self.who = who
        self.candidates = candidates
        self.command = command


class LoginRequired(EveryAuthError):
    """A login is needed: there was none, or its grant was revoked or has expired."""

    exit_code = 4
    code = "login_required"


class LoginFailed(LoginRequired):
    """A login ended without a credential."""

    code = "login_failed"


class LoginDenied(LoginFailed):
    """The user denied access at the service."""

    code = "login_denied"


class LoginTimedOut(LoginFailed):
    """The login was not finished in time, or its code had expired before it was redeemed."""

    code = "login_timed_out"


class OtherAccount(LoginFailed):
    """A login was for another account than the stored one, as `difference` says; the old credential was kept."""

    code = "other_account"

    def __init__(self, difference: str, *, hint: str | None = None) -> None:
        super().__init__(f"{difference}; the old credential was kept", hint=hint)
        self.difference = difference


class ServiceError(EveryAuthError):
    """The service answered with an error: `error` is its code, the standard's where known, `status` the HTTP status."""

    exit_code = 5
    code = "service_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        error: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.status = status


class ServiceUnreachable(ServiceError):
    """The service did not respond, or responded with 429 or 5xx; the same request may work later.

    The hint says so unless the fault is one of this machine or its network, which has to be cured first. `lost` says
    that the service may have acted on the request although no response arrived. `retry_after` is the response's
    Retry-After (RFC 9110 section 10.2.3).
    """

    code = "service_unreachable"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "try again later",
        lost: bool = False,
        error: str | None = None,
        status: int | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, error=error, status=status)
        self.lost = lost
        self.retry_after = retry_after


class InvalidGrant(ServiceError):
    """The service answered `invalid_grant` (RFC 6749 section 5.2): the code or refresh token is not valid."""

    code = "invalid_grant"


class ServiceUnreadable(ServiceError):
    """A response does not follow the protocol."""

    code = "service_unreadable"


class RevocationFailed(ServiceError):
    """An identity was deleted here, but the service did not revoke all of its tokens although it could."""

    code = "revocation_failed"


class AlertFailed(ServiceError):
    """An alert did not reach its command or webhook; the next run tries again."""

    code = "alert_failed"


class RejectedAlthoughNew(ServiceError):
    """An API rejected an access token right after it was issued, which another token would not cure."""

    code = "rejected_although_new"


class LifetimeTooShort(ServiceError):
    """The service issues no tokens with the lifetime that was asked for."""

    code = "lifetime_too_short"


class StoreError(EveryAuthError):
    """The store cannot be used."""

    exit_code = 6
    code = "store_error"


class StoreUnavailable(StoreError):
    """The store is missing, or does not respond in time."""

    code = "store_unavailable"


class StoreLocked(StoreError):
    """The store is locked."""

    code = "store_locked"


class StoreBusy(StoreError):
    """Another process holds a record's lock for too long."""

    code = "store_busy"


class SecretTooLarge(StoreError):
    """The secret is larger than the back end allows."""

    code = "secret_too_large"


class WrongKey(StoreError):
    """The record was sealed with a sealing key that is not among those given."""

    code = "wrong_key"


class RecordMoved(StoreError):
    """The record was moved to another store."""

    code = "record_moved"


def raised_anew(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function raise its errors from a frame that holds nothing, because its own holds a secret in clear.

    Crash reporters and debug pages show the local names of every frame in a traceback.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except EveryAuthError as error:
            failure = error.with_traceback(None)
        del args, kwargs
        raise failure from None

    return call
