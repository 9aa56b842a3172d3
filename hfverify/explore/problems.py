"""What is wrong with an execution, in words, and which obligation it breaks.

Reads   explore.machine.Execution
Gives   Problem: deadlocks, calls that wait for ever, races, and whatever the calls promise and do not keep
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Sequence
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


def problems(execution: Execution, calls: Sequence[str] = ()) -> list[Problem]:
    """All problems of an execution, the worst first; without a call for each CPU, what is broken names its call."""
    found: list[Problem] = []
    if execution.blocked:
        found.append(_stuck(execution.blocked, calls))
    if execution.too_long:
        who = "calls have not ended" if calls else "guests have neither ended nor come to rest"
        found.append(Problem("endless", "endless", f"the {who} after {len(execution.steps)} steps"))
    for cpu, violation in execution.violations:
        place = f" ({violation.file}:{violation.line})" if violation.file else ""
        obligation = f"{calls[cpu]}.{violation.kind}" if calls else violation.kind
        text = f"{_by(cpu)}{violation.text}{place}"
        found.append(Problem("broken", f"{obligation} {violation.file}:{violation.line}", text, obligation))
    if not found:
        found += [
            Problem("broken", f"{calls[cpu] if calls else 'guests'} {why}", f"CPU {cpu}: {why}")
            for cpu, why in execution.failed.items()
        ]
    found += [_race(race, calls) for race in execution.races]
    return found + [Problem(lost.kind, lost.key, lost.text) for lost in execution.lost]


def _by(cpu: int) -> str:
    return f"CPU {cpu}: " if cpu >= 0 else ""


def _stuck(blocked: list[Blocked], calls: Sequence[str]) -> Problem:
    told = [
        f"CPU {one.cpu} holds {', '.join(map(str, one.holds)) or 'no lock'} and waits for {one.next.what}"
        for one in blocked
    ]
    waits = {one.next.lock for one in blocked if one.next.kind is Kind.TAKE}
    cycle = bool(waits) and waits <= {lock for one in blocked for lock in one.holds}
    kind = "deadlock" if cycle else "stuck"
    places = "; ".join(sorted(f"{one.next.place[0]}:{one.next.place[1]}" for one in blocked))
    obligation = f"{calls[blocked[0].cpu]}.lock.order" if calls else ""
    return Problem(kind, f"{kind} {places}", "; ".join(told), obligation)


def _race(race: Race, calls: Sequence[str]) -> Problem:
    name, keys = race.cell if isinstance(race.cell, tuple) else (str(race.cell), ())
    state, _, path = name.partition(".")
    cell = f"{state}[{', '.join(map(str, keys))}].{path}" if keys else name
    told = [
        f"{verb} by CPU {cpu} ({f'{place[0]}:{place[1]}' if place[0] else 'outside of its call'})"
        for cpu, verb, place in zip(race.cpus, race.verbs, race.places, strict=True)
    ]
    key = f"race {name} " + " ".join(sorted(f"{file}:{line}" for file, line in race.places))
    text = f"nothing keeps {cell} {told[0]} and {told[1]} apart"
    return Problem("race", key, text, f"{calls[race.cpus[1]]}.lock.held" if calls else "")
