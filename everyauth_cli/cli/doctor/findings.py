"""The findings of checks: a status, a message, and the command that helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark
from everyauth_cli.cli.suggestion import read_hint
from everyauth_cli.errors import EveryAuthError, LoginRequired, ServiceError, StoreError, UsageProblem

EXIT_CODES = tuple(each.exit_code for each in (UsageProblem, LoginRequired, ServiceError, StoreError))
"""The exit codes that a finding may have; `doctor` itself does not fail."""
SYSTEM_COMMAND = "chmod "
"""The start of a hint that is a command of the system's alone."""


class Status(StrEnum):
    """The statuses of a finding, as JSON has them."""

    ok = "ok"
    attention = "attention"
    failed = "failed"

    @property
    def mark(self) -> Mark:
        return Mark.done if self is Status.ok else Mark[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of a check; `exit_code` is 0 unless it has failed.

    Good findings with the same `together` are one line on a terminal: it has the place {} for their number. The
    fault of a server has who can mend it, and what we do meanwhile, both of which JSON has apart.
    """

    check: str
    status: Status
    message: str
    command: str = ""
    exit_code: int = 0
    together: str = ""
    mended_by: str = ""
    meanwhile: str = ""

    def as_json(self) -> dict[str, str]:
        shown = {"check": self.check, "status": self.status, "message": self.message, "command": self.command}
        return {**shown, "mendedBy": self.mended_by, "meanwhile": self.meanwhile} if self.mended_by else shown

    @property
    def sentences(self) -> str:
        """The message with all that belongs to it, for people."""
        by = f"; the operators of {self.mended_by} can mend it" if self.mended_by else ""
        return f"{self.message}{by}. Until then {self.meanwhile}" if self.meanwhile else f"{self.message}{by}"


def good(check: str, message: str, *, together: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(check=check, status=Status.ok, message=message, together=together)


def attention(check: str, message: str, *, command: str = "") -> Finding:
    """Return a finding that is good to know, and no failure."""
    return Finding(check=check, status=Status.attention, message=message, command=command)


def failure(session: Session, check: str, error: EveryAuthError, *, otherwise: int = UsageProblem.exit_code) -> Finding:
    """Return the finding for an error, with its hint; `otherwise` is the exit code if the error's is none of ours."""
    advice, command = read_hint(session.with_hint_completed(error).hint or "")
    if advice.startswith(SYSTEM_COMMAND):
        advice, command = "", advice
    code = error.exit_code if error.exit_code in EXIT_CODES else otherwise
    message = f"{error.message}; {advice}" if advice else error.message
    return Finding(check=check, status=Status.failed, message=message, command=command, exit_code=code)


def folded(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with those that belong together as one."""
    found: dict[str, list[Finding]] = {}
    for number, finding in enumerate(findings):
        is_one_of_many = finding.status is Status.ok and finding.together
        found.setdefault(finding.together if is_one_of_many else str(number), []).append(finding)
    return [
        first if not more else replace(first, message=first.together.format(len(more) + 1))
        for first, *more in found.values()
    ]
