"""Ways to find a call: by number, by name, by group, by who calls, by result, by revision.

Reads   the facts of all calls
Gives   one page for each way
Refuses nothing
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hfverify.model.program import Call, Outcome
from hfverify.publish.marks import mark
from hfverify.publish.normal import Names, normal
from hfverify.publish.pages.cases import answer_text
from hfverify.publish.pages.history import changes_at
from hfverify.publish.prose import inline, one_line, sentence, spec, summary
from hfverify.publish.rst import Lines, directive, escaped, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

LONGEST_GAP = 16


def call_link(call: Call) -> str:
    """A call as a link."""
    return f":hf:call:`{call.name}`"


def told(subject: Subject, call: Call) -> str:
    """What a call does, in one sentence."""
    return inline(subject, summary(subject.doc(call.name)))


def known(subject: Subject, call: Call) -> str:
    """How sure we are of everything that is said of a call."""
    return mark(subject.entries(call.name).values())


def published(subject: Subject) -> list[Call]:
    """Everything that somebody outside makes: not the functions, which calls use."""
    return [call for call in subject.program.calls.values() if not call.is_function]


def by_number(subject: Subject) -> Lines:
    """The page of the table."""
    return title("Calls by number") + (numbers_table(subject) or ["No call of this specification has a number.", ""])


def numbers_table(subject: Subject) -> Lines:
    """A dense table; numbers in between that no call has are shown."""
    rows: list[Sequence[str]] = []
    last = None
    numbered = sorted((c.number.value, c) for c in published(subject) if c.number is not None)
    for value, call in numbered:
        if last is not None and 1 < value - last <= LONGEST_GAP:
            rows += [(literal(f"{gap:#x}"), "–", "no call has this number", "") for gap in range(last + 1, value)]
        assert call.number is not None
        name = f"{call_link(call)} {literal(call.number.name)}"
        rows.append((literal(f"{value:#x}"), name, told(subject, call), known(subject, call)))
        last = value
    dispatcher = subject.program.dispatcher
    found: Lines = []
    if dispatcher is not None and rows:
        other = spec(one_line(subject, dispatcher.otherwise.span))
        found += [f"Any other number does nothing and returns {other}.", ""]
    return found + table(("number", "call", "what it does", ""), rows, "hf-index")


def by_name(subject: Subject) -> Lines:
    """Calls, entry points and the functions that they use, each in alphabetical order."""
    found = title("Calls by name")
    kinds = list(dict.fromkeys(call.kind for call in subject.program.calls.values()))
    for kind in kinds:
        calls = sorted((c for c in subject.program.calls.values() if c.kind == kind), key=lambda c: c.name)
        rows = [(call_link(c), told(subject, c), result_type(c), known(subject, c)) for c in calls]
        found += title(PLURALS.get(kind, kind), "-") + table(("name", "what it does", "returns", ""), rows, "hf-index")
    listed = [f"calls/{name}" for name in sorted(call.name for call in published(subject))]
    return found + directive("toctree", "", listed, maxdepth="1", hidden="")


PLURALS = {"hypercall": "Hypercalls", "entry": "Entry points", "function": "Functions that calls use"}


def result_type(call: Call) -> str:
    """The type of what a call returns."""
    return literal(str(call.result[1])) if call.result else "–"


def by_group(subject: Subject) -> Lines:
    """The calls of each file of the specification, which says what they have in common."""
    found = title("Calls by group")
    for module in subject.program.modules:
        names = {declaration.name for declaration in module.declarations}
        calls = [call for call in published(subject) if call.name in names]
        if calls:
            rows = [(call_link(c), told(subject, c), c.kind, known(subject, c)) for c in calls]
            said = [inline(subject, sentence(module.doc)), ""] if module.doc else []
            found += [*title(module.name, "-"), *said, *table(("call", "what it does", "kind", ""), rows, "hf-index")]
    return found


# ---------------------------------------------------------------- by caller


def by_caller(subject: Subject) -> Lines:
    """For whom each call runs, and where the answer depends on who that is."""
    program = subject.program
    found = title("Calls by caller")
    parts = list(dict.fromkeys(call.actor for call in published(subject)))
    for part in parts:
        calls = [call for call in published(subject) if call.actor == part]
        name = part or "whoever"
        heading = f"Runs for {name}"
        found += title(heading, "-")
        if part in program.actors:
            found += [f"{inline(subject, sentence(subject.doc(part)))}", ""]
        conditions = _about_caller(subject, calls)
        for text, rows in conditions.items():
            found += [f"When {spec(text)}:", ""]
            found += table(("call", "case", "what happens", "result"), rows, "hf-index")
        asked = {row[0] for rows in conditions.values() for row in rows}
        rest = [call_link(call) for call in calls if call_link(call) not in asked]
        if rest:
            found += ["No case of these asks who it is: " + ", ".join(rest) + ".", ""]
    return found


def _about_caller(subject: Subject, calls: Iterable[Call]) -> dict[str, list[Sequence[str]]]:
    """Conditions that speak of who calls and of constants alone, with the cases that they lead to."""
    found: dict[str, list[Sequence[str]]] = {}
    for call in calls:
        for given in call.givens:
            for text in _conditions(subject, call, given.value):
                said = "made by nobody else: " + inline(subject, " ".join(given.doc.split()))
                found.setdefault(text, []).append((call_link(call), "", said, ""))
        for outcome in call.outcomes:
            for text in _conditions(subject, call, outcome.condition, holds=not outcome.is_reject):
                said = inline(subject, sentence(subject.said(outcome)))
                case = f":hf:case:`~{call.name}.{outcome.name}`"
                result = spec(answer_text(subject, call, outcome)) if outcome.returns else "–"
                found.setdefault(text, []).append((call_link(call), case, said, result))
    return dict(sorted(found.items()))


def _conditions(subject: Subject, call: Call, expr: tree.Expr, *, holds: bool = True) -> list[str]:
    """What the expression says of the caller outright, if it holds or does not hold."""
    program = subject.program
    match expr:
        case tree.Binary(_, "and", left, right) if holds:
            return [*_conditions(subject, call, left), *_conditions(subject, call, right)]
        case tree.Binary(_, "==" | "!=" as operator, tree.Name(_, left), tree.Name(_, right)):
            if _is_caller(subject, call, left) and right in program.consts:
                return [f"{left} {operator if holds else NEGATED[operator]} {right}"]
    return []


NEGATED = {"==": "!=", "!=": "=="}


def _is_caller(subject: Subject, call: Call, name: str) -> bool:
    """Whether an abbreviation stands for a part of whom the call runs for."""
    let = subject.program.lets.get(name)
    return let is not None and normal(let.value, Names(subject.program)).startswith(f"{call.actor}.")


# ---------------------------------------------------------------- by result


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome that returns a value."""

    call: Call
    outcome: Outcome
    text: str


def answers(subject: Subject) -> dict[str, list[Answer]]:
    """For each result that is written out, who returns it."""
    found: dict[str, list[Answer]] = {}
    for call in published(subject):
        for outcome in call.outcomes:
            if outcome.returns is not None:
                text = answer_text(subject, call, outcome)
                found.setdefault(text, []).append(Answer(call, outcome, text))
    return found


def result_anchor(text: str) -> str:
    """The anchor of a result: its text, with one sign for whatever an anchor cannot have."""
    return "result-" + re.sub(r"[^\w.-]+", "_", text)


def by_result(subject: Subject) -> Lines:
    """Which calls return a value, and when; the values that most cases return come first."""
    found = title("Calls by result")
    items = sorted(answers(subject).items(), key=lambda item: (-len(item[1]), item[0]))
    for text, rows in items:
        found += [
            *directive("hf:anchor", result_anchor(text)),
            *directive("rst-class", "hf-result-name"),
            *title(text, "-"),
        ]
        found += table(
            ("call", "when", "case"),
            [
                (
                    call_link(row.call),
                    inline(subject, sentence(subject.said(row.outcome))),
                    f":hf:case:`~{row.call.name}.{row.outcome.name}`",
                )
                for row in rows
            ],
            "hf-index",
        )
    return found


# ---------------------------------------------------------------- by revision


def revisions(subject: Subject) -> Lines:
    """What each revision brought, newest first."""
    program = subject.program
    found = title("Revisions")
    if not program.revisions:
        return [*found, "The specification declares no revisions.", ""]
    found += [f"These pages describe {literal(program.revision)}.", ""]
    for revision in reversed(program.revisions):
        rows = []
        for call in program.calls.values():
            item = subject.declared[call.name]
            if isinstance(item, tree.Call) and not call.is_function:
                said = "; ".join(changes_at(subject, item, revision.name))
                if said:
                    rows.append((call_link(call), said))
        cells = [
            f":hf:cell:`{item.name}.{cell.name}`"
            for item in subject.declared.values()
            if isinstance(item, tree.State)
            for cell in item.cells
            if any(c.kind == "since" and c.name == revision.name for c in cell.revisions)
        ]
        content = [escaped(revision.text[:1].upper() + revision.text[1:]) + ".", ""]
        content += table(("call", "what changed"), rows, "hf-index")
        content += ["New cells: " + ", ".join(cells) + ".", ""] if cells else []
        head = f"{escaped(revision.date)} {literal(revision.commit)}"
        found += directive("hf:rev", revision.name, content, head=head)
    return found
