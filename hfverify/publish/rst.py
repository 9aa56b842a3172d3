"""Write reStructuredText.

Reads   nothing
Gives   lines of text: headings, tables, directives; `escaped` makes any text harmless
Refuses nothing
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([\\`*_|<>\[\]:])")
Lines = list[str]
# Between two cells of a row, and in a cell without text.
CELLS = " ¦ "
NO_TEXT = "~"


def escaped(text: str) -> str:
    """Plain text in which nothing is markup."""
    return SPECIAL.sub(r"\\\1", text)


def literal(text: str) -> str:
    """Text in the font of code."""
    return f":code:`{text}`" if text and "`" not in text and "\\" not in text else escaped(text)


def title(text: str, sign: str = "=") -> Lines:
    """A heading; `=`, `-` and `~` are the levels."""
    shown = escaped(text)
    return [shown, sign * max(len(shown), 3), ""]


def link(role: str, target: str, shown: str = "") -> str:
    """A role of the domain, with another text than its target."""
    if not shown:
        return f":hf:{role}:`{target}`"
    return f":hf:{role}:`{shown.replace('<', chr(92) + '<')} <{target}>`"


def directive(name: str, argument: str = "", content: Iterable[str] = (), **options: str) -> Lines:
    """A directive; an empty option is a flag."""
    head = [f".. {name}:: {argument}".rstrip()]
    head += [f"   :{key.replace('_', '-')}: {value}".rstrip() for key, value in options.items()]
    return [*head, "", *indented(content), ""]


def indented(lines: Iterable[str], by: int = 3) -> Lines:
    """Lines further to the right."""
    return [" " * by + line if line else "" for line in lines]


def code(text: str, language: str = "hfs") -> Lines:
    """A block of code."""
    return directive("code-block", language, text.split("\n"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], style: str = "") -> Lines:
    """A table of one-line cells; `style` is a class of the style sheet."""
    if not rows:
        return []
    content = [CELLS.join(cell or NO_TEXT for cell in row) for row in (head, *rows)]
    return directive("hf:table", "", content, **{"class": style} if style else {})


def fields(pairs: Iterable[tuple[str, Sequence[str]]]) -> Lines:
    """A list of named things, each with what is said of it."""
    found: Lines = []
    for name, lines in pairs:
        if any(lines):
            found += [f":{name}:", *indented(lines), ""]
    return found


def bullets(items: Iterable[str]) -> Lines:
    """A list."""
    lines = [f"* {item}" for item in items]
    return [*lines, ""] if lines else []
