"""How a call changed from one revision to the next.

Reads   the clauses of a call with their `since` and `until`
Gives   changes_at: what begins, ends or differs at a revision; the section "History"
Refuses nothing
"""

from __future__ import annotations

from hfverify.model.program import Call
from hfverify.publish.prose import one_line, spec
from hfverify.publish.rst import Lines, escaped, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree


def history(subject: Subject, call: Call) -> Lines:
    """One row for each revision at which something changed."""
    program = subject.program
    if not program.revisions:
        return []
    item = subject.declared[call.name]
    assert isinstance(item, tree.Call)
    rows = []
    for revision in program.revisions:
        said = "; ".join(changes_at(subject, item, revision.name))
        if said:
            rows.append((f":hf:rev:`{revision.name}`", escaped(revision.date), said, literal(revision.commit)))
    return title("History", "-") + table(("revision", "date", "what changed", "commit"), rows, "hf-history")


def changes_at(subject: Subject, item: tree.Call, revision: str) -> list[str]:
    """What begins or ends at a revision, in the order of the specification."""
    first = subject.program.revisions[0].name
    found = []
    starts = [c.name for c in item.revisions if c.kind == "since"] or [first]
    if revision in starts:
        number = next((c for c in item.clauses if isinstance(c, tree.Number)), None)
        found.append(f"introduced as {literal(f'{number.value:#x}')}" if number else "introduced")
    if _marked(item.revisions, revision) == "until":
        found.append("gone")
    for clause in item.clauses:
        if isinstance(clause, tree.Number) and _marked(clause.revisions, revision) == "since":
            found.append(f"has the number {literal(f'{clause.value:#x}')}")
        if isinstance(clause, tree.Reject | tree.Case):
            found += _of_outcome(subject, item, clause, revision)
    return found


def _of_outcome(subject: Subject, item: tree.Call, clause: tree.Reject | tree.Case, revision: str) -> list[str]:
    exists = _marked(clause.revisions, revision)
    name = f":hf:case:`~{item.name}.{clause.name}`"
    if exists == "since":
        return [f"{name} is new"]
    if exists == "until":
        return [f"{literal(clause.name)} is gone"]
    found = []
    for kind, verb in ((tree.Returns, "returns"), (tree.Next, "goes on with")):
        parts = [c for c in clause.consequences if isinstance(c, kind)]
        new = [c for c in parts if _marked(c.revisions, revision) == "since"]
        old = [c for c in parts if _marked(c.revisions, revision) == "until"]
        if new:
            before = f", no longer {spec(one_line(subject, old[0].value.span))}" if old else ""
            found.append(f"{name} {verb} {spec(one_line(subject, new[0].value.span))}{before}")
    return found


def _marked(clauses: tuple[tree.Revision, ...], revision: str) -> str:
    return next((clause.kind for clause in clauses if clause.name == revision), "")
