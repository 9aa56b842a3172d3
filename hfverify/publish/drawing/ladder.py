"""A state machine as a ladder: a line for each state, a rung for each case that leads from one to another.

Reads   names of the states, Step
Gives   ladder: the picture and its words. Nothing crosses, however many cases there are
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hfverify.publish.drawing.svg import Drawing, width_of

HEAD = 28
ROW = 24
PAD = 12


@dataclass(frozen=True, slots=True)
class Step:
    """A case: from any of some states to one."""

    name: str
    before: frozenset[str]
    after: str


def ladder(states: Sequence[str], steps: Sequence[Step]) -> tuple[Drawing, str]:
    """States from left to right; a disc where a case may begin, an arrow head where it ends."""
    label = max(width_of(step.name) for step in steps) + 2 * PAD
    places: dict[str, int] = {}
    x = label
    for state in states:
        width = width_of(state) + 2 * PAD
        places[state] = x + width // 2
        x += width + PAD
    height = HEAD + ROW * (len(steps) + 1)
    drawing = Drawing(x + 4, height + 4)
    for state, place in places.items():
        width = width_of(state) + 2 * PAD
        drawing.line(place, HEAD, place, height, "hf-lane")
        drawing.box(place - width // 2, 2, width, HEAD - 2)
        drawing.text(place, HEAD - 8, state, "hf-strong", "middle")
    words = []
    for row, step in enumerate(steps):
        y = HEAD + ROW * (row + 1)
        drawing.text(label - PAD, y + 4, step.name, "", "end")
        _rung(drawing, places, step, y)
        words.append(f"{' or '.join(s for s in states if s in step.before)} → {step.after}: {step.name}")
    return drawing, "\n".join(words)


def _rung(drawing: Drawing, places: dict[str, int], step: Step, y: int) -> None:
    target = places[step.after]
    starts = sorted(places[state] for state in step.before)
    style = "hf-line hf-faint" if len(starts) == len(places) else "hf-line"
    for start in starts:
        drawing.dot(start, y, "hf-dot hf-faint" if len(starts) == len(places) else "hf-dot")
    left = [start for start in starts if start < target]
    right = [start for start in starts if start > target]
    if left:
        drawing.arrow(left[0], y, target - 4 * (target in starts), y, style)
    if right:
        drawing.arrow(right[-1], y, target + 4 * (target in starts), y, style)
