"""How sure we are, as a whole: counts by subject and by kind, what rests on nothing but a reason, the other parts.

Reads   the ledger, audit.trusted
Gives   dashboard, assumptions_page, parts
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hfverify.audit import Trusted, trusted
from hfverify.ledger import Entry
from hfverify.prove.contracts import contract_name
from hfverify.publish.drawing.bars import bar
from hfverify.publish.marks import mark
from hfverify.publish.pages.evidence import evidence
from hfverify.publish.prose import excerpt, inline, where
from hfverify.publish.questions import KIND_GROUPS, OTHER, group_of
from hfverify.publish.rst import Lines, code, escaped, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.report.table import COLUMN_OF, COLUMNS, in_short
from hfverify.verdict import Status

Entries = Mapping[str, Entry]
WHOLE = "spec"


def dashboard(subject: Subject, folder: str) -> Lines:
    """Two tables: by subject, by kind."""
    entries = subject.ledger.entries
    counts = tally(entries.values())
    found = title("Proofs")
    shown = " · ".join(f"{count} {column}" for column, count in counts.items() if count)
    steps = in_short(sum(entry.steps for entry in entries.values()))
    said = f"{len(entries)} obligations: {shown}, found in {steps} solver steps by hfverify {subject.ledger.tool}"
    found += [f"{mark(entries.values())} {escaped(said)}.", ""]
    found += bar(counts, "All obligations by status")
    found += [f"What none of them says is on the page of :doc:`assumptions </{folder}/assumptions>`.", ""]
    opened = [name for name, entry in entries.items() if entry.status is not Status.PROVED]
    if opened:
        found += title("Not proved", "-") + _opened(subject, opened)
    groups: dict[str, dict[str, Entry]] = {}
    for name, entry in entries.items():
        groups.setdefault(entry.group, {})[name] = entry
    rows = [_row(subject, _group_link(subject, folder, group), found_) for group, found_ in groups.items()]
    head = ("", "obligations", *COLUMNS, "steps", "")
    found += title("By call", "-") + table(head, rows, "hf-counts")
    kinds: dict[str, dict[str, Entry]] = {kind: {} for kind in (*KIND_GROUPS, OTHER)}
    for name, entry in entries.items():
        kinds[group_of(name)][name] = entry
    rows = [_row(subject, escaped(kind), found_) for kind, found_ in kinds.items() if found_]
    return found + title("By kind", "-") + table(head, rows, "hf-counts")


def _opened(subject: Subject, names: Iterable[str]) -> Lines:
    """What is not proved: what is known of it, and whether the proof files accept that, for which reason."""
    rows = []
    for name in names:
        accepted = subject.program.accepted.get(name)
        reason = inline(subject, accepted.because) if accepted else "–"
        rows.append((f":hf:obligation:`{name}`", mark([subject.ledger.entries[name]]), reason))
    return table(("obligation", "known", "accepted because"), rows, "hf-index")


def tally(entries: Iterable[Entry]) -> dict[str, int]:
    """How many stand in each column."""
    counts = dict.fromkeys(COLUMNS, 0)
    for entry in entries:
        counts[COLUMN_OF[entry.status]] += 1
    return counts


def _row(subject: Subject, name: str, entries: Entries) -> list[str]:
    counts = [str(count) if count else "·" for count in tally(entries.values()).values()]
    steps = in_short(sum(entry.steps for entry in entries.values()))
    return [name, str(len(entries)), *counts, steps, mark(entries.values())]


def _group_link(subject: Subject, folder: str, group: str) -> str:
    if group in subject.program.calls:
        return f":hf:call:`{group}`"
    return f":ref:`{escaped(group)} <{label(group)}>`"


def label(group: str) -> str:
    """The anchor of what is asked about something that is no call."""
    return f"hfverify-part-{group}".lower()


def parts(subject: Subject) -> Lines:
    """What is asked about everything that is no call: the specification as a whole, lists, codecs, registers."""
    program = subject.program
    found = title("Proofs of the parts")
    found += ["What is proved of everything that is no call by itself.", ""]
    groups = dict.fromkeys(entry.group for entry in subject.ledger.entries.values())
    for group in [group for group in groups if group not in program.calls]:
        name = "The specification as a whole" if group == WHOLE else group
        found += [f".. _{label(group)}:", "", *title(name, "-")]
        said = subject.doc(group)
        found += [inline(subject, " ".join(said.split())), ""] if said else []
        for contract in program.contracts:
            if contract_name(program, contract) == group:
                found += [inline(subject, " ".join(contract.doc.split())), ""] if contract.doc else []
                found += code(excerpt(subject, contract.span))
        found += evidence(subject, subject.entries(group), "~")
    return found


# ---------------------------------------------------------------- assumptions

SORTS = {
    "assumed": "The specification assumes this of every machine",
    "trusted": "Code that is not looked at",
    "volatile": "Values that change by themselves",
    "atomic": "Values that are read and written in one piece",
    "boot": "What holds on a CPU before its first call",
    "played": "For whom calls run",
    "stops": "After this a CPU executes nothing",
    "represented": "How Python objects stand for the state",
    "accepted": "Tested, and accepted without a proof",
    "given": "What whoever makes the call sees to",
    "awaits": "What comes true in the end",
    "unspecified": "Numbers of calls that are not specified",
    "trap": "How guests get here",
    "loop": "Loops that end",
}


def assumptions_page(subject: Subject) -> Lines:
    """The list of `hfverify audit`, by sort."""
    items = trusted(subject.program)
    found = title("Assumptions")
    found += [f"{len(items)} things are taken for granted; everything else is an obligation. "
              "``hfverify audit --compare`` fails if the ledger does not know one of them.", ""]  # fmt: skip
    new = [item for item in items if f"{item.kind} {item.name}" not in subject.ledger.trusted]
    if new:
        found += [f"The ledger does not know {len(new)} of them.", ""]
    sorts: dict[str, list[Trusted]] = {}
    for item in items:
        sorts.setdefault(item.kind, []).append(item)
    for kind, members in sorts.items():
        rows = [(literal(i.name), inline(subject, i.reason), _concerned(subject, i), where(i.span)) for i in members]
        found += title(SORTS.get(kind, kind), "-") + table(("name", "because", "concerns", ""), rows, "hf-trusted")
    return found


def _concerned(subject: Subject, item: Trusted) -> str:
    return f":hf:call:`{item.call}`" if item.call in subject.program.calls else "every call"
