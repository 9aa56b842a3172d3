"""When a call answers what: the table of its results, and a card for each reject and case.

Reads   model.program.Outcome, publish.facts.Facts
Gives   the sections "Results" and "Cases", and what stays unchanged
Refuses nothing
"""

from __future__ import annotations

from hfverify.model.program import Call, Cell, Outcome
from hfverify.publish.definitions import used_by
from hfverify.publish.facts import Change, Facts
from hfverify.publish.marks import mark
from hfverify.publish.packed import packed, shown
from hfverify.publish.prose import excerpt, inline, one_line, prose, sentence, spec, where
from hfverify.publish.rst import Lines, code, directive, fields, link, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

ANY = "any"


def results(subject: Subject, call: Call) -> Lines:
    """Which value comes when; the checks first, in the order in which they are made."""
    found = title("Results", "-")
    if call.rejects:
        many = "The first check that fails answers" if len(call.rejects) > 1 else "A check comes first"
        found += [
            f"{many}; if all pass, one case holds."
            if len(call.rejects) > 1
            else f"{many}; if it passes, one case holds.",
            "",
        ]
    rows = []
    for index, outcome in enumerate(call.outcomes):
        order = f"{index + 1}" if outcome.is_reject else ""
        said = inline(subject, sentence(subject.said(outcome)))
        name = f":hf:case:`~{call.name}.{outcome.name}`"
        rows.append((order, answer(subject, call, outcome), said, name, _mark(subject, call, outcome)))
    return found + table(("", "result", "when", "case", ""), rows, "hf-results")


def answer(subject: Subject, call: Call, outcome: Outcome) -> str:
    """What the caller gets."""
    if outcome.never:
        return "does not return"
    if outcome.returns is None:
        return "–"
    value, text = answered(call, outcome), spec(answer_text(subject, call, outcome))
    number = packed(subject.program, value)
    if number is None or isinstance(value, tree.Literal | tree.Unary):
        return text
    return f"{text} {literal(shown(number))}"


def answered(call: Call, outcome: Outcome) -> tree.Expr:
    """What is returned, an abbreviation of the call written out."""
    assert outcome.returns is not None
    value = outcome.returns.value
    lets = {let.name: let for let in call.lets}
    return lets[value.text].value if isinstance(value, tree.Name) and value.text in lets else value


def answer_text(subject: Subject, call: Call, outcome: Outcome) -> str:
    """The same as it is written."""
    return one_line(subject, answered(call, outcome).span)


def _mark(subject: Subject, call: Call, outcome: Outcome) -> str:
    prefix = f"{call.name}.{outcome.name}."
    found = [entry for name, entry in subject.ledger.entries.items() if name.startswith(prefix)]
    return mark(found)


def cards(subject: Subject, call: Call, facts: Facts) -> Lines:
    """One card for each outcome."""
    found: Lines = title("Rejects and cases" if call.rejects else "Cases", "-")
    if call.lets:
        found += ["In what follows:", ""]
        lines = [excerpt(subject, let.span) for let in call.lets]
        found += code("\n".join(lines))
    used = [definition_link(subject, name) for name in used_by(subject.program, call)]
    found += ["Defined elsewhere: " + ", ".join(used) + ".", ""] if used else []
    for outcome in call.outcomes:
        found += _card(subject, call, outcome, facts)
    return found


def definition_link(subject: Subject, name: str) -> str:
    """A definition by name; of a constant, its value is all there is to say."""
    if name in subject.program.consts:
        return f"{literal(name)} = {spec(one_line(subject, subject.program.consts[name][1].span))}"
    return f":hf:definition:`{name}`"


def _card(subject: Subject, call: Call, outcome: Outcome, facts: Facts) -> Lines:
    kind = "reject" if outcome.is_reject else "case"
    condition = excerpt(subject, outcome.condition.span)
    always = isinstance(outcome.condition, tree.Literal)
    word = "unless" if outcome.is_reject else "when"
    guard = ["otherwise" if call.rejects else "always"] if always else code(condition)
    changes = facts.changes[outcome.name]
    parts = [
        (word, guard),
        ("returns", [] if outcome.returns is None and not outcome.never else [answer(subject, call, outcome)]),
        ("changes", change_table(changes) or ["nothing"]),
        ("ensures", _ensures(subject, outcome)),
        ("next", [spec(one_line(subject, outcome.next.value.span))] if outcome.next else []),
        ("ends", [f"the part of :code:`{call.actor}`"] if outcome.ends else []),
        ("evidence", [] if subject.as_of else [_evidence(subject, call, outcome)]),
    ]
    content = [*prose(subject, subject.said(outcome)), *fields(parts)]
    head = f"{kind} {_mark(subject, call, outcome)} {where(outcome.name_span)}"
    return directive("hf:case", f"{call.name}.{outcome.name}", content, head=head, **{"class": f"hf-{kind}"})


def change_table(changes: list[Change]) -> Lines:
    """What was there before, as far as the case says so, and what is there after."""
    rows = []
    for change in changes:
        after = spec(change.after) if not change.open else "what *ensures* allows"
        after += " *later*" if change.later else ""
        rows.append((cell_link(change), before(change), f"→ {after}"))
    return table(("cell", "before", "after"), rows, "hf-changes")


def cell_link(change: Change) -> str:
    """The place that is changed, as a link to its cell."""
    return link("cell", change.cell.name, change.place)


def before(change: Change) -> str:
    """The values before."""
    items = getattr(change.cell.type, "items", ())
    if change.before is None or len(change.before) == len(items):
        return ANY
    return " | ".join(spec(name) for name, _ in items if name in change.before)


def _ensures(subject: Subject, outcome: Outcome) -> Lines:
    found: Lines = []
    for item in outcome.ensures:
        found += [*(prose(subject, item.doc) if item.doc else []), *code(excerpt(subject, item.span))]
    return found


def _evidence(subject: Subject, call: Call, outcome: Outcome) -> str:
    prefix = f"{call.name}.{outcome.name}."
    names = [name for name in subject.ledger.entries if name.startswith(prefix)]
    return " · ".join(f":hf:obligation:`{name.removeprefix(prefix)} <{name}>`" for name in names) or "nothing is known"


def unchanged(subject: Subject, call: Call, facts: Facts) -> Lines:
    """How much stays as it was."""
    cells: list[Cell] = list(subject.program.cells())
    changed = list(facts.writes)
    found = title("Unchanged", "-")
    if not changed:
        return [*found, f"Everything: none of the {len(cells)} cells changes in any case.", ""]
    links = ", ".join(f":hf:cell:`{name}`" for name in changed)
    rest = len(cells) - len(changed)
    text = f"Every cell but {links}; and these too, in each case that does not name them. {rest} of {len(cells)} cells"
    return [*found, f"{text} never change here, nor does any other object's part of a cell.", ""]
