"""The whole examination: which checks run, in which order their findings are shown, and the identities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from everyauth_cli.cli.doctor import machine
from everyauth_cli.cli.doctor.findings import Finding, failure, good
from everyauth_cli.cli.doctor.running import Check, run_checks
from everyauth_cli.cli.doctor.services import Services
from everyauth_cli.cli.identity_state import needs_login, state
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.progress import progress
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginRequired, ServiceUnreachable, StoreError
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_again, user_of_tenant
from everyauth_cli.services import EXAMPLE
from everyauth_cli.store.identities import key_of

MACHINE_SECONDS, SERVICES_SECONDS = 12.0, 15.0


def examine(session: Session, *, clock: Callable[[], int] = now_ms) -> list[Finding]:
    """Run all checks and return what they find; `clock` gives milliseconds since the epoch."""
    machine_checks = [
        Check(name="browser", run=lambda: machine.browser(read_surroundings())),
        Check(name="certificates", run=machine.certificates, exit_code=ServiceUnreachable.exit_code),
    ]
    try:
        # An examination opens no window that asks for a password.
        settings = session.settings = replace(session.settings, local_display=False)
    except EveryAuthError as error:
        found = [failure(session, "settings", error)]
        return found + run_checks(session, machine_checks, seconds=MACHINE_SECONDS)
    services, names = Services(session=session, clock=clock), list[str]()

    def known() -> Iterator[Finding]:
        names.extend(services.names())
        if not names:
            yield good("service", "none is set up; everyauth init sets one up")

    store_checks = [
        Check(name="store", run=lambda: machine.store(settings), exit_code=StoreError.exit_code),
        Check(name="permissions", run=lambda: machine.files(settings)),
    ]
    with progress(session.terminal, "Looking", lambda: None) as advance:
        found = run_checks(
            session,
            [*store_checks, *machine_checks, Check(name="service", run=known, exit_code=StoreError.exit_code)],
            seconds=MACHINE_SECONDS,
            advance=advance,
        )
        found += run_checks(
            session,
            [
                Check(name="proxy", run=lambda: machine.proxies(session, services.urls(names or [EXAMPLE]))),
                Check(name="port", run=lambda: services.ports(names or [EXAMPLE])),
                *map(services.check, names),
                Check(name="identity", run=lambda: _identities(session, clock()), exit_code=StoreError.exit_code),
            ],
            seconds=SERVICES_SECONDS,
            advance=advance,
        )
    return _without_repeats([*found, services.clock_finding()])


def _without_repeats(findings: list[Finding]) -> list[Finding]:
    """Return each finding once: a store that is down is found by several checks."""
    return list({(each.status, each.message): each for each in reversed(findings)}.values())[::-1]


def _identities(session: Session, now: int) -> Iterator[Finding]:
    for identity in session.auth.find():
        _, words = state(identity, now=now)
        who = f"{identity.service} {user_of_tenant(identity.user, identity.tenant, quotes=('', ''))}"
        if needs_login(identity, now=now):
            key = key_of(session.settings.profile, identity)
            hint = login_again(key, identity.repeated)
            yield failure(session, "identity", LoginRequired(f"{who}: {words}", hint=hint))
        else:
            yield good("identity", f"{who}: {words}", together="{} identities need no login")
