"""Situations that lead down a path, from the solver.

Reads   prove.obligations.Subject
Gives   for each path a few situations as plain data, one for each outcome that the path can have
Refuses nothing; a path for which the solver finds no situation in a small machine has none
"""

from __future__ import annotations

from typing import Any

import z3

from hfverify.explain.concrete import Bits
from hfverify.explain.scenario import to_json
from hfverify.explain.witness import scenario
from hfverify.model.program import Call, Program
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group
from hfverify.prove.solver import SMALL, Outcome, find

# Solver steps for each situation: it is looked for whatever the budget of the proof was.
STEPS = 400_000


def situations(program: Program, subject: Subject, call: Call) -> list[dict[str, Any]]:
    """The situations of all paths, each once."""
    found: list[dict[str, Any]] = []
    for group in subject.groups:
        for guard in _guards(group):
            path = group.path
            assert path is not None
            answer = find(group, [*group.facts, *group.assumptions, *guard], STEPS, smallest=False, sizes=SMALL)
            if answer.outcome is Outcome.MODEL and answer.model is not None and answer.bounds is not None:
                situation = scenario(program, call, path, path.world, answer.model, answer.bounds)
                # Of the other bits the model says nothing.
                bits = group.expansion(answer.bounds, also=False).bounds.bits
                for changes in (situation.cells, *situation.schedule):
                    changes |= {key: Bits(v & set(bits)) for key, v in changes.items() if isinstance(v, Bits)}
                data = to_json(program, situation)
                if data not in found:
                    found.append(data)
    return found


def _guards(group: Group) -> list[list[z3.BoolRef]]:
    if group.path is None:
        return []
    return [[guard] for _, guard in group.guards] or [[]]
