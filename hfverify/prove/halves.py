"""Decide a subject in two processes: a copy of this one takes every second path and every second outcome.

Reads   prove.obligations.Subject
Gives   Decision for each obligation, and for each outcome whether a state leads to it
Refuses nothing; what a copy that died was asked is UNKNOWN or asked again here
"""

from __future__ import annotations

from hfverify.prove.beside import Died, beside
from hfverify.prove.decide import Decision, decide, prove_all, reach
from hfverify.prove.obligations import MUST_BE_REACHED, Subject
from hfverify.prove.solver import Outcome

Decisions = dict[str, Decision]


def decide_and_reach(subject: Subject, steps: int, asked: set[str], *, splits: bool) -> tuple[Decisions, Decisions]:
    """Both questions; a solver's model cannot be sent, so what the copy does not prove is decided here."""
    wanted = [name for name, o in subject.obligations.items() if name in asked and o.kind in MUST_BE_REACHED]
    if not splits:
        return decide(subject, steps, asked), reach(subject, steps, set(wanted))
    others = subject.groups[1::2]

    def copy() -> tuple[dict[str, tuple[int, float]] | None, Decisions]:
        return prove_all(subject, steps, asked, others), reach(subject, steps, set(wanted[1::2]))

    waiting = beside(copy)
    decisions = decide(subject, steps, asked, subject.groups[::2])
    reached = reach(subject, steps, set(wanted[::2]))
    try:
        spent, reached_there = waiting()
    except Died as died:
        spent, reached_there = None, {name: Decision(Outcome.GAVE_UP, reason=str(died)) for name in wanted[1::2]}
    if spent is None:
        decisions = decide(subject, steps, asked)
    for name, (more, seconds) in (spent or {}).items():
        decisions[name].steps += more
        decisions[name].seconds += seconds
    return decisions, reached | reached_there
