"""What is known, row by row: an obligation, what it asks, its status, how it was found, how to find it again.

Reads   the ledger's entries of one group
Gives   the section "Evidence", in which each obligation has its anchor; the list of assumptions of a call
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Mapping

from hfverify.audit import trusted
from hfverify.ledger import Entry
from hfverify.model.program import Call
from hfverify.publish.marks import mark_of
from hfverify.publish.prose import inline, where
from hfverify.publish.questions import asked
from hfverify.publish.rst import Lines, escaped, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.report.table import in_short
from hfverify.verdict import Status

HOW = {
    Status.PROVED: "by solver",
    Status.TESTED: "by examples",
    Status.ASSUMED: "taken for granted",
    Status.REFUTED: "run on the code",
}


def evidence(subject: Subject, entries: Mapping[str, Entry], sign: str = "-") -> Lines:
    """The table, and the commands that give each row again."""
    found = title("Evidence", sign)
    if subject.stale:
        found += ["The sources have changed since this was decided: run ``hfverify verify``.", ""]
    again = (
        "``hfverify verify OBLIGATION`` decides one of these again, ``hfverify explain OBLIGATION`` shows what it asks."
    )
    found += [again, ""]
    rows = []
    for name, entry in entries.items():
        steps = in_short(entry.steps) if entry.steps else "0"
        how = HOW.get(entry.status, "open") if entry.steps or entry.status is not Status.PROVED else "by evaluation"
        if entry.status is Status.REFUTED:
            how = literal(f"hfverify replay {name}")
        mark = f":hf:mark:`{mark_of(entry.status, stale=subject.stale)}`"
        rows.append((f":hf:row:`{name}`", asked(name), mark, how, steps))
    return found + table(("obligation", "asks that", "status", "how", "steps"), rows, "hf-evidence")


def assumptions(subject: Subject, folder: str, call: Call) -> Lines:
    """What is taken for granted for this call alone; the rest is the same for all."""
    own = [item for item in trusted(subject.program) if item.call == call.name]
    rows = [(escaped(item.kind), literal(item.name), inline(subject, item.reason), where(item.span)) for item in own]
    found = title("Trusts", "-") + table(("kind", "name", "because", ""), rows, "hf-trusted")
    common = f"the :doc:`common list </{folder}/assumptions>`"
    return [*found, f"Beyond this, {common} holds for every call." if own else f"Nothing beyond {common}.", ""]
