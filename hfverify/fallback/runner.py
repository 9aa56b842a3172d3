"""Run many varied examples on the real code, in a process of its own.

Reads   a pickled request on standard input: the program, seeds, ways, how many examples, a random seed
Gives   a JSON report on standard output: what was tried, which way each example went, what was broken and by what
Refuses nothing: code that does not do the same again, never ends or eats all memory is part of the report
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from hfverify.explain.proxies import Unbuildable
from hfverify.fallback.branches import Branches, Endless
from hfverify.fallback.kinds import Kind, Requests, Situations
from hfverify.fallback.statements import Declarations, Statements
from hfverify.fallback.ways import Way, follows
from hfverify.model.program import Program

MEMORY = 4 << 30
# In how many rounds the examples are spent: what went a new way in one round is a seed of the next.
ROUNDS = 4
MOST_SEEDS = 64


class Broken(Exception):
    """An example breaks something that no example broke before."""


class Fickle(Exception):
    """The same situation does not lead to the same run."""

    def __init__(self) -> None:
        super().__init__("the same situation did not lead to the same run: the code depends on more than the state")


@dataclass(slots=True)
class Tally:
    """What was tried; `broken` has for each obligation that fails the smallest request that shows it."""

    tried: int = 0
    rejected: int = 0
    followed: dict[int, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    broken: dict[str, dict[str, Any]] = field(default_factory=dict)


class Search:
    """One search for one subject."""

    def __init__(self, kind: Kind, ways: Sequence[Way], branches: Branches) -> None:
        self.kind = kind
        self.ways = ways
        self.branches = branches
        self.tally = Tally()
        self.seeds: list[Any] = []
        self._seen: set[object] = set()

    def run(self, seeds: Sequence[Any], examples: int, random: int) -> None:
        """The seeds as they are, twice; then variations of them, as many as examples are left."""
        for one in seeds[:1]:
            # Modules decide things when they are imported.
            self._once(one)
        for one in seeds:
            first = self._once(one)
            again = self._once(one)
            if first is not None and first != again:
                raise Fickle
            if first is not None:
                self._take(one, first)
        self.seeds = self.seeds or list(seeds)
        for number in range(ROUNDS):
            left = (examples - self.tally.tried) // (ROUNDS - number)
            # Hypothesis stops where it finds something: what is left of the round is spent on finding something else.
            while left > 0 and self.seeds:
                before = self.tally.tried
                if not self._round(left, random + number):
                    break
                left -= max(self.tally.tried - before, 1)

    def _round(self, examples: int, random: int) -> bool:
        """Whether something was broken that was not broken before."""
        strategy: SearchStrategy[Any] = self.kind.variations(tuple(self.seeds))
        known = frozenset(self.tally.broken)
        smallest: list[tuple[Any, dict[str, str]]] = []

        @seed(random)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(strategy)
        def example(request: Any) -> None:
            found = self._once(request)
            if found is None:
                if not smallest:
                    self.tally.rejected += 1
                reject()
                return
            new = {kind: text for kind, text in found[0].items() if kind not in known}
            if not smallest:
                self._take(request, found, count_broken=False)
            if new:
                smallest.append((request, new))
                raise Broken

        try:
            example()
        except Broken:
            request, new = smallest[-1]
            for kind, text in new.items():
                self.tally.broken[kind] = {"request": self.kind.plain(request), "text": text}
            return True
        except Flaky as error:
            raise Fickle from error
        except Unsatisfiable:
            return False
        return False

    def _once(self, request: Any) -> tuple[dict[str, str], str, tuple[Any, ...]] | None:
        """What a run breaks, which outcome it has, and how it decided; None where it cannot begin."""
        self.branches.events.clear()
        try:
            violations, outcome = self.kind.run(request, self.branches.note)
        except Unbuildable:
            return None
        except Endless as error:
            violations, outcome = {"bounded": str(error)}, ""
        return violations, outcome, tuple(self.branches.events)

    def _take(
        self, request: Any, found: tuple[dict[str, str], str, tuple[Any, ...]], *, count_broken: bool = True
    ) -> None:
        violations, outcome, events = found
        self.tally.tried += 1
        self.tally.outcomes[outcome] = self.tally.outcomes.get(outcome, 0) + 1
        for way in self.ways:
            if (outcome or not way.returns or not self.kind.judges) and follows(way, events, self.branches.places):
                self.tally.followed[way.number] = self.tally.followed.get(way.number, 0) + 1
        for kind, text in violations.items() if count_broken else ():
            self.tally.broken.setdefault(kind, {"request": self.kind.plain(request), "text": text})
        if (outcome, events) not in self._seen and len(self.seeds) < MOST_SEEDS:
            self._seen.add((outcome, events))
            self.seeds.append(request)


def main() -> None:
    """Answer one request of the parent process."""
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 (the parent process wrote it)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.dont_write_bytecode = True
    branches = Branches(request["impl"])
    branches.install()
    kind = _kind(request["kind"], request["program"], request["impl"])
    search = Search(kind, request["ways"], branches)
    seeds = kind.seeds(request["seeds"])
    failed = _guarded(lambda: search.run(seeds, request["examples"], request["random"]))
    answer: dict[str, Any] = {
        "failed": failed,
        "tried": search.tally.tried,
        "rejected": search.tally.rejected,
        "followed": search.tally.followed,
        "outcomes": search.tally.outcomes,
        "broken": search.tally.broken,
    }
    json.dump(answer, sys.stdout)


def _kind(name: str, program: Program, impl: str) -> Kind:
    if name == "scenario":
        return Situations(program, impl)
    if name == "statement":
        return Statements(program, impl)
    return Declarations(program, impl) if name == "declaration" else Requests(program, impl, name)


def _guarded(work: Callable[[], None]) -> str:
    """Why the search could not go on, or nothing."""
    try:
        work()
    except Fickle as error:
        return str(error)
    except MemoryError:
        return "the memory is used up"
    return ""


if __name__ == "__main__":
    main()
