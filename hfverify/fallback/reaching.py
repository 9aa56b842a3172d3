"""Situations that lead down a path, from the solver.

Reads   prove.obligations.Subject
Gives   for each path a few requests as plain data: one for each outcome that it can have, heaps of each size;
        whether a path is none that any state leads down
Refuses nothing; a path for which the solver finds nothing in a small machine has none
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import z3

from hfverify.execute.paths import Path, spec_env, start
from hfverify.execute.signatures import lets
from hfverify.execute.world import World
from hfverify.explain.requests import request_of
from hfverify.explain.scenario import Scenario, to_json
from hfverify.explain.witness import Reader, list_request, scenario
from hfverify.logic.cells import Cells
from hfverify.logic.values import Ref, Stored
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BoolType
from hfverify.prove.contracts import contract_name, contract_roles
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group
from hfverify.prove.small import Bounds
from hfverify.prove.solver import SMALL, Answer, Outcome, find, make_solver
from hfverify.prove.specification import Fickle, Wanted, check_call, guards

# A volatile cell of an object, and the term for what is read there.
Device = tuple[Cell, Ref, Stored]
# Solver steps for each situation: it is looked for whatever the budget of the proof was.
STEPS = 2_000_000
# Most outcomes contradict a path at first sight; a search of small machines takes a hundred times as long to see that.
GLANCE = STEPS // 20
# Code may do something else for the third object of a kind than for the first two.
LARGE = Bounds(3)
# A model says little of maps: in how many ways they are completed.
COMPLETIONS = 2


def requests(program: Program, subject: Subject) -> tuple[str, list[Any]]:
    """What kind of request can show what the subject does, and where to begin; no kind, if it cannot be run."""
    if subject.name in program.calls:
        call = program.calls[subject.name]
        found = _situations(program, subject, call)
        if subject.refusals:
            # What comes after a refusal depends on outcomes that nobody could follow.
            found += stated(program, *check_call(program, call))
        return "scenario", _each_once(found)
    contracts = [contract_name(program, contract) for contract in program.contracts]
    if subject.name in contracts:
        return "contract", _heaps(program, subject, contracts.index(subject.name))
    if subject.name in program.codecs:
        return "codec", [{"name": subject.name, "number": 0}]
    seen = [(group, state) for group in subject.groups for state in _seen(group, [])]
    asked = [request_of(program, subject, group, state.answer) for group, state in seen]
    found = [request for name, request in (item for item in asked if item is not None) if name == "registers"]
    return ("registers", found) if found else ("", [])


def stated(program: Program, subject: Subject, wanted: Sequence[Wanted]) -> list[Any]:
    """For each outcome of a call a situation in which it applies, whatever the code does."""
    call, group = program.calls[subject.name], subject.groups[0]
    world, names = start(program, call)
    devices = _Devices(world)
    env = replace(spec_env(world, names), volatile=devices)
    # The questions have the same names for what devices give.
    guards(call, env.bind(lets(call, env)), world)
    world.facts.formulas = group.facts
    found: list[Any] = []
    for item in wanted:
        for seen in _seen(group, list(item.formulas)):
            found += seen.situations(program, call, None, world, devices.seen)
    return _each_once(found)


class _Devices(Fickle):
    """What each volatile cell has while the clauses look at it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.seen: list[Device] = []

    def __call__(self, cell: Cell, ref: Ref) -> Stored:
        self.seen.append((cell, ref, super().__call__(cell, ref)))
        return self.seen[-1][2]


def declared(program: Program, subject: Subject, wanted: Sequence[Wanted]) -> list[Any]:
    """For each thing that must be possible a state that shows it; of a scenario also what each call is given."""
    found: list[Any] = []
    here = z3.Int(program.thread.name if program.thread is not None else "thread")
    group = subject.groups[0]
    for item in wanted:
        name, kind = item.obligation.removeprefix(f"{subject.name}.").rsplit(".", 1)
        steps = program.scenarios[name].steps if kind == "scenario" else ()
        for seen in _seen(group, list(item.formulas)):
            reader = Reader(program, seen.model, seen.bounds, group.facts, bits=seen.bits)
            store = reader.state(Cells.arbitrary(program))
            situation = Scenario("", store.sizes, reader.number(here), cells=store.cells)
            given = [_given(program, reader, step.call, number) for number, step in enumerate(steps)]
            shows = f"{name}.{kind}" if steps else name
            found.append({"wanted": shows, "scenario": to_json(program, situation), "steps": given})
    return _each_once(found)


def _given(program: Program, reader: Reader, name: str, number: int) -> dict[str, Any]:
    """What a step of a scenario is given, by the names that the question has for it."""
    call = program.calls[name]

    def position(state: str, prefix: str) -> list[int]:
        return [reader.number(z3.Int(f"{prefix}.{key.name}")) for key in program.states[state].keys]

    return {
        "actor": position(program.actors[call.actor].state, call.actor) if call.actor else [],
        "objects": {item.name: position(item.state, f"{item.name}.{number}") for item in call.objects},
        "arguments": {
            argument.name: reader.truth(z3.Bool(f"{argument.name}.{number}"))
            if isinstance(type_, BoolType)
            else reader.number(z3.Int(f"{argument.name}.{number}"))
            for argument, type_ in call.arguments
        },
    }


def _situations(program: Program, subject: Subject, call: Call) -> list[Any]:
    found: list[Any] = []
    for group in subject.groups:
        if group.path is None:
            continue
        guards = [[guard] for _, guard in group.guards if not _contradicts(group, guard)] if group.guards else [[]]
        states = [seen for guard in guards for seen in _seen(group, guard)]
        if not group.knows_more:
            # Whatever is promised there: wrong code may go down a path in another case.
            states += _seen(group, _large(program, call), (LARGE,))
        elif call.actor and not _contradicts(group, late := _late(program, call)):
            states += _seen(group, [late], (SMALL[0], LARGE))
        for seen in states:
            found += seen.situations(program, call, group.path, group.path.world)
    return _each_once(found)


def _contradicts(group: Group, guard: z3.BoolRef) -> bool:
    """Whether it is easily seen that no state of any machine leads down the path to this outcome."""
    solver = make_solver(GLANCE, mbqi=False)
    solver.add(*group.facts, *group.assumptions, guard)
    return bool(solver.check() == z3.unsat)


def _large(program: Program, call: Call) -> list[z3.BoolRef]:
    """The machine has as many objects as a small one can, and the call is made for one that comes late."""
    found = [z3.Int(size) == LARGE.objects for size in program.sizes]
    if call.actor:
        first = program.states[program.actors[call.actor].state].keys[:1]
        found += [z3.Int(f"{call.actor}.{key.name}") == LARGE.objects - 1 for key in first]
    return found


def _late(program: Program, call: Call) -> z3.BoolRef:
    """The call is made for another object than the first: it may come before or after those that it speaks of."""
    keys = program.states[program.actors[call.actor].state].keys[:1]
    return z3.And([z3.Int(f"{call.actor}.{key.name}") > 0 for key in keys])


def _heaps(program: Program, subject: Subject, index: int) -> list[Any]:
    """Heaps with queues of every length that the small machines have."""
    roles = contract_roles(program.contracts[index])
    found: list[Any] = []
    for group in subject.groups:
        for members in range(max(bounds.objects for bounds in SMALL) + 1):
            lengths = [
                z3.Sum([z3.If(queue.has(z3.IntVal(k)), 1, 0) for k in range(members + 2)]) == members
                for queue in roles.queues.values()
            ]
            found += [list_request(program, index, roles, seen.model, seen.bounds) for seen in _seen(group, lengths)]
    return _each_once(found)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state of a small machine; of sets, it speaks of these bits, and of maps in one way or several."""

    answer: Answer
    model: z3.ModelRef
    bounds: Bounds
    bits: tuple[int, ...]
    completions: int

    def situations(
        self, program: Program, call: Call, path: Path | None, world: World, devices: Sequence[Device] = ()
    ) -> list[Any]:
        """As plain data, with the maps completed in each way; devices give the same all the time."""
        reader = Reader(program, self.model, self.bounds, world.facts.formulas, bits=self.bits)
        found: list[Any] = []
        for number in range(self.completions):
            made = scenario(program, call, path, world, self.model, self.bounds, number, bits=self.bits)
            for cell, ref, value in devices:
                made.cells[cell.name, reader.keys(ref)] = reader.value(cell, value)
            found.append(to_json(program, made))
        return found


def _seen(group: Group, guard: list[z3.BoolRef], sizes: Sequence[Bounds] = SMALL) -> Iterator[_Seen]:
    """A state; where there are maps, another one for which the solver has looked at more of their numbers."""
    for also in (False, True) if group.knows_more else (False,):
        answer = find(group, [*group.facts, *group.assumptions, *guard], STEPS, smallest=False, also=also, sizes=sizes)
        if answer.outcome is Outcome.PROVED:
            # To look at more numbers only excludes more.
            return
        if answer.model is not None and answer.bounds is not None:
            # A model says nothing of the other members of sets.
            bits = group.expansion(answer.bounds, also=also).bounds.bits
            yield _Seen(answer, answer.model, answer.bounds, bits, COMPLETIONS if group.knows_more else 1)
            sizes = (answer.bounds,)


def impossible(subject: Subject, number: int) -> bool:
    """Whether no state leads down a path, in machines of any size: of such a path there is nothing to see.

    What the path demands, or a function ensures, is left out: neither is known where something is still open.
    """
    group = subject.groups[number]
    world = group.path.world if group.path is not None else None
    believed = world.granted | world.demanded if world is not None else set()
    solver = make_solver(STEPS, mbqi=False)
    solver.add(*group.facts, *(known for place, known in enumerate(group.assumptions) if place not in believed))
    return bool(solver.check() == z3.unsat)


def _each_once(found: list[Any]) -> list[Any]:
    return [item for number, item in enumerate(found) if item not in found[:number]]
