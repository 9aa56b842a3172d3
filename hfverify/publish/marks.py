"""How sure we are, as a mark and a word.

Reads   verdict.Status
Gives   Mark, mark_of: the same words for the pages, the roles and the style sheet
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


def mark_of(status: Status, *, stale: bool) -> str:
    """The word for a status; whatever the ledger says, it speaks about other sources if it is stale."""
    return "stale" if stale else OF_STATUS.get(status, "not-decided")


def worst_of(entries: Iterable[Entry], *, stale: bool) -> str:
    """The word for several obligations together."""
    statuses = [entry.status for entry in entries]
    return mark_of(max(statuses), stale=stale) if statuses else "not-asked"
