"""Draw one diagnostic as text, with the source lines that it speaks about.

Reads   diagnostics.Diagnostic, the text of the files that its spans name
Gives   draw; Paint and visible, which the other renderers share
Refuses nothing: a span outside its file is drawn at the nearest place
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby

from rich.cells import cell_len

from hfverify.diagnostics import Diagnostic, Label, Span

MOST_LABELS = 3
TAB = 4
NARROWEST_GUTTER = 2
NOTE_ORDER = ("example", "obligation", "asks", "confirmed", "when", "because", "cause", "covered", "", "help", "next")
STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "open": "1;36",
    "suspected": "1;35",
    "bold": "1",
    "gutter": "34",
    "good": "32",
}
# Unicode's bidirectional controls can make a line look different from what a compiler reads.
BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Paint:
    """Colours text through ANSI codes, or leaves it as it is."""

    def __init__(self, *, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        """The text in one of `STYLES`."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.color and text else text


def visible(text: str) -> str:
    """The text on one line, with a picture in place of each character that would move the cursor."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character in "\t\n":
        return " "
    if character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "\u2421"
    if character in BIDIRECTIONAL or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return "\ufffd"
    return character


def draw(diagnostic: Diagnostic, read: Callable[[str], str | None], *, color: bool) -> str:
    """The message, an excerpt for each file, and the notes; no line break at the end."""
    paint = Paint(color=color)
    severity = diagnostic.severity if diagnostic.severity in STYLES else "error"
    labels = _chosen(diagnostic.labels)
    gutter = max([NARROWEST_GUTTER, *(len(str(label.span.line)) for label in labels)])
    parts = [_block(block, read(block[0].span.file), severity, gutter, paint) for block in _blocks(labels)]
    if diagnostic.notes:
        parts.append(_notes(diagnostic.notes, gutter, paint))
    bar = " " * gutter + paint("gutter", "│")
    lines = [
        paint(severity, f"{diagnostic.severity}[{diagnostic.code}]") + paint("bold", f": {visible(diagnostic.message)}")
    ]
    for index, part in enumerate(parts):
        if index:
            lines.append(bar)
        lines.extend(part)
    return "\n".join(lines)


def _chosen(labels: Sequence[Label]) -> list[Label]:
    placed = list(dict.fromkeys(label for label in labels if label.span.file))
    kept = sorted(placed, key=lambda label: not label.primary)[:MOST_LABELS]
    return [label for label in placed if label in kept]


def _blocks(labels: Sequence[Label]) -> list[list[Label]]:
    files: dict[str, list[Label]] = {}
    for label in labels:
        files.setdefault(label.span.file, []).append(label)
    return sorted(files.values(), key=lambda block: not any(label.primary for label in block))


def _block(labels: list[Label], text: str | None, severity: str, gutter: int, paint: Paint) -> list[str]:
    pad = " " * gutter
    corner = paint("gutter", "┌─")
    if text is None:
        return [f"{pad}{corner} {_place(label.span)}" for label in labels]
    first = next((label for label in labels if label.primary), labels[0])
    bar = paint("gutter", "│")
    lines = [f"{pad}{corner} {_place(first.span)}", f"{pad}{bar}"]
    # Parsers count lines by line feeds only; `str.splitlines` would count form feeds too.
    source = [line.removesuffix("\r") for line in text.split("\n")]
    in_order = sorted(labels, key=lambda label: (label.span.line, label.span.column))
    for number, group in groupby(in_order, key=lambda label: label.span.line):
        line = source[number - 1] if 1 <= number <= len(source) else ""
        shown, offsets = _expand(line)
        lines.append(f"{paint('gutter', f'{number:>{gutter}}│')} {shown}".rstrip())
        lines.extend(f"{pad}{bar} {_underline(label, line, offsets, severity, paint)}" for label in group)
    return lines


def _place(span: Span) -> str:
    return f"{span.file}:{span.line}:{span.column}" if span.line > 0 else span.file


def _expand(line: str) -> tuple[str, list[int]]:
    """The line as it is shown, and the screen column of each character and of the end."""
    shown = ""
    offsets = []
    for character in line:
        offsets.append(cell_len(shown))
        shown += " " * (TAB - offsets[-1] % TAB) if character == "\t" else _visible(character)
    return shown, [*offsets, cell_len(shown)]


def _underline(label: Label, line: str, offsets: list[int], severity: str, paint: Paint) -> str:
    span = label.span
    several = span.end_line > span.line
    start = offsets[min(max(span.column - 1, 0), len(line))]
    last = len(line.rstrip()) if several else min(max(span.end_column - 1, 0), len(line))
    marks = ("^" if label.primary else "-") * max(offsets[last] - start, 1)
    words = [marks, *(["…"] if several else []), *([visible(label.text)] if label.text else [])]
    return " " * start + paint(severity if label.primary else "gutter", " ".join(words))


def _notes(notes: Sequence[tuple[str, str]], gutter: int, paint: Paint) -> list[str]:
    size = max(len(name) for name, _ in notes)
    lines = []
    for name, value in sorted(notes, key=lambda note: _rank(note[0])):
        first, *more = value.split("\n")
        lines.append(
            f"{' ' * gutter}{paint('gutter', '=')} {paint('bold', name)}{' ' * (size - len(name))}  {visible(first)}"
        )
        lines.extend(f"{' ' * (gutter + size + 4)}{visible(line)}".rstrip() for line in more)
    return lines


def _rank(name: str) -> int:
    return NOTE_ORDER.index(name if name in NOTE_ORDER else "")
