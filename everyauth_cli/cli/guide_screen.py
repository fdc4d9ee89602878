"""Shows the guide to a service: how to set it up, and what is good to know of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from everyauth_cli.cli.service_guide import Guide
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Style
from everyauth_cli.flows.client_keys import file_command, takes_file
from everyauth_cli.flows.hints import login_command
from everyauth_cli.model import DEFAULT_USER

LABEL = 15
STEP = "     "
"""The indentation of what belongs to a step."""
REDIRECT_STEPS = tuple(
    re.compile(text, re.IGNORECASE) for text in (r"\bthe redirect uri\b", r"(?<!no )(?:redirect|callback) ur[il]")
)
"""Find the step that needs the redirect URI; the second finds it in a file of the user's, which may call it so."""
SCOPE_STEP = re.compile(r"\bscopes?\b", re.IGNORECASE)


def show_guide(session: Session, guide: Guide, *, long: bool) -> None:
    """Print a guide; with `long`, with all settings, endpoints and sources.

    In a pipe, where scripts read it, the redirect URI is alone on the last line.
    """
    terminal, service = session.terminal, guide.service
    state = "set up" if guide.is_set_up else "not set up"
    terminal.heading(f"{service.title} \N{MIDDLE DOT} {state}", about=service.docs)
    if attention := guide.attention():
        terminal.prose(f"! {attention}")
    _section(session, "Set it up")
    _show_steps(session, guide)
    terminal.data("")
    terminal.command(_next_command(session, guide))
    if commands := guide.without_browser():
        _section(session, "Without a browser")
        for command in commands:
            terminal.command(session.suggestion(command))
    _show_section(session, "Good to know", (("  \N{MIDDLE DOT} ", text) for text in guide.expectations()))
    if long:
        _show_section(session, "Settings", _labelled(guide.settings()))
        _show_section(session, "Endpoints and sources", _labelled(guide.facts()))
    else:
        terminal.data("")
        terminal.data("Endpoints, sources and all settings:")
        terminal.command(session.suggestion(f"everyauth service get {shlex.quote(service.name)} --long"))
    if guide.redirects and not terminal.is_table:
        terminal.data("")
        terminal.data("Redirect URI:" if guide.uri_is_registered else "Redirect URI (it need not be registered):")
        terminal.data(guide.uri)


def _show_steps(session: Session, guide: Guide) -> None:
    terminal, steps = session.terminal, guide.registration
    at_redirect, at_scopes = _first(steps, *REDIRECT_STEPS), _first(steps, SCOPE_STEP)
    scopes = f"Scopes requested by default: {', '.join(_scopes(guide)) or 'no scopes'}"
    if guide.needs_scope:
        scopes = f"A login has to request scopes: everyauth service set {guide.service.name} --scope SCOPES"
    last = len(steps) - 1
    for number, step in enumerate(steps):
        terminal.paragraph(f"{number + 1:3}. ", step)
        if number == at_scopes:
            terminal.paragraph(STEP, scopes)
        if number == at_redirect:
            _show_uri(session, guide, is_last=number == last and at_scopes is not None)
    if at_redirect is None and guide.uri_is_registered:
        terminal.paragraph(STEP, "The redirect URI to enter there:")
        _show_uri(session, guide, is_last=at_scopes is not None)
    if at_scopes is None:
        terminal.paragraph(STEP, scopes)


def _show_uri(session: Session, guide: Guide, *, is_last: bool) -> None:
    for line in ("", f"{STEP}  {guide.uri}", *([] if is_last else [""])):
        session.terminal.data(line)


def _scopes(guide: Guide) -> list[str]:
    separator = guide.service.scope_separator
    return [scope for scope in guide.scope.split(separator) if scope]


def _first(steps: Sequence[str], *patterns: re.Pattern[str]) -> int | None:
    """Return the number of the first step in which the first of the patterns is, else the next one."""
    found = (number for pattern in patterns for number, step in enumerate(steps) if pattern.search(step))
    return next(found, None)


def _next_command(session: Session, guide: Guide) -> str:
    name = guide.service.name
    if guide.is_set_up:
        return login_command(name, user=DEFAULT_USER, profile=session.profile_to_name)
    if takes_file(guide.service):
        return session.suggestion(file_command(guide.service))
    return session.suggestion(f"everyauth init {shlex.quote(name)}")


def _section(session: Session, title: str) -> None:
    session.terminal.data("")
    session.terminal.data(title.upper(), style=Style.heading)


def _show_section(session: Session, title: str, paragraphs: Iterator[tuple[str, str]]) -> None:
    """Print a section of paragraphs, each with its start; an empty one is left out."""
    known = list(paragraphs)
    if known:
        _section(session, title)
    for start, text in known:
        session.terminal.paragraph(start, text)


def _labelled(facts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for label, value in facts.items():
        yield f"  {label + ' ':<{LABEL}}", value
