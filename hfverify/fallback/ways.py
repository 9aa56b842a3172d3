"""The paths that a subject is about, as the decisions by which a run of the real code is known to follow one.

Reads   prove.obligations.Subject, its paths
Gives   Way for each path, and the ways on which each obligation speaks
Refuses nothing; decisions that are made where no condition stands in the text are left to the others
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from hfverify.execute.paths import Path
from hfverify.model.program import Program
from hfverify.prove.obligations import Subject

# A condition in the text with how it was decided; or a specified function, one of its outcomes, and whether it applied.
Event = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """`refused` says why the path could not be followed to its end; then its decisions are those up to there.

    A path that `returns` is followed only by a run that returned: only there is the promise looked at.
    """

    number: int
    events: tuple[Event, ...]
    label: str
    returns: bool
    refused: str = ""


def ways_of(program: Program, subject: Subject, impl: str) -> list[Way]:
    """One for each path; `impl` is how places name the folder of the implementation."""
    return [
        Way(
            number,
            tuple(_events(program, group.path, impl)),
            _label(group.path),
            group.path.ended in ("", "refused"),
            _refused(group.path),
        )
        for number, group in enumerate(subject.groups)
        if group.path is not None
    ]


def speaks_of(subject: Subject, obligation: str, ways: Sequence[Way]) -> list[Way]:
    """The ways about which something is asked for an obligation; all, if nothing is asked of any."""
    asked = {n for n, group in enumerate(subject.groups) if any(q.obligation == obligation for q in group.queries)}
    return [way for way in ways if way.number in asked or way.refused] if asked else list(ways)


def follows(way: Way, events: Sequence[Event], places: Collection[Any]) -> bool:
    """Whether a run decided as the path does, wherever both decide."""
    position = 0
    for what, how in way.events:
        if isinstance(what, tuple) and what not in places:
            continue
        while position < len(events) and not _about(what, events[position]):
            position += 1
        if position == len(events):
            return False
        if isinstance(what, tuple):
            if events[position][1] != how:
                return False
            position += 1
        else:
            outcome, applied = how
            if (events[position][1] == outcome) is not applied:
                return False
            position += applied
    return True


def _about(what: object, event: Event) -> bool:
    return bool(event[0] == what)


def _events(program: Program, path: Path, impl: str) -> list[Event]:
    functions = {call.name for call in program.functions.values()}
    found: list[Event] = []
    for decision in path.decisions:
        name = decision.text.split(": ")[0]
        if name in functions and ": " in decision.text:
            found.append((name, (decision.text.removeprefix(f"{name}: "), decision.taken)))
        else:
            span = decision.span
            found.append(((span.file.removeprefix(f"{impl}/"), span.line, span.column), decision.taken))
    return found


def _label(path: Path) -> str:
    """The lines of the decisions, as a reader finds the path in the text."""
    shown: list[str] = []
    for decision in path.decisions:
        shown.append(f"{decision.span.line}{'' if decision.taken else '!'}")
    return " ".join(shown) or "the only path"


def _refused(path: Path) -> str:
    return f"{path.refusal.message} ({path.refusal.span})" if path.refusal is not None else ""
