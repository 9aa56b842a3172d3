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
from hfverify.publish.marks import counted, mark
from hfverify.publish.prose import inline, where
from hfverify.publish.questions import asked
from hfverify.publish.rst import Lines, escaped, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.report.table import in_short
from hfverify.verdict import Status

HOW = {
    Status.PROVED: "by solver",
    Status.ASSUMED: "taken for granted",
    Status.REFUTED: "run on the code",
}


def evidence(subject: Subject, entries: Mapping[str, Entry], sign: str = "-") -> Lines:
    """The table, and the commands that give each row again."""
    found = title("Evidence", sign)
    again = "Each row begins with the command that asks again; ``hfverify explain OBLIGATION`` shows what is asked."
    found += [again, ""]
    rows = []
    for name, entry in entries.items():
        steps = in_short(entry.steps) if entry.steps else "0"
        how = HOW.get(entry.status, "open") if entry.steps or entry.status is not Status.PROVED else "by evaluation"
        if entry.status is Status.TESTED:
            how = escaped(_run(entry))
        verb = "replay" if entry.status is Status.REFUTED else "verify"
        rows.append((f":hf:row:`hfverify {verb} {name}`", asked(name), mark([entry]), how, steps))
    found += table(("obligation", "asks that", "status", "how", "steps"), rows, "hf-evidence")
    return found + _tests(entries)


def _run(entry: Entry) -> str:
    """The run that found nothing, so that it can be repeated."""
    if entry.evidence is None:
        return "by examples; the ledger has no numbers"
    item = entry.evidence
    return f"by {counted(item.examples, 'example')}, {counted(item.schedules, 'schedule')}, seed {item.seed}"


def _tests(entries: Mapping[str, Entry]) -> Lines:
    """How often the examples took each path, for what was tested and not proved."""
    counts: dict[tuple[str, int], list[str]] = {}
    for name, entry in entries.items():
        for way in entry.evidence.ways if entry.status is Status.TESTED and entry.evidence else ():
            counts.setdefault(way, []).append(name)
    if not counts:
        return []
    rows = [
        (escaped(label), str(count), ", ".join(f":hf:obligation:`{name}`" for name in names))
        for (label, count), names in counts.items()
    ]
    said = [
        "What is tested holds for the examples that were run, and for nothing else. They took these paths;",
        "a path is named by the lines at which it decides, ``!`` where a condition does not hold:",
    ]
    return [*said, "", *table(("path", "examples", "of"), rows, "hf-index")]


def assumptions(subject: Subject, folder: str, call: Call) -> Lines:
    """What is taken for granted for this call alone; the rest is the same for all."""
    own = [item for item in trusted(subject.program) if item.call == call.name]
    rows = [(escaped(item.kind), literal(item.name), inline(subject, item.reason), where(item.span)) for item in own]
    found = title("Trusts", "-") + table(("kind", "name", "because", ""), rows, "hf-trusted")
    common = f"the :doc:`common list </{folder}/assumptions>`"
    return [*found, f"Beyond this, {common} holds for every call." if own else f"Nothing beyond {common}.", ""]
