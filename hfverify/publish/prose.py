"""Turn published text and places of a file into reStructuredText.

Reads   `///` texts, spans
Gives   prose, excerpts of the specification with their indentation taken away, links to source lines
Refuses nothing
"""

from __future__ import annotations

import re
import textwrap

from hfverify.diagnostics import Span
from hfverify.publish.rst import Lines, escaped, literal
from hfverify.publish.subject import Subject

QUOTED = re.compile(r"`([^`\n]+)`")


def sentence(text: str) -> str:
    """The first paragraph, without links: what a table or a search result shows."""
    return " ".join(text.split("\n\n")[0].split())


def summary(text: str) -> str:
    """The first sentence alone."""
    return re.split(r"(?<=[.?!])\s", sentence(text), maxsplit=1)[0]


def prose(subject: Subject, text: str) -> Lines:
    """Published text; what it quotes becomes a link if it is a name that has a page."""
    found: Lines = []
    for paragraph in text.strip().split("\n\n"):
        found += [inline(subject, " ".join(paragraph.split())), ""]
    return found


def inline(subject: Subject, text: str) -> str:
    """One line of published text."""
    parts = QUOTED.split(text)
    return "".join(linked(subject, part) if index % 2 else escaped(part) for index, part in enumerate(parts))


def linked(subject: Subject, name: str) -> str:
    """A name as a link to what it names, if that has a place of its own."""
    program = subject.program
    if name in program.calls:
        return f":hf:call:`{name}`"
    if name in program.locks:
        return f":hf:lock:`{name}`"
    if any(cell.name == name for cell in program.cells()):
        return f":hf:cell:`{name}`"
    return literal(name)


def excerpt(subject: Subject, span: Span) -> str:
    """The text of a span as it is written, with the indentation of its later lines taken away."""
    lines = subject.lines(span.file)[span.line - 1 : span.end_line]
    if len(lines) == 1:
        return lines[0][span.column - 1 : span.end_column - 1]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = " " * (span.column - 1) + lines[0][span.column - 1 :]
    return textwrap.dedent("\n".join(lines)).strip()


def one_line(subject: Subject, span: Span) -> str:
    """The same on one line."""
    return " ".join(excerpt(subject, span).split())


def spec(text: str) -> str:
    """Text of the specification inside a sentence, highlighted."""
    return f":hf:spec:`{text}`"


def where(span: Span, label: str = "") -> str:
    """A link to a line of a source."""
    return f":hf:source:`{escaped(label or str(span))} <{span.file}:{span.line}>`" if span.file else ""
