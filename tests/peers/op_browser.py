"""Plays the person at the pages of `oidc-provider.mjs`, over HTTP; as a command it can be `BROWSER`."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from html.parser import HTMLParser
from pathlib import Path

import httpx

# The result page comes only after the code is redeemed and the token stored.
SECONDS = 60.0


class Form(HTMLParser):
    """The fields of a page's form, and its ticked boxes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: set[str] = set()
        self.ticked: list[str] = []
        self.hidden: dict[str, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in {"input", "button"} and (name := attributes.get("name")):
            self.fields.add(name)
            if attributes.get("type") == "hidden":
                self.hidden[name] = attributes.get("value") or ""
            if "checked" in attributes:
                self.ticked.append(attributes["value"] or "")

    @property
    def asks(self) -> bool:
        """Whether there is something to fill in; who is not allowed on is asked for another device's code."""
        return bool(self.fields) and ("xsrf" not in self.fields or "user_code" in self.hidden)

    def fill(self, *, user: str, allow: bool, drop_scopes: Collection[str]) -> dict[str, str | list[str]]:
        if "xsrf" in self.fields:
            return {**self.hidden}
        if "login" in self.fields:
            return {"login": user}
        scopes = [scope for scope in self.ticked if scope not in drop_scopes]
        return {"scope": scopes, "answer": "allow" if allow else "deny"}


def play(url: str, *, user: str = "alice", allow: bool = True, drop_scopes: Collection[str] = ()) -> str:
    """Open `url`, log in as `user`, allow (all but `drop_scopes`) or deny, and return the last page's text."""
    # Without trust_env no proxy is used between two loopback addresses.
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=SECONDS) as browser:
        page = browser.get(url)
        provider = page.url.netloc
        while page.url.netloc == provider and (form := Form(page.text)).asks:
            page = browser.post(page.url, data=form.fill(user=user, allow=allow, drop_scopes=drop_scopes))
        return page.text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--user", default="alice")
    parser.add_argument("--deny", action="store_true")
    parser.add_argument("--drop", action="append", default=[], metavar="SCOPE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="where to write the last page")
    options = parser.parse_args()
    page = play(options.url, user=options.user, allow=not options.deny, drop_scopes=options.drop)
    # Not to standard output, which a browser shares with the program that opened it.
    if options.page:
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
