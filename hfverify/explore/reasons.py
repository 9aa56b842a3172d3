"""Why no other CPU can collide with a call that breaks a rule about locks: arguments that are checked, not assumed.

Reads   model.program.Program, explore.likeness.Likeness of the counterexample
Gives   a sentence, or nothing if none of the arguments holds
Refuses nothing: where the solver gives up, nothing is said

The solver is asked about the locks that the specification names, in small machines, and about two CPUs.
"""

from __future__ import annotations

import z3

from hfverify.explain.concrete import Env, Evaluator, Keys, Ref, Store, Undefined
from hfverify.explore.likeness import Likeness, guarded
from hfverify.explore.locking import locks_of
from hfverify.explore.situations import Situations
from hfverify.model.program import Program
from hfverify.syntax import tree

# A lock of an object in the counterexample: its name, and the keys of the object.
Lock = tuple[str, Keys]


def why_not(program: Program, call: str, outcome: str, like: Likeness | None) -> str:
    """The first argument that holds."""
    if like is None:
        return ""
    unfair = _unfair(program, call, like)
    return unfair or _kept_apart(program, call, outcome, like) or _nobody_else(program, call, like)


def _unfair(program: Program, call: str, like: Likeness) -> str:
    """In the counterexample others change what the call relies on, which nobody does."""
    actor = program.calls[call].actor
    if not actor:
        return ""
    ref = Ref(program.actors[actor].state, like.actor)
    facts: list[tree.Fact] = [*program.actors[actor].facts]
    before = Store(dict(like.sizes), dict(like.begins))
    for step in like.schedule:
        after = Store(before.sizes, {**before.cells, **dict(step)})
        for fact in facts:
            if _holds(program, fact, ref, like.here, before) and not _holds(program, fact, ref, like.here, after):
                return (
                    f"in the counterexample other CPUs break `{fact.name}` of {ref}, on which its CPU relies: "
                    f"they never do"
                )
        before = after
    return ""


def _holds(program: Program, fact: tree.Fact, ref: Ref, here: int, store: Store) -> bool:
    try:
        return Evaluator(program).truth(fact.value, Env(store, {}, ref, here))
    except Undefined:
        return False


def _kept_apart(program: Program, call: str, outcome: str, like: Likeness) -> str:
    """Nobody else takes the lock that the call forgets, or whoever does takes another one too that the call holds."""
    place = guarded(program, like.place) if like.place is not None else None
    if like.place is None or place is None:
        return ""
    name = place[0]
    index = _index(Situations(program, [program.calls[call]]), outcome, like, (name, like.place[1]))
    if index is None:
        return ""
    nobody = True
    for other in _calls_with(program, {name}):
        company = Situations(program, [program.calls[call], program.calls[other]])
        for also, _ in company.guards[1]:
            wanted = company.company.wanted((outcome, also))
            kept = [lock for number, lock in enumerate(wanted[0]) if number != index]
            met = company.company.shared(wanted[0][index], wanted[1])
            apart = [z3.Not(company.company.shared(lock, wanted[1])) for lock in kept]
            guards = [dict(known)[n] for known, n in zip(company.guards, (outcome, also), strict=True)]
            nobody = nobody and company.excluded([*guards, met]) is True
            if not nobody and company.excluded([*guards, met, *apart]) is not True:
                return ""
    if nobody:
        return f"no other CPU can want this {name}"
    return f"every other call that takes this {name} also takes another lock that {call} holds"


def _nobody_else(program: Program, call: str, like: Likeness) -> str:
    """No other call wants the two locks that are taken in the wrong order."""
    if len(like.swapped) != 2:
        return ""
    alone = Situations(program, [program.calls[call]])
    places = {name: [_index(alone, name, like, lock) for lock in like.swapped] for name, _ in alone.guards[0]}
    outcome = next((name for name, indices in places.items() if None not in indices), "")
    if not outcome:
        return ""
    for other in _calls_with(program, {name for name, _ in like.swapped}):
        company = Situations(program, [program.calls[call], program.calls[other]])
        comes = z3.Or(*[guard for name, guard in company.guards[0] if places[name] != [None, None]])
        for also, guard in company.guards[1]:
            wanted = company.company.wanted((outcome, also))
            mine = [wanted[0][index] for index in places[outcome] if index is not None]
            both = [company.company.shared(lock, wanted[1]) for lock in mine]
            if company.excluded([comes, guard, *both]) is not True:
                return ""
    names = " and ".join(name for name, _ in like.swapped)
    return f"no other call wants the same {names} as {call}, so that no two CPUs can wait for each other"


def _calls_with(program: Program, locks: set[str]) -> list[str]:
    calls = (call for call in program.calls.values() if not call.is_function)
    return sorted(call.name for call in calls if locks <= locks_of(program, call))


def _index(alone: Situations, outcome: str, like: Likeness, lock: Lock) -> int | None:
    """Which lock of the protocol it is in the counterexample."""
    model = alone.model_like(like)
    if model is None:
        return None
    found = [
        (name, tuple(model.eval(key, model_completion=True).as_long() for key in ref.keys))
        for name, ref in alone.company.wanted((outcome,))[0]
    ]
    return found.index(lock) if lock in found else None
