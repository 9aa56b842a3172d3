"""Test what a specification says by itself: one case applies, has a value, keeps the invariants; these can hold.

Reads   explain.scenario.Scenario, model.program.Call
Gives   Statements and Declarations: kinds of examples in which no code is run
Refuses nothing; what has no value is a violation
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hfverify.explain.concrete import Env, Keys, LockRef, Ref, Store, Undefined
from hfverify.explain.effects import applied, changes_of, place_of
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.scenario import Scenario, from_json, to_json
from hfverify.explore.shrinking import holds, initial
from hfverify.fallback.kinds import Note, Situations
from hfverify.fallback.successions import Given, happens
from hfverify.model.program import Call, Lock, Outcome
from hfverify.syntax import tree


class Statements(Situations):
    """The clauses of a call, evaluated in a state."""

    def run(self, request: Scenario, note: Note) -> tuple[dict[str, str], str]:
        """What does not hold of the clauses, and the outcome that applies."""
        del note
        if not self.variation.possible(request):
            raise Unbuildable("the call cannot begin")
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


class Declarations(Situations):
    """Assumptions, invariants and what threads and actors rely on, evaluated in a state that was asked for by name."""

    def seeds(self, data: Sequence[Any]) -> list[Any]:
        """Which obligation a state is for, the state, and what the calls of a scenario are given there."""
        return [
            (item["wanted"], from_json(self.program, item["scenario"]), [_given(step) for step in item["steps"]])
            for item in data
        ]

    def variations(self, seeds: Sequence[Any]) -> SearchStrategy[Any]:
        """The states as they are."""
        return st.sampled_from(seeds)

    def beside(self, seed: Any) -> Iterator[Any]:
        """None."""
        del seed
        return iter(())

    def run(self, request: Any, note: Note) -> tuple[dict[str, str], str]:
        """What has no value or does not hold of new objects; the outcome is what the state shows to be possible."""
        del note
        wanted, scenario, steps = request
        if steps:
            asked = self.program.scenarios[wanted.removesuffix(".scenario")]
            return {}, wanted if happens(self.variation, asked, scenario, steps) else ""
        found: dict[str, str] = {}
        shown = False
        for name, own, values in self._declarations(scenario.store(), scenario.here):
            try:
                # All of them: each must have a value, whether or not the others hold.
                truths = [self.variation.evaluator.truth(value, own) for value in values]
            except Undefined as error:
                return {"defined": str(error)}, ""
            shown = shown or (all(truths) and name == wanted)
        for lock, keys, invariant in self._new(scenario.store()):
            found[f"{invariant.name}.initial"] = f"{invariant.name} does not hold of a new {Ref(lock.state, keys)}"
        return found, wanted if shown else ""

    def smaller(self, request: Any, shows: Callable[[Any], bool]) -> Any:
        """As it is."""
        del shows
        return request

    def plain(self, request: Any) -> dict[str, Any]:
        """As a scenario without a call."""
        return {"scenario": to_json(self.program, request[1])}

    def _declarations(self, store: Store, here: int) -> Iterator[tuple[str, Env, list[tree.Expr]]]:
        """Each declaration of each object, by the name of what it must be possible to satisfy."""
        program, evaluator = self.program, self.variation.evaluator
        yield "assumptions", Env(store, {}, None, here), [assume.value for assume in program.assumes]
        for lock in program.locks.values():
            for keys in evaluator.positions(lock.state, Env(store)):
                env = Env(store, {}, Ref(lock.state, keys), here)
                for invariant in lock.invariants:
                    yield invariant.name, env, [item.value for item in lock.invariants]
        facts = program.thread.facts if program.thread is not None else ()
        yield "", Env(store, {}, None, here), [fact.value for fact in facts]
        for actor in program.actors.values():
            for keys in evaluator.positions(actor.state, Env(store)):
                yield actor.name, Env(store, {}, Ref(actor.state, keys), here), [fact.value for fact in actor.facts]

    def _new(self, store: Store) -> Iterator[tuple[Lock, Keys, tree.Invariant]]:
        """The invariants that do not hold of an object when it is new."""
        for lock in self.program.locks.values():
            for keys in self.variation.evaluator.positions(lock.state, Env(store)):
                cells = dict(store.cells)
                for cell in self.program.states[lock.state].cells.values():
                    if not cell.is_constant:
                        cells[cell.name, keys] = initial(self.program, cell)
                new = Store(store.sizes, cells)
                for invariant in lock.invariants:
                    if not holds(self.variation.evaluator, invariant, keys, lock, new):
                        yield lock, keys, invariant


def _given(step: dict[str, Any]) -> Given:
    objects = {name: tuple(keys) for name, keys in step["objects"].items()}
    return Given(tuple(step["actor"]), objects, step["arguments"])
