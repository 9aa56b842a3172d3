"""Situations that lead down a path, from the solver.

Reads   prove.obligations.Subject
Gives   for each path a few requests as plain data: one for each outcome that it can have, heaps of each size
Refuses nothing; a path for which the solver finds nothing in a small machine has none
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import z3

from hfverify.execute.world import World
from hfverify.explain.requests import request_of
from hfverify.explain.scenario import Scenario, to_json
from hfverify.explain.witness import Reader, list_request, scenario
from hfverify.logic.cells import Cells
from hfverify.model.program import Call, Program
from hfverify.prove.contracts import contract_name, contract_roles
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group
from hfverify.prove.small import Bounds
from hfverify.prove.solver import SMALL, Answer, Outcome, find
from hfverify.prove.specification import Wanted, check_call

# Solver steps for each situation: it is looked for whatever the budget of the proof was.
STEPS = 400_000


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
    answers = [(group, answer) for group in subject.groups for answer in _answers(group, [])]
    asked = [request_of(program, subject, group, answer) for group, answer in answers]
    found = [request for name, request in (item for item in asked if item is not None) if name == "registers"]
    return ("registers", found) if found else ("", [])


def stated(program: Program, subject: Subject, wanted: Sequence[Wanted]) -> list[Any]:
    """For each outcome of a call a situation in which it applies, whatever the code does."""
    call = program.calls[subject.name]
    found: list[Any] = []
    here = z3.Int(program.thread.name if program.thread is not None else "thread")
    for item in wanted:
        for answer in _answers(subject.groups[0], list(item.formulas)):
            assert answer.model is not None and answer.bounds is not None
            world = World(program, here)
            world.facts.formulas = subject.groups[0].facts
            bits = _bits(subject.groups[0], answer.bounds)
            situation = scenario(program, call, None, world, answer.model, answer.bounds, bits=bits)
            found.append(to_json(program, situation))
    return _each_once(found)


def declared(program: Program, subject: Subject, wanted: Sequence[Wanted]) -> list[Any]:
    """For each thing that must be possible a state that shows it."""
    found: list[Any] = []
    here = z3.Int(program.thread.name if program.thread is not None else "thread")
    for item in wanted:
        name = item.obligation.removeprefix(f"{subject.name}.").rsplit(".", 1)
        for answer in _answers(subject.groups[0], list(item.formulas)) if name[1] != "scenario" else ():
            assert answer.model is not None and answer.bounds is not None
            group = subject.groups[0]
            bits = _bits(group, answer.bounds)
            reader = Reader(program, answer.model, answer.bounds, group.facts, bits=bits)
            store = reader.state(Cells.arbitrary(program))
            situation = Scenario("", store.sizes, reader.number(here), cells=store.cells)
            found.append({"wanted": name[0], "scenario": to_json(program, situation)})
    return _each_once(found)


def _situations(program: Program, subject: Subject, call: Call) -> list[Any]:
    found: list[Any] = []
    for group in subject.groups:
        path = group.path
        for guard in [[guard] for _, guard in group.guards] or [[]]:
            for answer in _answers(group, guard) if path is not None else ():
                assert path is not None and answer.model is not None and answer.bounds is not None
                bits = _bits(group, answer.bounds)
                situation = scenario(program, call, path, path.world, answer.model, answer.bounds, bits=bits)
                found.append(to_json(program, situation))
    return _each_once(found)


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
            for answer in _answers(group, lengths):
                assert answer.model is not None and answer.bounds is not None
                found.append(list_request(program, index, roles, answer.model, answer.bounds))
    return _each_once(found)


def _answers(group: Group, guard: list[z3.BoolRef]) -> Iterator[Answer]:
    formulas = [*group.facts, *group.assumptions, *guard]
    answer = find(group, formulas, STEPS, smallest=False, sizes=SMALL)
    if answer.outcome is Outcome.MODEL and answer.model is not None and answer.bounds is not None:
        yield answer


def _bits(group: Group, bounds: Bounds) -> tuple[int, ...]:
    """The members of sets of which a small machine speaks: a model says nothing of the others."""
    return group.expansion(bounds, also=False).bounds.bits


def _each_once(found: list[Any]) -> list[Any]:
    return [item for number, item in enumerate(found) if item not in found[:number]]
