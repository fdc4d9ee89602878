"""Draws a bar for each figure, as an SVG that is readable on light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

ROW, LEFT, WIDTH, RIGHT = 26, 260, 420, 90
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
rect { fill: #8c959f } .ours { fill: #0969da }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #6e7681 } .ours { fill: #4493f8 } }"""


def picture(title: str, figures: Mapping[str, float], *, ours: str) -> str:
    """Draw the figures, in milliseconds, in their order; names that begin with `ours` are highlighted."""
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{ROW * (len(figures) + 1) + 10}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">']
    lines += [f"<style>{STYLE}</style>", f'<text x="10" y="18">{escape(title)}</text>', *_bars(figures, ours), "</svg>"]
    return "\n".join(lines) + "\n"


def _bars(figures: Mapping[str, float], ours: str) -> Iterator[str]:
    scale = WIDTH / max(figures.values())
    for row, (name, figure) in enumerate(figures.items(), 1):
        top, width = row * ROW, figure * scale
        kind = ' class="ours"' if name.startswith(ours) else ""
        yield f'<text x="{LEFT - 8}" y="{top + 18}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect{kind} x="{LEFT}" y="{top + 5}" width="{width:.1f}" height="{ROW - 8}" rx="2"/>'
        yield f'<text x="{LEFT + width + 8:.1f}" y="{top + 18}">{figure:.0f} ms</text>'
