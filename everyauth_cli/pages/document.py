"""The one HTML shell of every page that a browser is shown."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

from everyauth_cli.urls import origin

STYLE = """
:root { color-scheme: light dark; --page: #f3f4f7; --card: #fff; --line: #d9dce3; --text: #1b1f27; --soft: #565d6b;
  --accent: #2451c7; --accent-text: #fff; --good: #14713d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --page: #12151b; --card: #1c2028; --line: #363c48; --text: #eceef3;
  --soft: #a9b0be; --accent: #8db0ff; --accent-text: #0c1733; --good: #6fd69a; --bad: #ff9c94; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; padding: min(1rem, 4vw); display: grid; place-items: center;
  background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; min-width: 0; padding: min(2rem, 6vw); background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 .5rem 2rem rgb(0 0 0 / 8%);
  overflow-wrap: anywhere; }
.mark { display: block; width: 3rem; height: 3rem; margin-bottom: 1.25rem; color: var(--accent); }
.mark.good { color: var(--good); }
.mark.bad { color: var(--bad); }
h1 { margin: 0 0 .5rem; font-size: clamp(1.25rem, 6.5vw, 1.5rem); font-weight: 650; line-height: 1.25;
  text-wrap: balance; }
p { margin: 0 0 1rem; text-wrap: pretty; }
.detail { color: var(--soft); font-size: .875rem; }
.next { margin-top: 1.25rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.next p { margin-bottom: .75rem; }
a { color: var(--accent); }
pre { margin: 0 0 .5rem; padding: .625rem min(.875rem, 4vw); border: 1px solid var(--line); border-radius: .5rem;
  background: var(--page); font: .875rem/1.5 ui-monospace, monospace; white-space: pre-wrap; user-select: all; }
pre span { display: inline-block; max-width: 100%; }
main > :last-child, .next > :last-child { margin-bottom: 0; }
ul { margin: 0 0 1.25rem; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; }
li { padding: .125rem .625rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--page);
  font: .875rem/1.5 ui-monospace, monospace; }
label { display: block; margin-bottom: 1.25rem; color: var(--soft); font-size: .875rem; }
input { display: block; width: 100%; margin-top: .25rem; }
input, button { min-height: 2.75rem; padding: .5rem .875rem; border: 1px solid var(--soft); border-radius: .5rem;
  background: var(--card); color: var(--text); font: inherit; font-size: 1rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; }
button { flex: 1 1 7rem; font-weight: 600; cursor: pointer; }
button:first-child { border-color: var(--accent); background: var(--accent); color: var(--accent-text); }
button:hover { filter: brightness(.94); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""

# The authorization code must not stay in the address bar and the history (RFC 9700 section 4.3.1).
SCRIPT = 'history.replaceState(null, "", location.pathname)'

_CHECK = '<path d="M14 24.5l7 7 13-15"/>'
_CROSS = '<path d="M17 17l14 14M31 17L17 31"/>'
_KEY = '<circle cx="18" cy="24" r="5"/><path d="M23 24h12v5M30 24v4"/>'


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a page looks: a style of our own, or the style sheet at a URL in its place."""

    style: str = STYLE
    stylesheet: str | None = None

    @property
    def policy(self) -> list[str]:
        """What its style may load; a style sheet its host's fonts and images too, and nothing from any other."""
        if self.stylesheet is None:
            return [f"style-src {_source(self.style)}"]
        return [f"{kind}-src {origin(self.stylesheet)}" for kind in ("style", "font", "img")]

    @property
    def element(self) -> str:
        if self.stylesheet is None:
            return f"<style>{self.style}</style>"
        return f'<link rel="stylesheet" href="{escape(self.stylesheet)}">'


OURS = Look()


def headers(
    form_targets: Sequence[str] = (), *, look: Look = OURS, referrer_policy: str = "no-referrer"
) -> dict[str, str]:
    """The headers of a page; `form_targets` are the URLs that the answer to its form may redirect to.

    Browsers apply `form-action` to the redirects after a form's POST too (CSP 3 section 6.4.1), so a
    consent page has to name the redirect URI. Without targets the page has no form.
    """
    form_action = " ".join(["'self'", *map(origin, form_targets)]) if form_targets else "'none'"
    policy = [
        "default-src 'none'",
        *look.policy,
        f"script-src {_source(SCRIPT)}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"form-action {form_action}",
    ]
    return {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": "; ".join(policy),
        "referrer-policy": referrer_policy,
        "x-content-type-options": "nosniff",
    }


HEADERS: Mapping[str, str] = MappingProxyType(headers())


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How something ended; every field is plain text.

    `detail` is what was said word for word, `next_step` the way on, `command` what to type there, a line each, and
    `link` a URL that leads there, with its words.
    """

    good: bool
    title: str
    text: str
    detail: str = ""
    next_step: str = ""
    command: str = ""
    link: tuple[str, str] | None = None


def result_page(result: Result) -> str:
    """The page that tells a result."""
    mark = _mark("good", _CHECK) if result.good else _mark("bad", _CROSS)
    detail = f'<p class="detail">{escape(result.detail)}</p>\n' if result.detail else ""
    content = f"{mark}<h1>{escape(result.title)}</h1>\n<p>{escape(result.text)}</p>\n{detail}{_next(result)}"
    return _shell(result.title, f"<main>\n{content}</main>\n<script>{SCRIPT}</script>")


def _next(result: Result) -> str:
    words = f"<p>{escape(result.next_step)}</p>\n" if result.next_step else ""
    commands = "".join(map(_command, result.command.splitlines()))
    link = '<p><a href="{}">{}</a></p>\n'.format(*map(escape, result.link)) if result.link else ""
    return f'<div class="next">\n{words}{commands}{link}</div>\n' if words or commands or link else ""


def _command(line: str) -> str:
    # Browsers break a line after any hyphen, which splits `--user`; each word is kept whole if it fits a line.
    return f"<pre>{' '.join(f'<span>{escape(word)}</span>' for word in line.split(' '))}</pre>\n"


def form_page(
    *,
    title: str,
    text: str,
    items: Sequence[str],
    fields: Mapping[str, str],
    inputs: Sequence[tuple[str, str, str]],
    buttons: Sequence[tuple[str, str, str]],
) -> str:
    """A question with a form that is posted to the page's own URL; every argument is plain text.

    `fields` are hidden; `inputs` are (name, label, value); `buttons` are (name, value, label), the first
    one being what the Enter key means.
    """
    entries = "".join(f"<li>{escape(item)}</li>\n" for item in items)
    form = "".join(
        [
            *(
                f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'
                for name, value in fields.items()
            ),
            *(_input(name, label, value) for name, label, value in inputs),
            '<div class="buttons">\n',
            *(_button(name, value, label) for name, value, label in buttons),
            "</div>\n",
        ],
    )
    listed = f"<ul>\n{entries}</ul>\n" if items else ""
    heading = f"{_mark('ask', _KEY)}<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>\n"
    return _shell(title, f'<main>\n{heading}{listed}<form method="post">\n{form}</form>\n</main>')


def _input(name: str, label: str, value: str) -> str:
    field = f'<input name="{escape(name)}" value="{escape(value)}" autocomplete="off" autocapitalize="none" required>'
    return f"<label>{escape(label)} {field}</label>\n"


def _button(name: str, value: str, label: str) -> str:
    return f'<button name="{escape(name)}" value="{escape(value)}">{escape(label)}</button>\n'


def _mark(kind: str, path: str) -> str:
    return (
        f'<svg class="mark {kind}" aria-hidden="true" width="48" height="48" viewBox="0 0 48 48" fill="none" '
        'stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">'
        f'<circle cx="24" cy="24" r="24" fill="currentColor" fill-opacity=".12" stroke="none"/>{path}</svg>\n'
    )


def shell(title: str, body: str, *, look: Look = OURS) -> str:
    """A page around its body, which is HTML; the title is plain text."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
{look.element}
</head>
<body>
{body}
</body>
</html>
"""


def _shell(title: str, body: str) -> str:
    return shell(f"{title} · everyauth", body)
