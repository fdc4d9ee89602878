"""Every error that this package raises on purpose, one tree.

Exit code and stable code stand beside each; `cli` is the one place that shows them.

    EveryAuthError                1  error
    ├── UsageProblem              2  usage                a value or option that cannot be used
    │   ├── ConfigurationProblem  2  configuration        a file or variable that cannot be read or makes no sense
    │   │   └── HostChanged       2  host_changed         secrets would go to another host than they were set for
    │   ├── PortInUse             2  port_in_use          the redirect URI's port is taken
    │   ├── ClientNotSet          2  client_not_set       no client id (or secret) for the service yet
    │   └── ClientRejected        2  client_rejected      the service does not accept the client's credentials
    ├── NotFound                  3  not_found            nothing matches
    │   ├── ServiceNotFound       3  service_not_found    no such service in the catalogue
    │   └── Ambiguous             3  ambiguous            several identities match
    ├── LoginRequired             4  login_required       never logged in, or the grant is gone
    │   └── LoginFailed           4  login_failed         a login that ended without a credential
    │       ├── LoginDenied       4  login_denied         the person said no
    │       ├── LoginTimedOut     4  login_timed_out      nobody finished it in time
    │       └── OtherAccount      4  other_account        it came back as another account than before
    ├── ServiceError              5  service_error        the service said no, with an error of its own
    │   ├── ServiceUnreachable    5  service_unreachable  no answer, or "not now" (429, 5xx); trying later may help
    │   ├── InvalidGrant          5  invalid_grant        the code or the refresh token is not (or no longer) good
    │   ├── ServiceUnreadable     5  service_unreadable   an answer that is not what the protocol says
    │   ├── RevocationFailed      5  revocation_failed    deleted here, while tokens still stand at the service
    │   ├── AlertFailed           5  alert_failed         an alert did not reach its command or webhook
    │   ├── RejectedAlthoughNew   5  rejected_although_new  an API rejects tokens that were just issued
    │   └── LifetimeTooShort      5  lifetime_too_short   tokens of this service never live as long as was asked
    └── StoreError                6  store_error          the store cannot be used
        ├── StoreUnavailable      6  store_unavailable    missing, or it does not answer
        ├── StoreLocked           6  store_locked         there, but locked
        ├── StoreBusy             6  store_busy           another process holds a record's lock too long
        ├── SecretTooLarge        6  secret_too_large     more than the back end takes
        ├── WrongKey              6  wrong_key            sealed with another key
        └── RecordMoved           6  record_moved         it is in another store now
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self


class EveryAuthError(Exception):
    """Base of all errors of this package.

    `hint` says what to do next: a command to type where there is one.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

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
    """A secret would go to another host than the one that it was set for; nothing was sent."""

    code = "host_changed"


class PortInUse(UsageProblem):
    """The port of the redirect URI is taken by another process."""

    code = "port_in_use"


class ClientNotSet(UsageProblem):
    """The service has no client registration here yet."""

    code = "client_not_set"


class ClientRejected(UsageProblem):
    """The service answered `invalid_client` (RFC 6749 section 5.2)."""

    code = "client_rejected"


class NotFound(EveryAuthError):
    """Nothing matches what was asked for."""

    exit_code = 3
    code = "not_found"


class ServiceNotFound(NotFound):
    """The catalogue has no such service."""

    code = "service_not_found"


class Ambiguous(NotFound):
    """Several identities match where one is needed; `candidates` says of each id whose it is.

    The message lists the `command` that would have named each, `{}` standing for the id.
    """

    code = "ambiguous"

    def __init__(self, who: str, candidates: Mapping[str, str], *, command: str = "everyauth identity get {}") -> None:
        lines = [f"  {command.format(identity_id)}   ({about})" for identity_id, about in candidates.items()]
        super().__init__("\n".join([f"{len(candidates)} identities match {who}:", *lines]))
        self.who = who
        self.candidates = candidates


class LoginRequired(EveryAuthError):
    """Only a login helps: there was none, or what it granted is gone."""

    exit_code = 4
    code = "login_required"


class LoginFailed(LoginRequired):
    """A login ended without a credential."""

    code = "login_failed"


class LoginDenied(LoginFailed):
    """The person said no at the service."""

    code = "login_denied"


class LoginTimedOut(LoginFailed):
    """Nobody finished the login in time, or its code came too late to be redeemed."""

    code = "login_timed_out"


class OtherAccount(LoginFailed):
    """A login came back as another account than was held, as `difference` says; the old credential was kept."""

    code = "other_account"

    def __init__(self, difference: str, *, hint: str | None = None) -> None:
        super().__init__(f"{difference}; the old credential was kept", hint=hint)
        self.difference = difference


class ServiceError(EveryAuthError):
    """The service refused; `error` is its error code, in the standard's word where that is known, `status` HTTP's."""

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
    """No answer came, or one that says "not now" (429, 5xx): the same may work later.

    `lost` says that the request may have arrived without its answer coming back; `retry_after` is the service's own
    (RFC 9110 section 10.2.3), where it said one.
    """

    code = "service_unreachable"

    def __init__(
        self, message: str, *, lost: bool = False, status: int | None = None, retry_after: str | None = None
    ) -> None:
        super().__init__(message, hint="try again later", status=status)
        self.lost = lost
        self.retry_after = retry_after


class InvalidGrant(ServiceError):
    """The service answered `invalid_grant` (RFC 6749 section 5.2): the code or refresh token is not good."""

    code = "invalid_grant"


class ServiceUnreadable(ServiceError):
    """The answer is not what the protocol says it should be."""

    code = "service_unreadable"


class RevocationFailed(ServiceError):
    """An identity was deleted here, and the service has not revoked all of its tokens although it could."""

    code = "revocation_failed"


class AlertFailed(ServiceError):
    """An alert did not reach the command or webhook that it is for; it is tried again by the next run."""

    code = "alert_failed"


class RejectedAlthoughNew(ServiceError):
    """An API rejected an access token right after it was issued, which another token would not cure."""

    code = "rejected_although_new"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"the access token was rejected although {service} has just issued it; check its scopes",
            hint=f"everyauth service get {service}",
        )


class LifetimeTooShort(ServiceError):
    """The service never issues tokens that live as long as was asked for."""

    code = "lifetime_too_short"


class StoreError(EveryAuthError):
    """The store cannot be used."""

    exit_code = 6
    code = "store_error"


class StoreUnavailable(StoreError):
    """The store is missing, or does not answer in time."""

    code = "store_unavailable"


class StoreLocked(StoreError):
    """The store is there, and locked."""

    code = "store_locked"


class StoreBusy(StoreError):
    """Another process held a record's lock for longer than it should take."""

    code = "store_busy"


class SecretTooLarge(StoreError):
    """The secret is larger than the back end takes."""

    code = "secret_too_large"


class WrongKey(StoreError):
    """The record was sealed with a key that is not among those given."""

    code = "wrong_key"


class RecordMoved(StoreError):
    """The record was moved to another store, and only says so here."""

    code = "record_moved"
