"""Reads a QR code off a terminal with an independent decoder, as a camera does."""

from __future__ import annotations

from collections.abc import Sequence

import zxingcpp

PIXELS = 4
"""Pixels for each module."""
MARGIN = 4
MODULES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def read_qr_code(lines: Sequence[str], *, around: int) -> list[str]:
    """Return the texts of the codes in lines that a terminal paints black on white; its own background is a grey."""
    return [found.text for found in zxingcpp.read_barcodes(_image(lines, around=around), try_invert=False)]


def _image(lines: Sequence[str], *, around: int) -> memoryview:
    rows = [row for line in lines for row in zip(*map(MODULES.__getitem__, line), strict=True)]
    width, height = len(rows[0]) + 2 * MARGIN, len(rows) + 2 * MARGIN
    grey = [[around] * width for _ in range(height)]
    for y, row in enumerate(rows, MARGIN):
        grey[y][MARGIN:-MARGIN] = [0 if dark else 255 for dark in row]
    pixels = bytes(value for row in grey for _ in range(PIXELS) for value in row for _ in range(PIXELS))
    return memoryview(pixels).cast("B", (height * PIXELS, width * PIXELS))
