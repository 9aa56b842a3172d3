"""Shared state: each cell with who may touch it, who reads it and who writes it; each lock with all its users.

Reads   the facts of all calls
Gives   a page for each state, one for the locks, one that lists all cells by who owns them
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Mapping

from hfverify.model.program import Cell, Lock, State
from hfverify.model.types import EncodingType, EnumType
from hfverify.publish.drawing.chain import chain
from hfverify.publish.drawing.svg import picture
from hfverify.publish.facts import Facts, held_by, users_of
from hfverify.publish.marks import mark
from hfverify.publish.pages.owed import owed_section
from hfverify.publish.prose import excerpt, inline, one_line, prose, spec, where
from hfverify.publish.rst import Lines, code, directive, escaped, fields, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

AllFacts = Mapping[str, Facts]


def state_page(subject: Subject, state: State, facts: AllFacts) -> Lines:
    """All cells of a state."""
    found = title(state.name) + prose(subject, subject.doc(state.name))
    keys = ", ".join(f"{key.name}: {key.type}" for key in state.keys)
    if state.keys:
        below = "; ".join(f"{key.name} < {one_line(subject, key.below.span)}" for key in state.keys)
        found += [f"One for each {spec(f'{state.name}[{keys}]')} with {spec(below)}. {where(state.span)}", ""]
    else:
        found += [f"There is one. {where(state.span)}", ""]
    for cell in state.cells.values():
        found += _cell(subject, cell, facts)
    return found + owed_section(subject, state)


def _cell(subject: Subject, cell: Cell, facts: AllFacts) -> Lines:
    initial = [spec(one_line(subject, cell.initial.span))] if cell.initial else []
    parts = [
        ("type", [_type(cell)]),
        ("at first", initial),
        ("touched", [discipline(subject, cell)]),
        ("written by", [written_by(cell, facts)]),
        ("read by", [read_by(cell, facts)]),
    ]
    said = _doc(subject, cell)
    content = [*(prose(subject, said) if said else []), *fields(parts)]
    return directive("hf:cell", cell.name, content, head=where(cell.span))


def _doc(subject: Subject, cell: Cell) -> str:
    item = subject.declared[cell.state]
    found = [c.doc for c in item.cells if c.name == cell.path] if isinstance(item, tree.State) else []
    return found[0] if found else ""


def _type(cell: Cell) -> str:
    if isinstance(cell.type, EnumType | EncodingType):
        return f":hf:type:`{cell.type}`"
    return literal(str(cell.type))


def discipline(subject: Subject, cell: Cell) -> str:
    """Who may touch a cell."""
    match cell.discipline:
        case tree.GuardedBy(_, lock, once):
            text = f"under :hf:lock:`{cell.state}.{lock}`"
            return f"{text}; set once, then it stays" if once else text
        case tree.OwnedBy(_, owner, condition, otherwise):
            text = f"by its owner, {spec(one_line(subject, owner.span))}"
            text += f", while {spec(one_line(subject, condition.span))}" if condition else ""
            return text + (f"; else under :hf:lock:`{cell.state}.{otherwise.lock}`" if otherwise else "")
        case tree.Plain(_, kind, because):
            words = {"constant": "it never changes", "atomic": "at any time, each access in one piece"}
            text = words.get(kind, "outside of our control")
            return f"{text}: {inline(subject, because)}" if because else text


def written_by(cell: Cell, facts: AllFacts) -> str:
    """The cases that change a cell, by call."""
    shown = []
    for name, found in facts.items():
        cases = found.writes.get(cell.name, [])
        if cases:
            shown.append(f":hf:call:`{name}` ({', '.join(f':hf:case:`~{name}.{case}`' for case in cases)})")
    return " · ".join(shown) or "nobody"


def read_by(cell: Cell, facts: AllFacts) -> str:
    """The calls whose answer or effect depends on a cell."""
    return " · ".join(f":hf:call:`{name}`" for name, found in facts.items() if cell.name in found.reads) or "nobody"


def cells_page(subject: Subject, folder: str, facts: AllFacts) -> Lines:
    """Every cell on one page: who may touch it, how many read and write it; and who owns what when."""
    found = title("Cells")
    found += ["Shared state, cell by cell. A call *reads* a cell if its answer, or what it changes, depends on it.", ""]
    for state in subject.program.states.values():
        rows = []
        for cell in state.cells.values():
            writes = sum(cell.name in item.writes for item in facts.values())
            reads = sum(cell.name in item.reads for item in facts.values())
            rows.append((f":hf:cell:`{cell.name}`", _type(cell), discipline(subject, cell), str(writes), str(reads)))
        found += [*title(state.name, "-"), f":doc:`All about {escaped(state.name)} </{folder}/cells/{state.name}>`", ""]
        found += table(("cell", "type", "touched", "writers", "readers"), rows, "hf-index")
    return found + directive(
        "toctree", "", [f"cells/{name}" for name in subject.program.states], maxdepth="1", hidden=""
    )


# ---------------------------------------------------------------- locks


def locks_page(subject: Subject) -> Lines:
    """The order, then each lock: what it guards, what holds whenever it is free, who takes it."""
    program = subject.program
    found = title("Locks")
    ranks = sorted(program.locks.values(), key=lambda lock: lock.rank)
    if not ranks:
        return [*found, "The specification declares no lock.", ""]
    order = next((d for m in program.modules for d in m.declarations if isinstance(d, tree.Order)), None)
    found += title("Order", "-") + (prose(subject, order.doc) if order else [])
    names = [lock.name for lock in ranks]
    found += picture(*chain(names, set(names)), f"Lock order: {', then '.join(names)}")
    for lock in ranks:
        found += title(lock.name, "-") + _lock(subject, lock)
    return found


def _lock(subject: Subject, lock: Lock) -> Lines:
    guarded = ", ".join(f":hf:cell:`{cell.name}`" for cell in subject.program.guarded_by(lock)) or "no cell"
    content = [*prose(subject, subject.doc(lock.name)), f"Guards {guarded}.", ""]
    found = directive("hf:lock", lock.name, content, head=where(lock.span))
    rows = []
    for call, step, taken in users_of(subject, lock.name):
        locks = " ▸ ".join(f"{'perhaps ' if t.maybe else ''}{spec(t.place)}" for t in taken)
        cases = ", ".join(f":hf:case:`~{call.name}.{ref.name}`" for ref in step.cases) or "all others"
        entry = subject.ledger.entries.get(f"{call.name}.lock.order")
        rows.append((f":hf:call:`{call.name}`", literal(step.kind), locks, cases, mark([entry] if entry else [])))
    holders = [c.name for c in subject.program.calls.values() if any(t.name == lock.name for t in held_by(subject, c))]
    found += table(("taken by", "section", "locks, in order", "for", "order"), rows, "hf-index")
    if holders:
        found += ["Held by whoever uses " + ", ".join(f":hf:call:`{name}`" for name in holders) + ".", ""]
    for invariant in lock.invariants:
        found += _invariant(subject, invariant)
    return found


def _invariant(subject: Subject, item: tree.Invariant) -> Lines:
    suffix = f".invariant.{item.name}"
    users = {name: entry for name, entry in subject.ledger.entries.items() if name.endswith(suffix)}
    own = {name: e for name, e in subject.ledger.entries.items() if name.startswith(f"spec.{item.name}.")}
    known = mark([*users.values(), *own.values()])
    kept = " · ".join(f":hf:obligation:`{name.removesuffix(suffix)} <{name}>`" for name in users)
    content = [*(prose(subject, item.doc) if item.doc else []), *code(excerpt(subject, item.value.span))]
    content += fields([("kept by", [kept])])
    return directive("hf:invariant", item.name, content, head=f"invariant {known} {where(item.name_span)}")
