"""How a call changed from one revision to the next.

Reads   the clauses of a call with their `since` and `until`
Gives   changes_at: what begins, ends or differs at a revision; text_at: the text of one; the section "History"
Refuses nothing
"""

from __future__ import annotations

import re

from hfverify.diagnostics import Collector
from hfverify.model.program import Call
from hfverify.model.revisions import Timeline
from hfverify.publish.prose import one_line, spec
from hfverify.publish.rst import Lines, code, directive, escaped, literal, table, title
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
    found = title("History", "-") + table(("revision", "date", "what changed", "commit"), rows, "hf-history")
    return found + _texts(subject, item)


def _texts(subject: Subject, item: tree.Call) -> Lines:
    """What the specification says at each other revision, to be opened; the page describes the chosen one."""
    line = Timeline(tuple(revision.name for revision in subject.program.revisions), subject.program.revision)
    now = text_at(subject, item, line)
    found: Lines = []
    for name in line.names:
        then = Timeline(line.names, name)
        if name == line.chosen or not then.exists(item.revisions, Collector()):
            continue
        text = text_at(subject, item, then)
        said = "the same as now" if text == now else "as it was then; nothing is proved of it here"
        found += directive("raw", "html", [f"<details class='hf-revision'><summary>{name}: {said}</summary>"])
        found += code(text)
        found += directive("raw", "html", ["</details>"])
    return found


def text_at(subject: Subject, item: tree.Call, line: Timeline) -> str:
    """The text of a call at a revision: without the clauses that do not exist there, and what is published of them."""
    parts: list[tree.Node] = []
    for clause in item.clauses:
        parts += [clause, *(clause.consequences if isinstance(clause, tree.Reject | tree.Case) else ())]
    gone = [part.span for part in parts if not line.exists(getattr(part, "revisions", ()), Collector())]
    lines = subject.lines(item.span.file)[item.span.line - 1 : item.span.end_line]
    kept: list[str] = []
    for number, text in enumerate(lines, item.span.line):
        cut = text
        for span in sorted((s for s in gone if s.line <= number <= s.end_line), reverse=True):
            begin = span.column - 1 if number == span.line else 0
            end = span.end_column - 1 if number == span.end_line else len(cut)
            cut = cut[:begin] + cut[end:]
        if cut.strip() or not text.strip():
            kept.append(cut.rstrip())
            continue
        while kept and kept[-1].strip().startswith("///"):
            kept.pop()
    return re.sub(r"\n(\s*\n)+", "\n\n", "\n".join(kept))


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
