"""One question to the solver, and what to say when the answer is no.

Reads   execute.paths.Path
Gives   Query, Group: queries that share their hypotheses
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import z3

from hfverify.diagnostics import Diagnostic
from hfverify.execute.paths import Path
from hfverify.logic.maps import ALSO, mark, marked
from hfverify.logic.terms import children
from hfverify.prove.small import Bounds, Expansion, named_bits

if TYPE_CHECKING:
    from hfverify.prove.solver import GroupSolver


@dataclass(frozen=True, slots=True)
class Query:
    """Under the hypotheses of its group and `given`, `goal` must hold.

    `depth` limits the path's assumptions to those made before the goal was demanded (None: all).
    """

    obligation: str
    goal: z3.BoolRef
    diagnostic: Diagnostic
    given: tuple[z3.BoolRef, ...] = ()
    depth: int | None = None


@dataclass(slots=True)
class Group:
    """Queries about one path, or about no path at all; `limits` bounds a small machine.

    `guards` are conditions of which one in all groups must be satisfiable, each for the obligation it names.
    """

    facts: list[z3.BoolRef]
    assumptions: list[z3.BoolRef]
    limits: Callable[[Bounds], list[z3.BoolRef]]
    queries: list[Query] = field(default_factory=list)
    path: Path | None = None
    guards: list[tuple[str, z3.BoolRef]] = field(default_factory=list)
    expansions: dict[tuple[int, tuple[int, ...], bool], Expansion] = field(default_factory=dict)
    known_limits: dict[Bounds, list[z3.BoolRef]] = field(default_factory=dict)
    solver: GroupSolver | None = None

    def small(self, bounds: Bounds) -> list[z3.BoolRef]:
        """The limits of these bounds, computed once."""
        if bounds not in self.known_limits:
            self.known_limits[bounds] = self.limits(bounds)
        return self.known_limits[bounds]

    def expansion(self, bounds: Bounds, *, also: bool) -> Expansion:
        """The small machine of these bounds, shared by all queries of the group; `also` looks at more numbers."""
        key = (bounds.objects, bounds.bits, also)
        if key not in self.expansions:
            bits = named_bits([*self.facts, *self.assumptions])
            numbers = self._numbers(also)
            self.expansions[key] = Expansion(bounds, self._places(), numbers, bits)
            self.expansions[key].limits += [mark(n, kind) for kind, found in numbers.items() for n in found]
        return self.expansions[key]

    @property
    def knows_more(self) -> bool:
        """Whether there are numbers of maps at which a second look can be taken."""
        return any(z3.is_app(fact) and fact.decl().name().startswith(f"{ALSO} ") for fact in self.facts)

    def _places(self) -> list[z3.ExprRef]:
        """The places in buffers that the questions speak about, by name."""
        found: dict[str, z3.ExprRef] = {}
        seen: set[int] = set()
        pending: list[z3.ExprRef] = [query.goal for query in self.queries]
        while pending:
            term = pending.pop()
            if term.get_id() not in seen and not z3.is_quantifier(term):
                seen.add(term.get_id())
                pending.extend(children(term))
                if z3.is_const(term) and term.decl().name().startswith("byte!"):
                    found[term.decl().name()] = term
        return [found[name] for name in sorted(found)]

    def _numbers(self, also: bool) -> dict[str, list[z3.ArithRef]]:
        """The numbers of each kind that turned up in maps, in the order in which they did."""
        found = marked(self.facts, also=also)
        for numbers in found.values():
            numbers += [number + 1 for number in numbers if z3.is_const(number)]
        return found
