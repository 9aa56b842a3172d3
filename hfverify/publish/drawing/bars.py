"""Counts as one bar: how much of the whole each part is.

Reads   counts in order of trust
Gives   bar: the picture on a page, with its words
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Mapping

from hfverify.publish.drawing.svg import Drawing, picture
from hfverify.publish.rst import Lines

WIDTH = 640
HEIGHT = 18
LEAST = 3


def bar(counts: Mapping[str, int], title: str) -> Lines:
    """One piece for each count that is not zero, at least as wide as can be seen."""
    total = sum(counts.values())
    if not total:
        return []
    drawing = Drawing(WIDTH, HEIGHT + 4)
    shown = {name: count for name, count in counts.items() if count}
    room = WIDTH - 4 - LEAST * len(shown)
    x = 2
    for name, count in shown.items():
        width = LEAST + room * count // total
        drawing.parts.append(f'<rect class="hf-bar hf-{name}" x="{x}" y="2" width="{width}" height="{HEIGHT}"/>')
        x += width
    return picture(drawing, ", ".join(f"{count} {name}" for name, count in shown.items()), title)
