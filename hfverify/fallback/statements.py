"""Test what a specification says of itself: in each situation one case applies, has a value and keeps the invariants.

Reads   explain.scenario.Scenario, model.program.Call
Gives   Statements: a kind of example in which no code is run
Refuses nothing; what has no value is a violation
"""

from __future__ import annotations

from hfverify.explain.concrete import Env, LockRef, Undefined
from hfverify.explain.effects import applied, changes_of, place_of
from hfverify.explain.scenario import Scenario
from hfverify.fallback.kinds import Note, Situations
from hfverify.model.program import Call, Outcome


class Statements(Situations):
    """The clauses of a call, evaluated in a state."""

    def run(self, request: Scenario, note: Note) -> tuple[dict[str, str], str]:
        """What does not hold of the clauses, and the outcome that applies."""
        del note
        call = self.program.calls[request.call]
        env = self.variation.env(request)
        try:
            applying = self._applying(call, env)
        except Undefined as error:
            return {"defined": str(error)}, ""
        if len(applying) > 1:
            return {"disjoint": " and ".join(outcome.name for outcome in applying)}, ""
        if not applying:
            return {"complete": "no case applies"}, ""
        try:
            return self._effects(call, applying[0], env), applying[0].name
        except Undefined as error:
            return {"defined": str(error)}, ""

    def _applying(self, call: Call, env: Env) -> list[Outcome]:
        """The reject that does not pass, or the cases that hold; nothing is said while something is awaited."""
        evaluator = self.variation.evaluator
        for index, outcome in enumerate(call.outcomes):
            if any(not evaluator.truth(wait.value, env) for wait, place in call.awaits if place == index):
                return [outcome]
            if outcome.is_reject and not evaluator.truth(outcome.condition, env):
                return [outcome]
        return [case for case in call.cases if evaluator.truth(case.condition, env)]

    def _effects(self, call: Call, outcome: Outcome, env: Env) -> dict[str, str]:
        """Every expression of the outcome has a value, and the invariants of its locks hold afterwards."""
        evaluator, program = self.variation.evaluator, self.program
        if outcome.returns is not None:
            evaluator.evaluate(outcome.returns.value, env)
        if outcome.next is not None:
            evaluator.evaluate(outcome.next.value, env)
        after = applied(env.store, changes_of(program, evaluator, outcome.effects, env))
        changes_of(program, evaluator, outcome.later, env.at(after))
        opened = {place_of(program, evaluator, place, env)[0].name for place in outcome.havoc}
        places = [*call.holds, *(held.place for step in call.steps("commit", outcome.name) for held in step.locks)]
        found: dict[str, str] = {}
        if call.trusted and not outcome.havoc:
            ending = Env(after, env.names, None, env.here, env.volatile, env.store)
            for item in outcome.ensures:
                if not evaluator.truth(item.value, ending):
                    found[f"{outcome.name}.possible"] = f"`{item.name}` cannot hold afterwards"
        for place in places if outcome.effects else ():
            lock = evaluator.evaluate(place, env)
            assert isinstance(lock, LockRef)
            info = program.locks[lock.name]
            if any(cell.name in opened for cell in program.guarded_by(info)):
                continue
            for invariant in info.invariants:
                if not evaluator.truth(invariant.value, Env(after, {}, lock.ref, env.here)):
                    found[f"{outcome.name}.preserves"] = f"{invariant.name} of {lock.ref} does not hold afterwards"
        return found
