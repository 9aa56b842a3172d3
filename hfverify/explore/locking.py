"""Which locks a call takes, as its protocol says, and with which other calls it may so collide.

Reads   model.program.Call
Gives   the names of locks; the calls that take one of the same, those that share most of them first
Refuses nothing; of a place whose object cannot be seen in its text nothing is said
"""

from __future__ import annotations

from hfverify.explain.mentions import mentioned, spoken_of
from hfverify.model.program import Call, Program
from hfverify.model.types import MapType
from hfverify.syntax import tree


def locks_of(program: Program, call: Call) -> set[str]:
    """The names of the locks in a call's protocol."""
    steps = call.protocol.steps if call.protocol is not None else ()
    found: set[str] = set()
    for held in (held for step in steps for held in step.locks):
        found |= _locks_at(program, call, held.place)
    return found


def partners(program: Program, name: str, cell: str = "") -> list[str]:
    """The call itself, and the others that take one of its locks or speak of the cell.

    First those that change nothing but what its owner depends on, then those that speak of it, of these the ones that
    change most of what its owner depends on, and then those whose locks differ least.
    """
    own = locks_of(program, program.calls[name])
    decisive = _decisive(program, cell)
    ranks: dict[str, tuple[bool, bool, int, int, str]] = {}
    for other in program.calls.values():
        locks = locks_of(program, other)
        speaks = bool(cell) and cell.rsplit(".", 1)[-1] in spoken_of(program, other)[0]
        if not other.is_function and other.name != name and (speaks or locks & own):
            written = _written(program, other)
            gives = bool(written) and written <= decisive
            ranks[other.name] = (not gives, not speaks, -len(decisive & written), len(own ^ locks), other.name)
    return [name, *sorted(ranks, key=lambda other: ranks[other])]


def writers(program: Program, cell: str) -> list[str]:
    """The calls that change the cell."""
    last = cell.rsplit(".", 1)[-1]
    return sorted(c.name for c in program.calls.values() if not c.is_function and cell and last in _written(program, c))


def enablers(program: Program, name: str, lock: str) -> list[str]:
    """The calls that take the lock and change what the outcome of a call depends on, those first that change most."""
    call = program.calls[name]
    members, names = mentioned(program, [outcome.condition for outcome in call.outcomes])
    members = members | mentioned(program, [let.value for let in call.lets if let.name in names])[0]
    ranks = {
        other.name: (-len(members & _written(program, other)), len(other.arguments), other.name)
        for other in program.calls.values()
        if not other.is_function and members & _written(program, other) and lock in locks_of(program, other)
    }
    return sorted(ranks, key=lambda other: ranks[other])


def nesting(program: Program, name: str, locks: set[str]) -> list[str]:
    """The other calls that may hold one of these locks while they take another one of them."""
    found: list[str] = []
    for call in program.calls.values():
        steps = call.protocol.steps if call.protocol is not None and not call.is_function else ()
        taken = [[_locks_at(program, call, held.place) & locks for held in step.locks] for step in steps]
        if call.name != name and any(sum(map(bool, together)) > 1 for together in taken):
            found.append(call.name)
    return sorted(found)


def _locks_at(program: Program, call: Call, place: tree.Expr) -> set[str]:
    if not isinstance(place, tree.Member):
        return set()
    return {f"{state}.{place.name}" for state in _states(program, call, place.base)} & program.locks.keys()


def _decisive(program: Program, cell: str) -> set[str]:
    """The last parts of the cells that say who owns the cell."""
    exprs: list[tree.Expr] = []
    for known in program.cells():
        if known.path == cell and isinstance(known.discipline, tree.OwnedBy):
            exprs.append(known.discipline.owner)
            exprs += [] if known.discipline.condition is None else [known.discipline.condition]
    return set().union(*mentioned(program, exprs))


def _written(program: Program, call: Call) -> set[str]:
    """The last parts of the cells that a call changes."""
    places: list[tree.Expr] = []
    for outcome in call.outcomes:
        for update in (*outcome.effects, *outcome.later):
            known = program.actions[update.action].updates if isinstance(update, tree.Perform) else (update,)
            places += [one.place for one in known if isinstance(one, tree.Update)]
    return {place.name for place in places if isinstance(place, tree.Member)}


def without_maps(program: Program) -> list[str]:
    """The calls that take no lock of a state with maps, for whose states the solver looks much longer."""
    maps = {
        lock.name
        for lock in program.locks.values()
        if any(isinstance(cell.type, MapType) for cell in program.states[lock.state].cells.values())
    }
    calls = (call for call in program.calls.values() if not call.is_function)
    return sorted(call.name for call in calls if not locks_of(program, call) & maps)


def _states(program: Program, call: Call, expr: tree.Expr) -> set[str]:
    """The states whose object an expression can be."""
    match expr:
        case tree.Index(_, tree.Name(_, text), _) if text in program.states:
            return {text}
        case tree.Conditional(_, _, then, otherwise):
            return _states(program, call, then) | _states(program, call, otherwise)
        case tree.Member(_, base, name):
            inner = {program.states[state].cells.get(name) for state in _states(program, call, base)}
            return {cell.state for cell in inner if cell is not None}
        case tree.Name(_, text):
            lets = {let.name: let.value for let in call.lets} | {n: let.value for n, let in program.lets.items()}
            objects = {item.name: item.state for item in call.objects}
            if text in lets:
                return _states(program, call, lets[text])
            if text in program.actors:
                return {program.actors[text].state}
            return {objects.get(text, text)} & program.states.keys()
        case _:
            return set()
