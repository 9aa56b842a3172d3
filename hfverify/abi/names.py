"""Names in other languages: their spelling, words that mean something there already, and two that would be one.

Reads   the names of abi.description
Gives   spellings, and Names: what one file has declared
Refuses two things of a specification that would have one name (HF202)
"""

from __future__ import annotations

import re
from collections.abc import Container

from hfverify.diagnostics import Collector, Span, also, at

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")


def snake(name: str) -> str:
    """`WakeUp` as `wake_up`; what has no capital letters stays as it is."""
    return name if name == name.lower() else "_".join(word.lower() for word in WORD.findall(name))


def upper(name: str) -> str:
    """`WakeUp` as `WAKE_UP`; what has no small letters stays as it is."""
    return name if name == name.upper() else snake(name).upper()


def camel(name: str) -> str:
    """`wake_up` as `WakeUp`."""
    return "".join(word.capitalize() for word in WORD.findall(name))


def plain(name: str, reserved: Container[str]) -> str:
    """The name, with a line below it if the language has the word for itself."""
    return f"{name}_" if name in reserved else name


class Names:
    """What a file declares at its top level; `advice` says what to do about two things with one name."""

    def __init__(self, reserved: Container[str], advice: str) -> None:
        self.reserved = reserved
        self.advice = advice
        self.taken: dict[str, tuple[str, Span]] = {}
        self.collector = Collector()

    def give(self, wanted: str, of: str, span: Span) -> str:
        """The name of something of the specification, of whatever has it there."""
        name = plain(wanted, self.reserved)
        first = self.taken.setdefault(name, (of, span))
        if first != (of, span):
            labels = at(span, "this"), also(first[1], "and this")
            message = f"`{of}` and `{first[0]}` are both `{name}` in the file"
            self.collector.error("HF202", message, *labels, notes=(("help", self.advice),))
        return name
