"""Decide every obligation of a subject: prove it for all machines, or refute it in a small one.

Reads   prove.obligations.Subject
Gives   Decision for each obligation: the answer, and for a failed one the query and the model
Refuses nothing: what cannot be decided says why
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import z3

from hfverify.diagnostics import Diagnostic
from hfverify.logic.terms import identity
from hfverify.prove.obligations import MUST_BE_REACHED, Subject
from hfverify.prove.query import Group, Query
from hfverify.prove.small import Bounds
from hfverify.prove.solver import GLANCE, SMALL, Answer, GroupSolver, Outcome, find
from hfverify.prove.specification import Wanted

MOST_TRIES = 3


@dataclass(slots=True)
class Decision:
    """What is known of one obligation. `candidates` are failed queries with their models, best first.

    `searches` is how often no state was found for one that failed.
    """

    outcome: Outcome
    steps: int = 0
    seconds: float = 0.0
    reason: str = ""
    candidates: list[tuple[Group, Query, Answer]] | None = None
    searches: int = 0

    @property
    def models(self) -> list[Answer]:
        """The answers that show a state."""
        return [answer for _, _, answer in self.candidates or () if answer.outcome is Outcome.MODEL]


def decide(subject: Subject, steps: int, only: set[str] | None = None) -> dict[str, Decision]:
    """All obligations; those that have no query hold trivially."""
    decisions = _undecided(subject, only)
    for group in subject.groups:
        solver = solver_of(group, steps)
        for queries in _alike(group, only):
            asked = [decisions[query.obligation] for query in queries]
            if all(decision.outcome is Outcome.PROVED for decision in asked) and _at_once(solver, queries, asked):
                continue
            for query, decision in zip(queries, asked, strict=True):
                if len(decision.models) < MOST_TRIES:
                    _ask(solver, group, query, decision)
    return decisions


def prove(subject: Subject, steps: int) -> dict[str, Decision] | None:
    """All obligations, if each is proved at the first try."""
    decisions = _undecided(subject, None)
    for group in subject.groups:
        solver = solver_of(group, steps)
        for queries in _alike(group, None):
            asked = [decisions[query.obligation] for query in queries]
            if not _at_once(solver, queries, asked):
                for query, decision in zip(queries, asked, strict=True):
                    if _try(solver, query, decision).outcome is not Outcome.PROVED:
                        return None
    return decisions


def _undecided(subject: Subject, only: set[str] | None) -> dict[str, Decision]:
    undeclared = {query.obligation for group in subject.groups for query in group.queries} - subject.obligations.keys()
    assert not undeclared, f"asked, but never answered: {sorted(undeclared)}"
    asked = [name for name in subject.obligations if only is None or name in only]
    return {name: Decision(Outcome.PROVED, candidates=[]) for name in asked}


def _at_once(solver: GroupSolver, queries: Sequence[Query], asked: Sequence[Decision]) -> bool:
    """Whether questions that share their hypotheses are proved in one; each then cost the same."""
    begun = time.perf_counter()
    shares = solver.prove_together(queries)
    if shares is None:
        return False
    seconds = (time.perf_counter() - begun) / len(queries)
    for decision, steps in zip(asked, shares, strict=True):
        decision.steps += steps
        decision.seconds += seconds
    return True


def _try(solver: GroupSolver, query: Query, decision: Decision) -> Answer:
    """Try to prove a question, at the cost of its obligation."""
    begun = time.perf_counter()
    answer = solver.prove(query)
    decision.steps += answer.steps
    decision.seconds += time.perf_counter() - begun
    return answer


def _alike(group: Group, only: set[str] | None) -> list[list[Query]]:
    """The queries that are asked, those with the same hypotheses together, in the order in which these grow."""
    last = len(group.assumptions) + 1
    found: dict[tuple[int, tuple[int, ...]], list[Query]] = {}
    for query in group.queries:
        if only is None or query.obligation in only:
            depth = last if query.depth is None else query.depth
            found.setdefault((depth, tuple(identity(term) for term in query.given)), []).append(query)
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def solver_of(group: Group, steps: int) -> GroupSolver:
    """The solver that knows the hypotheses of a group."""
    if group.solver is None or group.solver.steps != steps:
        group.solver = GroupSolver(group, steps)
    return group.solver


def _ask(solver: GroupSolver, group: Group, query: Query, decision: Decision) -> None:
    # What failed once is not proved any more: only a state that shows it is still of use.
    failed = decision.outcome is not Outcome.PROVED
    if failed and decision.searches >= MOST_TRIES:
        return
    if not failed and _try(solver, query, decision).outcome is Outcome.PROVED:
        return
    assert decision.candidates is not None
    begun = time.perf_counter()
    small = solver.refute(query)
    decision.steps += small.steps
    if small.outcome is Outcome.MODEL:
        decision.candidates.insert(len(decision.models), (group, query, small))
        decision.outcome = Outcome.MODEL
    elif failed:
        decision.searches += 1
    else:
        again = solver.insist(query)
        decision.steps += again.steps
        if again.outcome is not Outcome.PROVED:
            decision.outcome, decision.reason = again.outcome, again.reason
            decision.candidates.append((group, query, again))
            decision.searches += 1
    decision.seconds += time.perf_counter() - begun


def reach(subject: Subject, steps: int, only: set[str] | None = None) -> dict[str, Decision]:
    """For each outcome: some state must lead to it along some path, or every promise about it holds for nothing."""
    decisions: dict[str, Decision] = {}
    for name, obligation in subject.obligations.items():
        if obligation.kind not in MUST_BE_REACHED or (only is not None and name not in only):
            continue
        decision = Decision(Outcome.MODEL, candidates=[])
        begun = time.perf_counter()
        ways = [(group, guard) for group in subject.groups for guarded, guard in group.guards if guarded == name]
        # Most outcomes have a state in the smallest machines: where it is soon found, nothing else is asked.
        for part, sizes in ((GLANCE, SMALL[:1]), (1, SMALL)):
            for group, guard in ways:
                if decision.outcome is Outcome.PROVED:
                    break
                excluded = solver_of(group, steps).prove(Query(name, z3.Not(guard), Diagnostic("HF303", "", ())), part)
                decision.steps += excluded.steps
                if excluded.outcome is not Outcome.PROVED:
                    _lead(decision, group, guard, steps, sizes)
        decision.seconds = time.perf_counter() - begun
        decisions[name] = decision
    return decisions


def _lead(decision: Decision, group: Group, guard: z3.BoolRef, steps: int, sizes: Sequence[Bounds]) -> None:
    """Look for a state that leads to an outcome along this path."""
    answer = find(group, [*group.facts, *_demanding(group), guard], steps, smallest=False, sizes=sizes)
    decision.steps += answer.steps
    if answer.outcome is Outcome.MODEL:
        decision.outcome, decision.reason = Outcome.PROVED, ""
    elif answer.outcome is not Outcome.PROVED and len(sizes) == len(SMALL):
        decision.outcome, decision.reason = answer.outcome, answer.reason


def _demanding(group: Group) -> list[z3.BoolRef]:
    """The assumptions that a state may fail to meet: all but what specified functions ensure."""
    granted = group.path.world.granted if group.path is not None else set()
    return [formula for index, formula in enumerate(group.assumptions) if index not in granted]


def satisfy(group: Group, wanted: Wanted, steps: int) -> Decision:
    """Some state must satisfy this: PROVED if a small machine has one, and then `candidates` holds its model."""
    begun = time.perf_counter()
    answer = find(group, [*group.facts, *group.assumptions, *wanted.formulas], steps, smallest=False)
    query = Query(wanted.obligation, z3.BoolVal(False), wanted.diagnostic)
    outcome = {Outcome.MODEL: Outcome.PROVED, Outcome.PROVED: Outcome.MODEL}.get(answer.outcome, answer.outcome)
    seconds = time.perf_counter() - begun
    return Decision(outcome, answer.steps, seconds, answer.reason, [(group, query, answer)])


def reason(decision: Decision) -> str:
    """Why an obligation is open, in the words that tell whether more steps may help."""
    if decision.outcome is Outcome.LIMIT:
        return f"stopped at the limit after {decision.steps} steps"
    if "quantifier" in decision.reason:
        return (
            f"no instance of a quantifier decides it, and no small machine breaks it (after {decision.steps} steps);"
            " say it of the objects in question, without `forall` or `exists`"
        )
    return f"the solver gave up after {decision.steps} steps: {decision.reason or 'no reason given'}"
