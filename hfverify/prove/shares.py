"""A call that has many paths, decided in several processes: each proves what is promised on its share of them.

Reads   the code and the specification of a call
Gives   Shared: what holds on one share; and, from all shares, the verdicts
Refuses nothing: what is not proved on a share is nothing, and is to be decided as a whole
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hfverify.execute.paths import MOST_PATHS, Share
from hfverify.execute.source import Sources
from hfverify.model.program import Call, Program
from hfverify.prove.decide import Decision, prove, reach
from hfverify.prove.obligations import call_subject, declared
from hfverify.prove.solver import Outcome
from hfverify.verdict import Status, Verdict

# With fewer outcomes a call has few paths: what shares have in common costs as much as is gained beside each other,
# and more where other units wait.
MANY_OUTCOMES = 10
SHARES = 2


@dataclass(frozen=True, slots=True)
class Shared:
    """Everything is proved on one share; `reached` says of outcomes whether a state leads to them on it.

    `seen` is how the `paths` were divided, `taken` and `waits` are what the obligations depend on.
    """

    seen: tuple[tuple[bool, ...], ...]
    paths: int
    taken: frozenset[str]
    waits: bool
    proved: dict[str, tuple[int, float]]
    reached: dict[str, bool]


def shares_of(call: Call) -> int:
    """In how many shares a call is decided."""
    return SHARES if len(call.outcomes) >= MANY_OUTCOMES else 1


def prove_share(program: Program, sources: Sources, call: Call, index: int, steps: int) -> Shared | None:
    """What is proved on a share; nothing if something is not."""
    share = Share(index, shares_of(call))
    subject = call_subject(program, sources, call, share)
    if subject.refusals:
        return None
    decisions = prove(subject, steps)
    if decisions is None:
        return None
    ways = reach(subject, steps)
    return Shared(
        tuple(share.seen),
        len(subject.groups),
        subject.taken,
        subject.waits,
        {name: _cost(decisions[name], ways.get(name)) for name in decisions},
        {name: decision.outcome is Outcome.PROVED for name, decision in ways.items()},
    )


def _cost(*decisions: Decision | None) -> tuple[int, float]:
    found = [decision for decision in decisions if decision is not None]
    return sum(decision.steps for decision in found), sum(decision.seconds for decision in found)


def together(program: Program, sources: Sources, call: Call, shares: Sequence[Shared]) -> list[Verdict] | None:
    """The verdicts, if the shares are all the paths there are and some state leads to each outcome."""
    if len(shares) != shares_of(call) or any(share.seen != shares[0].seen for share in shares):
        return None
    if sum(share.paths for share in shares) > MOST_PATHS:
        return None
    unreached = {name for share in shares for name, found in share.reached.items() if not found}
    if any(not any(share.reached.get(name, False) for share in shares) for name in unreached):
        return None
    function = sources.function(call.impl.target, call.impl.span)
    taken = frozenset().union(*(share.taken for share in shares))
    subject = declared(program, call, function, taken, waits=any(share.waits for share in shares))
    verdicts: list[Verdict] = []
    for name, obligation in subject.obligations.items():
        costs = [share.proved[name] for share in shares if name in share.proved]
        if not costs:
            return None
        steps, seconds = sum(cost[0] for cost in costs), sum(cost[1] for cost in costs)
        verdicts.append(Verdict(obligation, Status.PROVED, steps, seconds))
    return verdicts
