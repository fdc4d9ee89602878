"""Runs one login: after another one for the same identity, with a browser, by a code, or without a person."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from everyauth_cli.cli.login.browser import BrowserChoice, choose_browser
from everyauth_cli.cli.login.by_device import begin_by_device, has_no_codes, log_in_by_device
from everyauth_cli.cli.login.by_grant import log_in_by_grant
from everyauth_cli.cli.login.by_redirect import log_in_by_redirect
from everyauth_cli.cli.login.choice import choose_method
from everyauth_cli.cli.login.keeping import LoginOptions, report
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginTimedOut, StoreBusy
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.model import Identity
from everyauth_cli.oauth.token_endpoint import missing_scopes
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import is_url


def run_login(session: Session, options: LoginOptions) -> None:
    """Log a user in, or take the login that another command has just ended with. Raises `LoginFailed` and others."""
    session.auth.store.probe()
    # The stored credential is read when the login comes back: a failure is better known before the browser opens.
    session.auth.holds(options.service.name, user=options.user, tenant=options.tenant)
    options = _with_key(session, _with_resource(session, options))
    with ExitStack() as locks:
        identity = _wait_for_other_login(session, options, locks)
        if identity is not None:
            report(session, options, identity)
        elif options.grant is not None:
            log_in_by_grant(session, options, options.grant)
        else:
            _log_in_person(session, options)


def _log_in_person(session: Session, options: LoginOptions) -> None:
    """Log a user in by the method that fits; where no option demands a code that is refused, it goes on without."""
    browser = BrowserChoice() if options.no_browser else choose_browser(read_surroundings())
    choice = choose_method(
        options.service, options.client, browser, demanded=options.device, no_browser=options.no_browser
    )
    if choice.device:
        try:
            pending = begin_by_device(session, options)
        except EveryAuthError as error:
            if options.device or not has_no_codes(error):
                raise
            session.terminal.info(f"{error.message}; so log in without a code.")
        else:
            log_in_by_device(session, options, pending, reason=choice.reason)
            return
    log_in_by_redirect(session, options, browser)


def _with_resource(session: Session, options: LoginOptions) -> LoginOptions:
    """Return the options with the resource of the stored login, unless another is given; at a URL it is the server's.

    The commands that errors suggest name none.
    """
    name = options.service.name
    if options.resource is not None or is_url(name):
        return options
    stored = session.auth.find(service=name, user=options.user, tenant=options.tenant)
    if not (resource := next((identity.resource for identity in stored), "")):
        return options
    session.terminal.info(f"Requesting tokens for {printable(resource)}, as before (--resource '' requests none).")
    return replace(options, resource=resource)


def _with_key(session: Session, options: LoginOptions) -> LoginOptions:
    """Return the options with --dpop where the stored login has it: another one would lose the protection unseen."""
    name = options.service.name
    if options.dpop or options.service.dpop.bound_access_tokens:
        return options
    stored = session.auth.find(service=name, user=options.user, tenant=options.tenant)
    if not any(identity.jkt for identity in stored):
        return options
    session.terminal.info("Binding the tokens to a key (DPoP), as before; after a logout they are bound to none.")
    return replace(options, dpop=True)


def _wait_for_other_login(session: Session, options: LoginOptions, locks: ExitStack) -> Identity | None:
    """Take the login lock; return the identity if another login has stored it while this one waited."""
    auth, name, user = session.auth, options.service.name, user_of_tenant(options.user, options.tenant)
    lock = functools.partial(auth.login_lock, name, user=options.user, tenant=options.tenant)
    before = options.before
    if before is None:
        before = auth.find(service=name, user=options.user, tenant=options.tenant)
    try:
        locks.enter_context(lock(timeout=0))
    except StoreBusy:
        session.terminal.info(f"Waiting for another login of user {user} at {name} to finish ...")
        session.terminal.event("waiting", **{"for": "login"}, seconds=options.patience)
    else:
        return _new_identity(session, options, before) if options.before is not None else None
    try:
        locks.enter_context(lock(timeout=options.patience))
    except StoreBusy:
        raise LoginTimedOut(
            f"another login of user {user} at {name} did not finish within {options.patience:g} s",
            hint="finish it in its browser, or stop it with Ctrl-C",
        ) from None
    return _new_identity(session, options, before)


def _new_identity(session: Session, options: LoginOptions, before: Sequence[Identity]) -> Identity | None:
    """Return the identity that another login has stored since, if it is all that this one would have."""
    name = options.service.name
    after = session.auth.find(service=name, user=options.user, tenant=options.tenant, tags=options.tags)
    return after[0] if after and _is_enough(after[0], options, before) else None


def _is_enough(identity: Identity, options: LoginOptions, before: Sequence[Identity]) -> bool:
    """Whether another login, and not a mere refresh, has just stored an identity with all that this one would have.

    A grant without a person is run again at no one's cost, and may be for another subject than the one before.
    """
    needs_person = options.grant is None and identity.repeated is None
    is_new = identity.granted_at not in [old.granted_at for old in before]
    missing = missing_scopes(options.service, options.scope, identity.scope, refreshable=identity.refreshable)
    is_same_resource = is_url(identity.service) or identity.resource == (options.resource or "")
    return (
        is_new
        and needs_person
        and is_same_resource
        and bool(identity.jkt) is (options.dpop or options.service.dpop.bound_access_tokens)
        and identity.login_required is None
        and not missing
        and not options.replace
    )
