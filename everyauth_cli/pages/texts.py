"""The texts of the pages of a web app, which may replace each of them, in another language too."""

from __future__ import annotations

import difflib
import string
from collections.abc import Mapping
from types import MappingProxyType

from everyauth_cli.errors import UsageProblem

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        # The list. {time} is when the account was connected, in the visitor's language and time zone.
        "connected": "Connected {time}",
        "not_connected": "Not connected",
        "login_required": "Needs to be connected again",
        "no_longer_works": "No longer works",
        "account_unknown": "Account unknown",
        "scopes": "Permissions ({count})",
        "connect": "Connect",
        "disconnect": "Disconnect",
        "empty": "There is nothing to connect here.",
        # The page that is shown while the browser goes to the service.
        "leaving": "Taking you to {service} …",
        "leaving_link": "Continue if nothing happens",
        # The question before a disconnection, and what ends with it.
        "ask_title": "Disconnect {service}?",
        "ask_text": "This app can then no longer use this account at {service}.",
        "ask_revoked": "{service} is asked to end the access that you granted.",
        "ask_not_revoked": "{service} cannot be asked to end the access that you granted: "
        "afterwards, remove this app in your settings at {service} too.",
        "ask_others": "Disconnecting also ends every other connection of this app to the same account.",
        "cancel": "Cancel",
        # The notices about the last thing that the user did.
        "done_connected": "{service} is connected.",
        "not_done": "{service} was not connected. You can try again.",
        "not_done_service": "The service",
        "not_done_other_account": "{service} was not connected: you signed in there with another account than the "
        "connected one, which was kept. To connect another account, disconnect this one first.",
        "done_revoked": "{service} is disconnected: it revoked the access that you had granted.",
        "done_nothing_left": "{service} is disconnected: no access was left to revoke.",
        "done_partly": "{service} is disconnected here, but {service} did not revoke all that you had granted. "
        "To be sure, remove this app in your settings at {service}.",
        "done_not_revoked": "{service} is disconnected here, but {service} cannot revoke what you had granted. "
        "To be sure, remove this app in your settings at {service}.",
        "done_ends_at": "The access that it has now ends at {time}.",
        "not_disconnected": "{service} was not disconnected: the app cannot do this now, and its log has the reason.",
        # The pages in place of the list or of a login.
        "sign_in_title": "Sign in first",
        "sign_in_text": "This app does not know who you are. Sign in, then come back.",
        "sign_in": "Sign in",
        "reload_title": "Load the page again",
        "reload_text": "This form is too old, or it was made for another user. Nothing was changed.",
        "reload": "Load it again",
        "unavailable_title": "This is not possible now",
        "unavailable_text": "The app cannot read its connections; its log has the reason. Try again later.",
        # The pages that end a login.
        "background_title": "Open this page yourself",
        "background_text": "A browser or a script loaded it ahead of you or in the background, so nothing was started "
        "or finished.",
        "signed_out_title": "Sign in first",
        "signed_out_text": "You are no longer signed in to this app, so the login cannot be finished. Nothing was "
        "stored.",
        "not_found_title": "This login was not started here",
        "not_found_text": "This browser did not start this login, or it is finished already, or it is more than ten "
        "minutes old. Nothing was stored.",
        "expired_title": "The login took too long",
        "expired_text": "It was started more than ten minutes ago. Nothing was stored.",
        "finished_title": "This login is finished already",
        "finished_text": "Its code was used before, and it can be used only once.",
        "other_user_title": "Another user started this login",
        "other_user_text": "You are signed in to this app as another user than the one who started it. Nothing was "
        "stored.",
        "start_again": "Start again",
    }
)


def replaced(own: Mapping[str, str]) -> Mapping[str, str]:
    """Return the texts with an app's own; raises `UsageProblem` for an unknown name or placeholder."""
    for name, text in own.items():
        if name not in TEXTS:
            near = difflib.get_close_matches(name, TEXTS, 1)
            raise UsageProblem(f"texts has no {name!r}", hint=f"the names are {', '.join(near or TEXTS)}")
        if unknown := _placeholders(name, text) - _placeholders(name, TEXTS[name]):
            raise UsageProblem(f"texts[{name!r}] has an unknown placeholder: {', '.join(sorted(unknown))}")
    return {**TEXTS, **own}


def _placeholders(name: str, text: str) -> set[str]:
    try:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError as error:
        raise UsageProblem(f"texts[{name!r}] cannot be used: {error}", hint="write a brace as {{ or }}") from None
