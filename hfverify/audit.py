"""What every proof rests on without being proved itself: each with a name, a reason and a place.

Reads   model.program.Program
Gives   Trusted, in the order in which a reader meets them
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass

from hfverify.diagnostics import Span
from hfverify.model.program import Program
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Trusted:
    """One thing that is taken for granted; `kind` says of which sort it is, `call` is the only one it concerns."""

    kind: str
    name: str
    reason: str
    span: Span
    call: str = ""

    def concerns(self, call: str) -> bool:
        """Whether what is said of a call may rest on it."""
        return not self.call or self.call == call


def trusted(program: Program) -> list[Trusted]:
    """Everything that is taken for granted."""
    found = [Trusted("assumed", item.name, item.because, item.name_span) for item in program.assumes]
    found += [
        Trusted("trusted", trust.name, f"{trust.target}: {trust.because}", trust.name_span)
        for trust in program.trusts.values()
    ]
    for cell in program.cells():
        if isinstance(cell.discipline, tree.Plain) and cell.discipline.kind == "volatile":
            found.append(Trusted("volatile", cell.name, cell.discipline.because, cell.span))
        elif cell.is_fickle:
            found.append(Trusted("atomic", cell.name, "a read and a write are each done in one piece", cell.span))
    if program.thread is not None:
        for fact in program.thread.facts:
            found.append(Trusted("boot", fact.name, "it holds before the first call on each CPU", fact.name_span))
    for actor in program.actors.values():
        if actor.formerly:
            reason = (
                f"entry points run for it only after a call by `{actor.formerly}` named a `next`, until one `ends` it"
            )
        else:
            reason = "what it relies on holds before the first call on each CPU; then calls run for who is `next`"
        found.append(Trusted("played", actor.name, reason, actor.span))
    for call in program.calls.values():
        for outcome in call.outcomes:
            if program.stops(call, outcome):
                reason = "the thread executes nothing more, until all that threads rely on holds again"
                found.append(Trusted("stops", f"{call.name}.{outcome.name}", reason, outcome.name_span))
    for state, rule in program.represents.items():
        reason = f"each {rule.target} is made as the rule says, before the first call"
        found.append(Trusted("represented", state, reason, rule.span))
    for call in program.calls.values():
        if call.trusted:
            found.append(Trusted("trusted", call.name, f"{call.impl.target}: {call.trusted}", call.name_span))
        for given in () if call.is_function else call.givens:
            reason = given.doc or "whoever makes the call sees to it"
            found.append(Trusted("given", f"{call.name}.{given.name}", reason, given.name_span, call.name))
        for wait, _ in call.awaits:
            reason = wait.doc or "what is awaited comes true"
            found.append(
                Trusted("awaits", call.name, f"{reason} (that it does in the end is not proved)", wait.span, call.name)
            )
    for left_out in program.dispatcher.unspecified if program.dispatcher is not None else ():
        assert program.dispatcher is not None
        name = f"{program.dispatcher.name} {left_out.number:#x}"
        found.append(Trusted("unspecified", name, left_out.because, left_out.span, program.dispatcher.name))
    for trap in program.traps.values():
        reason = f"every call of a guest is made by {trap.impl.target}, with its registers"
        found.append(Trusted("trap", trap.name, reason, trap.name_span))
    for accept in program.accepted.values():
        group = accept.name.split(".")[0]
        found.append(Trusted("accepted", accept.name, f"tested, not proved: {accept.because}", accept.name_span, group))
    for (target, position), loop in program.loops.items():
        reason = "that the loop ends is not proved"
        found.append(Trusted("loop", f"{target.split(':')[1]} {position}", reason, loop.name_span))
    return found
