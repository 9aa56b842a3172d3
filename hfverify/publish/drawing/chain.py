"""The order of the locks: a chain of boxes, those that matter marked.

Reads   names in their order
Gives   chain: the picture and its words
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hfverify.publish.drawing.svg import Drawing, width_of

HEIGHT = 30
GAP = 34
PAD = 12


def chain(names: Sequence[str], marked: Collection[str]) -> tuple[Drawing, str]:
    """Boxes from left to right; who holds one may take those further to the right."""
    widths = [width_of(name) + 2 * PAD for name in names]
    drawing = Drawing(sum(widths) + GAP * (len(names) - 1) + 4, HEIGHT + 4)
    x = 2
    for index, (name, width) in enumerate(zip(names, widths, strict=True)):
        chosen = name in marked
        drawing.box(x, 2, width, HEIGHT, "hf-box hf-chosen" if chosen else "hf-box hf-faint")
        drawing.text(x + width // 2, 2 + HEIGHT // 2 + 5, name, "hf-strong" if chosen else "hf-weak", "middle")
        x += width
        if index + 1 < len(names):
            drawing.arrow(x + 4, 2 + HEIGHT // 2, x + GAP - 4, 2 + HEIGHT // 2)
            x += GAP
    words = " → ".join(f"[{name}]" if name in marked else name for name in names)
    return drawing, words
