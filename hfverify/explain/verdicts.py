"""From decisions to verdicts: what failed gets a scenario, is run on the real code, and is named for what it is.

Reads   prove.decide.Decision
Gives   verdict.Verdict, with a diagnostic and a counterexample where there is something to show
Refuses nothing
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import z3

from hfverify.diagnostics import Diagnostic, at
from hfverify.execute.paths import Path
from hfverify.execute.world import World
from hfverify.explain.concrete import Env, Evaluator, Ref
from hfverify.explain.confirm import Confirmation, confirm
from hfverify.explain.mentions import mentioned
from hfverify.explain.requests import request_of
from hfverify.explain.scenario import Scenario, show, to_json
from hfverify.explain.witness import list_request, scenario
from hfverify.model.load import Folders
from hfverify.model.program import Call, Program
from hfverify.model.types import bounds
from hfverify.prove.contracts import contract_name, contract_roles
from hfverify.prove.decide import Decision, reason, solver_of
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group, Query
from hfverify.prove.solver import Answer, Outcome
from hfverify.verdict import Obligation, Status, Verdict

# Kinds of obligations whose failure two CPUs may show better than one.
COLLIDES = ("lock.order", "lock.held", "lock.owned")
# In how many ways maps are completed of which a model names some numbers, until the real code misbehaves.
COMPLETIONS = 4


class Judge:
    """Makes the verdicts of one subject."""

    def __init__(self, program: Program, folders: Folders, subject: Subject, steps: int) -> None:
        self.program = program
        self.steps = steps
        self.folders = folders
        self.subject = subject

    def verdict(self, obligation: Obligation, decision: Decision) -> Verdict:
        """The verdict on an obligation that the code must keep and that is not proved, or not of all paths."""
        base = Verdict(obligation, Status.PROVED, decision.steps, decision.seconds)
        if decision.outcome is Outcome.PROVED:
            return self._refused(base)
        first: Verdict | None = None
        for group, query, answer in decision.candidates or []:
            found = self._candidate(base, group, query, answer, decision)
            if found.status is Status.REFUTED:
                return found
            first = first or found
        for group, query, answer in decision.candidates or []:
            if answer.outcome is Outcome.MODEL and group.knows_more:
                closer = solver_of(group, self.steps).refute(query, also=True)
                found = self._candidate(base, group, query, closer, decision)
                if found.status is Status.REFUTED:
                    return found
        return first or replace(base, status=Status.UNKNOWN, reason=reason(decision))

    def _refused(self, verdict: Verdict) -> Verdict:
        """Nothing is proved of paths that could not be followed."""
        refusal = self.subject.refusals[0]
        help_ = (("help", refusal.help),) if refusal.help else ()
        diagnostic = Diagnostic(refusal.code, refusal.message, (at(refusal.span, "here"),), help_)
        shown = diagnostic if verdict.obligation.kind == "supported" else None
        text = f"a path is not supported: {refusal.message} ({refusal.span})"
        return replace(verdict, status=Status.UNKNOWN, reason=text, diagnostic=shown)

    def _candidate(self, base: Verdict, group: Group, query: Query, answer: Answer, decision: Decision) -> Verdict:
        if answer.outcome is not Outcome.MODEL or answer.model is None or answer.bounds is None:
            diagnostic = replace(
                query.diagnostic, code="HF601", message=f"`{base.obligation.name}` is not decided", severity="open"
            )
            return replace(base, status=Status.UNKNOWN, reason=reason(decision), diagnostic=diagnostic)
        call = self.program.calls.get(self.subject.name)
        if call is not None and group.path is not None:
            return self._call(base, call, group.path, query, answer)
        requested = request_of(self.program, self.subject, group, answer)
        if requested is not None:
            return self._requested(base, *requested, query, group.path)
        if group.path is not None:
            return self._contract(base, query, answer)
        return self._specification(base, call, query, answer)

    # ------------------------------------------------------------ the three kinds of subject

    def _call(self, base: Verdict, call: Call, path: Path, query: Query, answer: Answer) -> Verdict:
        assert answer.model is not None and answer.bounds is not None
        wanted = base.obligation.name.removeprefix(self.subject.name + ".")
        tried: list[tuple[Scenario, dict[str, Any], Confirmation]] = []
        for completion in range(COMPLETIONS):
            situation = scenario(self.program, call, path, path.world, answer.model, answer.bounds, completion)
            data = to_json(self.program, situation)
            if any(data == known for _, known, _ in tried):
                break
            tried.append((situation, data, confirm(self.folders, self.program, {"scenario": data}, wanted)))
            if tried[-1][2].confirmed:
                break
        situation, data, outcome = tried[-1] if tried[-1][2].confirmed else tried[0]
        counterexample = {
            "obligation": base.obligation.name,
            "scenario": data,
            "call": call.name,
            "confirmed": outcome.confirmed,
            "actor": {"name": call.actor, "object": str(Ref(self._actor_state(call), situation.actor))}
            if call.actor
            else None,
            "here": situation.here,
            "arguments": {name: str(value) for name, value in situation.arguments.items()},
            "path": [
                {"file": d.span.file, "line": d.span.line, "text": d.text, "taken": d.taken} for d in path.decisions
            ],
            **shown(outcome.report),
        }
        return self._finished(base, query, outcome, counterexample, path)

    def _actor_state(self, call: Call) -> str:
        return self.program.actors[call.actor].state

    def _contract(self, base: Verdict, query: Query, answer: Answer) -> Verdict:
        assert answer.model is not None and answer.bounds is not None
        names = [contract_name(self.program, contract) for contract in self.program.contracts]
        index = names.index(self.subject.name)
        roles = contract_roles(self.program.contracts[index])
        request = list_request(self.program, index, roles, answer.model, answer.bounds)
        wanted = base.obligation.name.removeprefix(self.subject.name + ".")
        outcome = confirm(self.folders, self.program, {"contract": request}, wanted)
        counterexample = {
            "obligation": base.obligation.name,
            "contract": request,
            "call": self.subject.name,
            "confirmed": outcome.confirmed,
            **shown(outcome.report),
        }
        return self._finished(base, query, outcome, counterexample, None)

    def _requested(self, base: Verdict, kind: str, request: dict[str, Any], query: Query, path: Path | None) -> Verdict:
        """A run of functions on numbers: what the code does on a path that could not be followed shows here only."""
        wanted = base.obligation.name.removeprefix(self.subject.name + ".")
        outcome = confirm(self.folders, self.program, {kind: request}, wanted)
        if path is not None and path.refusal is not None and not outcome.confirmed:
            return self._refused(base)
        counterexample = {
            "obligation": base.obligation.name,
            kind: request,
            "call": self.subject.name,
            "confirmed": outcome.confirmed,
            "arguments": outcome.report.get("arguments", {}),
            **shown(outcome.report),
        }
        return self._finished(base, query, outcome, counterexample, path)

    def _finished(
        self, base: Verdict, query: Query, outcome: Confirmation, counterexample: dict[str, object], path: Path | None
    ) -> Verdict:
        name = base.obligation.name
        notes: list[tuple[str, str]] = [
            ("obligation", name),
            ("confirmed" if outcome.confirmed else "because", outcome.text),
        ]
        before = [d for d in path.decisions if query.depth is None or d.depth < query.depth] if path is not None else []
        if before:
            taken = before[-3:]
            notes.append(
                ("when", "; ".join(f"`{d.text}` is {str(d.taken).lower()} (line {d.span.line})" for d in taken))
            )
        if outcome.confirmed:
            notes.append(("next", f"hfverify explain {name}"))
            call = self.program.calls.get(self.subject.name)
            if call is not None and not call.is_function and base.obligation.kind in COLLIDES:
                notes.append(("next", f"hfverify explore {call.name}"))
            diagnostic = replace(query.diagnostic, notes=(*query.diagnostic.notes, *notes))
            return replace(
                base, status=Status.REFUTED, reason=outcome.text, diagnostic=diagnostic, counterexample=counterexample
            )
        if base.obligation.kind == "bounded":
            notes.append(("help", "does the fact say enough about what a turn changes?"))
            diagnostic = replace(query.diagnostic, severity="suspected", notes=tuple(notes))
            return replace(
                base,
                status=Status.SUSPECTED,
                reason=outcome.text,
                diagnostic=diagnostic,
                counterexample=counterexample,
            )
        notes.insert(0, ("asks", query.diagnostic.message))
        notes.append(("help", "is an invariant missing, or does `impl` differ from what is proved?"))
        message = f"`{name}` has a model, but the real code did not misbehave on it"
        diagnostic = replace(query.diagnostic, code="HF602", message=message, severity="suspected", notes=tuple(notes))
        return replace(
            base, status=Status.SUSPECTED, reason=outcome.text, diagnostic=diagnostic, counterexample=counterexample
        )

    def _specification(self, base: Verdict, call: Call | None, query: Query, answer: Answer) -> Verdict:
        """A question about the specification alone: the state itself is the counterexample."""
        assert answer.model is not None and answer.bounds is not None
        example = ""
        data: dict[str, Any] = {}
        if call is not None:
            world = World(self.program, z3.Int(self.program.thread.name if self.program.thread else "thread"))
            situation = scenario(self.program, call, None, world, answer.model, answer.bounds)
            data = to_json(self.program, situation)
            example = self._example(call, situation)
        notes: tuple[tuple[str, str], ...] = (("example", example),) if example else ()
        diagnostic = replace(query.diagnostic, notes=(*notes, ("obligation", base.obligation.name)))
        counterexample: dict[str, object] = {
            "obligation": base.obligation.name,
            "scenario": data,
            "call": self.subject.name,
        }
        return replace(
            base, status=Status.REFUTED, reason="a state shows it", diagnostic=diagnostic, counterexample=counterexample
        )

    def _example(self, call: Call, situation: Scenario) -> str:
        """Arguments, caller, and the cells that the call's conditions mention."""
        parts = [
            f"{name} = {str(value).lower() if isinstance(value, bool) else value}"
            for name, value in situation.arguments.items()
        ]
        if call.actor:
            parts.insert(0, f"{call.actor} = {Ref(self._actor_state(call), situation.actor)}")
        evaluator = Evaluator(self.program)
        clauses = [*(outcome.condition for outcome in call.outcomes), *(let.value for let in call.lets)]
        spoken, _ = mentioned(self.program, clauses)
        for (name, keys), value in sorted(situation.cells.items()):
            state, path = name.split(".", 1)
            cell = self.program.cell(state, path)
            if (
                cell is None
                or path.split(".")[-1] not in spoken
                or not evaluator.exists(Ref(state, keys), Env(situation.store()))
            ):
                continue
            if value not in (False, (), -1, bounds(cell.type)[0]) and not isinstance(value, bytes):
                parts.append(f"{Ref(state, keys)}.{path} = {show(cell, value)}")
        return ", ".join(parts[:8])


def shown(report: dict[str, Any]) -> dict[str, object]:
    """The parts of a run's report that a person looks at."""
    return {
        "outcome": report.get("outcome", ""),
        "rows": report.get("rows", []),
        "unchanged": report.get("unchanged", 0),
        "exception": report.get("exception"),
        "violations": report.get("violations", []),
        "schedule": report.get("timeline", []),
        "result": report.get("result"),
        "next": report.get("next"),
    }
