"""What is wrong with an execution, in words, and which obligation it breaks.

Reads   explore.machine.Execution
Gives   Problem: deadlocks, calls that wait for ever, races, and whatever the calls promise and do not keep
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass

from hfverify.explore.clocks import Race
from hfverify.explore.steps import Blocked, Execution, Kind


@dataclass(frozen=True, slots=True)
class Problem:
    """`key` is the same for what is found again elsewhere; `obligation` is the one that the proof asks about it."""

    kind: str
    key: str
    text: str
    obligation: str = ""


def problems(execution: Execution, calls: list[str]) -> list[Problem]:
    """All problems of an execution, the worst first."""
    found: list[Problem] = []
    if execution.blocked:
        found.append(_stuck(execution.blocked, calls))
    if execution.too_long:
        found.append(Problem("endless", "endless", f"the calls have not ended after {len(execution.steps)} steps"))
    for cpu, violation in execution.violations:
        place = f" ({violation.file}:{violation.line})" if violation.file else ""
        obligation = f"{calls[cpu]}.{violation.kind}"
        text = f"CPU {cpu}: {violation.text}{place}"
        found.append(Problem("broken", f"{obligation} {violation.file}:{violation.line}", text, obligation))
    if not found:
        found += [
            Problem("broken", f"{calls[cpu]} {why}", f"CPU {cpu}: {why}") for cpu, why in execution.failed.items()
        ]
    return [*found, *(_race(race, calls) for race in execution.races)]


def _stuck(blocked: list[Blocked], calls: list[str]) -> Problem:
    told = [
        f"CPU {one.cpu} holds {', '.join(map(str, one.holds)) or 'no lock'} and waits for {one.next.what}"
        for one in blocked
    ]
    waits = {one.next.lock for one in blocked if one.next.kind is Kind.TAKE}
    cycle = bool(waits) and waits <= {lock for one in blocked for lock in one.holds}
    kind = "deadlock" if cycle else "stuck"
    places = "; ".join(sorted(f"{one.next.place[0]}:{one.next.place[1]}" for one in blocked))
    return Problem(kind, f"{kind} {places}", "; ".join(told), f"{calls[blocked[0].cpu]}.lock.order")


def _race(race: Race, calls: list[str]) -> Problem:
    name, keys = race.cell if isinstance(race.cell, tuple) else (str(race.cell), ())
    state, _, path = name.partition(".")
    cell = f"{state}[{', '.join(map(str, keys))}].{path}" if keys else name
    told = [
        f"{verb} by CPU {cpu} ({f'{place[0]}:{place[1]}' if place[0] else 'outside of its call'})"
        for cpu, verb, place in zip(race.cpus, race.verbs, race.places, strict=True)
    ]
    key = f"race {name} " + " ".join(sorted(f"{file}:{line}" for file, line in race.places))
    text = f"nothing keeps {cell} {told[0]} and {told[1]} apart"
    return Problem("race", key, text, f"{calls[race.cpus[1]]}.lock.held")
