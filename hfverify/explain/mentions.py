"""Of which cells an expression of the specification speaks, by the last parts of their names. No solver.

Reads   model.program.Program, syntax.tree expressions
Gives   the members and the bare names in expressions, and in what these are defined by
Refuses nothing; different cells may have the same last part
"""

from __future__ import annotations

from collections.abc import Iterable

from hfverify.model.expressions import walk
from hfverify.model.program import Call, Program
from hfverify.syntax import tree


def mentioned(program: Program, exprs: Iterable[tree.Expr]) -> tuple[set[str], set[str]]:
    """The names after a dot, and those without one."""
    members: set[str] = set()
    names: set[str] = set()
    pending = list(exprs)
    while pending:
        for node in walk(pending.pop()):
            if isinstance(node, tree.Member):
                members.add(node.name)
            if isinstance(node, tree.Name) and node.text not in names:
                names.add(node.text)
                if node.text in program.pures:
                    pending.append(program.pures[node.text].body)
                if node.text in program.lets:
                    pending.append(program.lets[node.text].value)
    return members, names


def spoken_of(program: Program, call: Call) -> tuple[set[str], set[str]]:
    """The last parts of the names of cells of which the outcomes of a call speak, and all other names in them."""
    pending: list[tree.Expr] = [let.value for let in call.lets]
    for outcome in call.outcomes:
        pending.append(outcome.condition)
        pending += [said.value for said in (outcome.returns, outcome.next) if said is not None]
        for update in (*outcome.effects, *outcome.later):
            known = program.actions[update.action].updates if isinstance(update, tree.Perform) else (update,)
            pending += [part for one in known for part in (one.place, one.value)]
    return mentioned(program, pending)


def relied_on(program: Program) -> set[str]:
    """The last parts of the cells that decide what a CPU relies on while another one executes."""
    exprs = [fact.value for actor in program.actors.values() for fact in actor.facts]
    exprs += [fact.value for fact in (program.thread.facts if program.thread is not None else ())]
    for cell in program.cells():
        if isinstance(cell.discipline, tree.OwnedBy):
            exprs.append(cell.discipline.owner)
            exprs += [] if cell.discipline.condition is None else [cell.discipline.condition]
    members, names = mentioned(program, exprs)
    return members | names
