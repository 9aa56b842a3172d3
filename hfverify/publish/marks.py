"""How sure we are, as a mark and a word.

Reads   the entries of a ledger
Gives   Mark, mark: the same words for the pages, the roles and the style sheet
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hfverify.ledger import Entry
from hfverify.verdict import Status


@dataclass(frozen=True, slots=True)
class Mark:
    """`word` also names the style; who sees no colour reads the sign and the word."""

    sign: str
    word: str
    meaning: str


MARKS = {
    mark.word.replace(" ", "-"): mark
    for mark in (
        Mark("●", "proved", "a solver has shown it for every state and every number of objects"),
        Mark("◐", "tested", "examples were run and none failed; this is not a proof"),
        Mark("○", "refuted", "a state breaks it, and the real code was run on that state"),
        Mark("∅", "vacuous", "no state satisfies it, so whatever is said of it says nothing"),
        Mark("–", "not decided", "the solver gave no answer, or one that the real code does not confirm"),
        Mark("⌂", "assumed", "it is taken for granted, for a reason that is given"),
        Mark("◌", "stale", "the sources have changed since it was decided"),
        Mark("·", "not asked", "the ledger says nothing about it"),
    )
}
OF_STATUS = {
    Status.PROVED: "proved",
    Status.TESTED: "tested",
    Status.ASSUMED: "assumed",
    Status.REFUTED: "refuted",
    Status.VACUOUS: "vacuous",
    Status.STALE: "stale",
}


def key_of(status: Status) -> str:
    """The key of the mark for a status."""
    return OF_STATUS.get(status, "not-decided")


def mark(entries: Iterable[Entry]) -> str:
    """The worst of some obligations together, as a role; what was tested says with how much."""
    found = list(entries)
    worst = max((entry.status for entry in found), default=None)
    if worst is None:
        return ":hf:mark:`not-asked`"
    numbers = f" ({numbers_of(found)})" if worst is Status.TESTED else ""
    return f":hf:mark:`{key_of(worst)}{numbers}`"


def numbers_of(entries: Iterable[Entry]) -> str:
    """What the tests of some obligations are worth: where they differ, the least."""
    found = [entry.evidence for entry in entries if entry.status is Status.TESTED and entry.evidence is not None]
    if not found:
        return "the ledger has no numbers"
    paths = {label for evidence in found for label, _ in evidence.ways}
    schedules = min(evidence.schedules for evidence in found)
    parts = [
        counted(min(evidence.examples for evidence in found), "example"),
        counted(len(paths), "path"),
        counted(schedules, "schedule") if schedules else "one CPU",
    ]
    return ", ".join(parts)


def counted(count: int, what: str) -> str:
    """A number of things."""
    return f"{count} {what}{'s' * (count != 1)}"
