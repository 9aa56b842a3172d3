"""Run many varied examples on the real code, in a process of its own.

Reads   a request (explain.apart): the program, seeds, ways, how many examples, a random seed
Gives   a report: what was tried, which way each example went, what was broken and by what
Refuses nothing: code that does not do the same again, never ends or eats all memory is part of the report
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from hfverify.explain.apart import answer
from hfverify.explain.heads import Heads
from hfverify.explain.loading import install
from hfverify.explain.patience import limited
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.signals import Swallowed, arrived, listen, swallowed
from hfverify.fallback.branches import Branches, Endless, Extent
from hfverify.fallback.kinds import Kind, Requests, Situations
from hfverify.fallback.statements import Declarations, Statements
from hfverify.fallback.ways import Way, follows
from hfverify.model.program import Program

# How long one example may take before it is taken to have no end.
SECONDS = 5
# In how many rounds the examples are spent: what went a new way in one round is a seed of the next.
ROUNDS = 4
MOST_SEEDS = 64
# What a run breaks and by what, which outcome it has, and how it decided.
Run = tuple[dict[str, str], str, tuple[Any, ...]]


class Broken(Exception):
    """An example breaks something that no example broke before."""


class Fickle(Exception):
    """The same situation does not lead to the same run."""

    def __init__(self) -> None:
        super().__init__("the same situation did not lead to the same run: the code depends on more than the state")


@dataclass(slots=True)
class Tally:
    """What was tried, each example once: which way it went, which outcome it had, what was ever decided how, and where.

    `broken` has for each obligation that fails the smallest request that shows it.
    """

    tried: int = 0
    followed: dict[int, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    decided: set[tuple[Any, Any]] = field(default_factory=set)
    entered: set[Extent] = field(default_factory=set)
    used: set[tuple[Any, Any]] = field(default_factory=set)
    broken: dict[str, dict[str, Any]] = field(default_factory=dict)


class Search:
    """One search for one subject."""

    def __init__(self, kind: Kind, ways: Sequence[Way], branches: Branches, impl: str) -> None:
        self.kind = kind
        self.impl = impl
        self.ways = ways
        self.branches = branches
        self.tally = Tally()
        self.seeds: list[Any] = []
        # What the first example that breaks it says of an obligation, and which one it is.
        self.first: dict[str, tuple[str, Any]] = {}
        self._seen: set[object] = set()
        self._tried: set[bytes] = set()
        self.trace = hashlib.sha256()

    def run(self, seeds: Sequence[Any], examples: int, random: int) -> None:
        """The seeds as they are; then what is next to them, and variations of them, as many as examples are left.

        The code must do the same again: here, where examples are asked for, and in a process that runs the seeds alone.
        """
        for one in seeds[:1]:
            # Modules decide things when they are imported.
            self._once(one)
        for one in seeds:
            found = self._once(one)
            if found is not None and examples and found != self._once(one):
                raise Fickle
            self.trace.update(repr(found).encode())
            if found is not None:
                self._take(one, found)
        self.seeds = self.seeds or list(seeds)
        self._beside((examples - self.tally.tried) // 2)
        for kind, (text, request) in (self.first if examples else {}).items():
            self._note(kind, text, request)
        for number in range(ROUNDS):
            left = (examples - self.tally.tried) // (ROUNDS - number)
            # Hypothesis stops where it finds something: what is left of the round is spent on finding something else.
            while left > 0 and self.seeds:
                before = self.tally.tried
                if not self._round(left, random + number):
                    break
                left -= max(self.tally.tried - before, 1)

    def _beside(self, examples: int) -> None:
        """What is next to each seed, in turn."""
        nearest = [self.kind.beside(one) for one in self.seeds]
        for one in islice((one for turn in zip_longest(*nearest) for one in turn if one is not None), max(examples, 0)):
            found = self._once(one)
            if found is not None:
                self._take(one, found)

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
                reject()
                return
            new = {kind: text for kind, text in found[0].items() if kind not in known}
            if not smallest:
                self._take(request, found)
            if new:
                smallest.append((request, new))
                raise Broken

        try:
            example()
        except Broken:
            request, new = smallest[-1]
            for kind, text in new.items():
                self._note(kind, text, request)
            return True
        except Flaky as error:
            raise Fickle from error
        except Unsatisfiable:
            return False
        return False

    def _note(self, kind: str, text: str, request: Any) -> None:
        """Something is broken: by the smallest example that shows it."""

        def shows(tried: Any) -> bool:
            found = self._once(tried)
            return found is not None and kind in found[0]

        small = self.kind.smaller(request, shows)
        found = self._once(small)
        self.tally.broken[kind] = {
            "request": self.kind.plain(small),
            "text": found[0][kind] if found is not None and kind in found[0] else text,
        }

    def _once(self, request: Any) -> Run | None:
        """What a run breaks, which outcome it has, and how it decided; None where it cannot begin."""
        self.branches.clear()
        listen()
        found: Run | None
        try:
            with limited(SECONDS, lambda: Endless(f"it does not end within {SECONDS} s")):
                violations, outcome = self.kind.run(request, self.branches.note)
        except Unbuildable as error:
            arrived(error)
            found = None
        except Endless as error:
            arrived(error)
            found = {"bounded": str(error)}, "", tuple(self.branches.events)
        else:
            found = violations, outcome, tuple(self.branches.events)
        lost = swallowed(self.impl)
        if lost:
            raise Swallowed(lost)
        return found

    def _take(self, request: Any, found: Run) -> None:
        """Count an example, unless it was counted before."""
        violations, outcome, events = found
        digest = hashlib.sha256(repr(request).encode()).digest()
        if digest in self._tried:
            return
        self._tried.add(digest)
        self.tally.tried += 1
        self.tally.outcomes[outcome] = self.tally.outcomes.get(outcome, 0) + 1
        self.tally.decided.update(event for event in events if isinstance(event[0], tuple))
        self.tally.used.update(event for event in events if isinstance(event[0], str))
        self.tally.entered |= self.branches.entered
        for way in self.ways:
            if (outcome or not way.returns or not self.kind.judges) and follows(way, events, self.branches.places):
                self.tally.followed[way.number] = self.tally.followed.get(way.number, 0) + 1
        for kind, text in violations.items():
            self.first.setdefault(kind, (text, request))
        if not violations and (outcome, events) not in self._seen and len(self.seeds) < MOST_SEEDS:
            self._seen.add((outcome, events))
            self.seeds.append(request)


def main() -> None:
    """Answer one request of the parent process."""
    answer(_run)


def _run(request: dict[str, Any]) -> dict[str, Any]:
    impl, program = request["impl"], request["program"]
    branches, heads = Branches(), Heads(program)

    def change(module: ast.Module, name: str, file: str) -> None:
        branches.change(module, name, file)
        heads.change(module, name, file)

    install(impl, change)
    kind = _kind(request["kind"], program, impl, heads, branches.numbers)
    search = Search(kind, request["ways"], branches, impl)
    seeds = kind.seeds(request["seeds"])
    failed = _guarded(lambda: search.run(seeds, request["examples"], request["random"]))
    taken = search.tally.decided
    return {
        "failed": failed,
        "tried": search.tally.tried,
        "followed": search.tally.followed,
        "outcomes": search.tally.outcomes,
        "broken": search.tally.broken,
        "trace": search.trace.hexdigest(),
        # Conditions that were never decided in one of the two ways.
        "missed": sorted(
            [*place, how] for place in branches.places for how in (True, False) if (place, how) not in taken
        ),
        "entered": sorted(search.tally.entered),
        # Outcomes of specified functions that were used and never had them.
        "unused": sorted(_unused(program, search.tally.used)),
        # Facts of loops that could not be held against some run, with the reason.
        "unsaid": [heads.unsaid[name] for name in sorted(heads.unsaid)],
    }


def _unused(program: Program, used: set[tuple[Any, Any]]) -> set[tuple[str, str]]:
    named = {name for name, _ in used}
    every = {(name, outcome.name) for name in named for outcome in program.calls[name].outcomes}
    return every - used


def _kind(name: str, program: Program, impl: str, heads: Heads, told: Set[int]) -> Kind:
    if name == "scenario":
        return Situations(program, impl, heads, told)
    if name == "statement":
        return Statements(program, impl)
    return Declarations(program, impl) if name == "declaration" else Requests(program, impl, name)


def _guarded(work: Callable[[], None]) -> str:
    """Why the search could not go on, or nothing."""
    try:
        work()
    except (Fickle, Swallowed) as error:
        return str(error)
    except MemoryError:
        return "the memory is used up"
    return ""


if __name__ == "__main__":
    main()
