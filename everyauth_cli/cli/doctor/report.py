"""Shows what an examination finds."""

from __future__ import annotations

from everyauth_cli.cli.doctor.examination import examine
from everyauth_cli.cli.doctor.findings import Finding, Status, folded
from everyauth_cli.cli.doctor.server import examine_url
from everyauth_cli.cli.session import Session


def report(session: Session, url: str | None) -> int:
    """Examine this machine, or the server at a URL, show the findings, and return the highest exit code of them."""
    findings, terminal = examine_url(session, url) if url else examine(session), session.terminal
    code = max((finding.exit_code for finding in findings), default=0)
    if terminal.quiet:
        # A timer's mail is empty when all is well.
        findings = [finding for finding in findings if finding.status is not Status.ok]
    if terminal.as_json:
        terminal.json({"findings": [finding.as_json() for finding in findings]})
    elif terminal.is_table:
        _draw(session, folded(findings))
    else:
        terminal.rows([], ([one.status, one.check, one.sentences, one.command] for one in findings))
    return code


def _draw(session: Session, findings: list[Finding]) -> None:
    width = max((len(finding.check) for finding in findings), default=0) + 2
    for finding in findings:
        session.terminal.verdict(finding.status.mark, finding.sentences, label=f"{finding.check:<{width}}")
        if finding.command:
            session.terminal.command(finding.command)
