"""The parts of which pictures are made.

Reads   positions and texts
Gives   elements of SVG; picture, which puts one on a page with its text alternative
Refuses nothing
"""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass, field

from hfverify.publish.rst import Lines, directive, escaped

LETTER = 7.3
LINE = 20


def width_of(text: str) -> int:
    """How wide a text is in the font of code, about."""
    return round(len(text) * LETTER)


@dataclass(slots=True)
class Drawing:
    """Elements in the order in which they are painted."""

    width: int
    height: int
    parts: list[str] = field(default_factory=list)

    def box(self, x: int, y: int, width: int, height: int, style: str = "hf-box") -> None:
        """A box with round corners."""
        self.parts.append(f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>')

    def text(self, x: int, y: int, text: str, style: str = "", anchor: str = "") -> None:
        """A text whose baseline is at `y`; it begins at `x`, unless that is its middle or its end."""
        at = f' text-anchor="{anchor}"' if anchor else ""
        self.parts.append(f'<text class="{style}" x="{x}" y="{y}"{at}>{html.escape(text)}</text>')

    def line(self, x: int, y: int, to_x: int, to_y: int, style: str = "hf-line") -> None:
        """A line."""
        self.parts.append(f'<line class="{style}" x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}"/>')

    def arrow(self, x: int, y: int, to_x: int, to_y: int, style: str = "hf-line") -> None:
        """A line with a head; it runs along one axis."""
        self.line(x, y, to_x, to_y, style)
        if y == to_y:
            back = to_x - (6 if to_x > x else -6)
            points = f"{to_x},{to_y} {back},{to_y - 4} {back},{to_y + 4}"
        else:
            back = to_y - (6 if to_y > y else -6)
            points = f"{to_x},{to_y} {to_x - 4},{back} {to_x + 4},{back}"
        self.parts.append(f'<polygon class="hf-head-of {style}" points="{points}"/>')

    def dot(self, x: int, y: int, style: str = "hf-dot") -> None:
        """A small disc."""
        self.parts.append(f'<circle class="{style}" cx="{x}" cy="{y}" r="4"/>')

    def svg(self, title: str, words: str) -> str:
        """The whole picture; readers that see none hear the title and the words."""
        name = "hf-" + hashlib.sha256(f"{title}\n{words}".encode()).hexdigest()[:10]
        head = (
            '<svg xmlns="http://www.w3.org/2000/svg" class="hf-drawing" role="img" '
            f'aria-labelledby="{name}-t {name}-d" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}">'
        )
        labels = f'<title id="{name}-t">{html.escape(title)}</title><desc id="{name}-d">{html.escape(words)}</desc>'
        return head + labels + "".join(self.parts) + "</svg>"


def picture(drawing: Drawing, words: str, title: str) -> Lines:
    """A picture on a page; where there are no pictures, its words."""
    svg = f'<figure class="hf-picture">{drawing.svg(title, words)}</figure>'
    found = directive("raw", "html", svg.split("\n"))
    lines = [f"| {escaped(line)}" for line in words.split("\n")]
    return found + directive("only", "not html", lines)
