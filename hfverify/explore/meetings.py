"""At what calls that begin together may run into each other: a lock that several want, or one's own object.

Reads   explore.beginnings.Begun of each call, the outcomes to which they come
Gives   lists of formulas, each of which asks for one way to meet
Refuses nothing
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import z3

from hfverify.explore.beginnings import Beginnings, Begun
from hfverify.explore.likeness import Likeness
from hfverify.logic.values import Ref as Term
from hfverify.model.program import Call, Program
from hfverify.syntax import tree

Meeting = list[z3.BoolRef]


@dataclass(frozen=True, slots=True)
class Company:
    """Calls that begin together, one on each CPU, and the locks that each wants when it comes to its outcome."""

    program: Program
    known: Beginnings
    calls: Sequence[Call]
    begun: Sequence[Begun]

    def wanted(self, outcomes: Sequence[str]) -> list[list[tuple[str, Term]]]:
        """The locks of each call, in the order of its protocol."""
        return [self.begun[cpu].locks[name] for cpu, name in enumerate(outcomes)]

    def shared(self, lock: tuple[str, Term], locks: Sequence[tuple[str, Term]]) -> z3.BoolRef:
        """Whether a lock is one of these."""
        return _among(lock, locks)

    def meetings(self, outcomes: Sequence[str]) -> list[Meeting]:
        """Two calls want the same lock: each by itself, and two of them; wrong code may swap them."""
        found: list[Meeting] = []
        wanted = self.wanted(outcomes)
        for one, other in itertools.combinations(range(len(self.calls)), 2):
            same = [
                (i, j, _same(first, second))
                for i, (name, first) in enumerate(wanted[one])
                for j, (also, second) in enumerate(wanted[other])
                if name == also and first.keys
            ]
            found += [[condition] for _, _, condition in same]
            found += [[a, b] for (i, j, a), (k, m, b) in itertools.combinations(same, 2) if i < k and j != m]
        return found

    def visits(self, outcomes: Sequence[str]) -> list[Meeting]:
        """A call wants a lock of an object for which another one is made."""
        found: list[Meeting] = []
        for one, other in itertools.permutations(range(len(self.calls)), 2):
            actor = self.calls[other].actor
            state = self.program.actors[actor].state if actor else ""
            for _, ref in self.begun[one].locks[outcomes[one]]:
                if ref.state == state:
                    found.append([_same(ref, self._actor(other))])
        return found

    def alone(self, outcomes: Sequence[str], whose: int, lock: str) -> list[Meeting]:
        """All others want one lock that the call of a CPU should take, and none of its other ones.

        So nothing keeps them apart where it forgets that lock: one of the name, of whatever object.
        """
        found: list[Meeting] = []
        wanted = self.wanted(outcomes)
        mine, others = wanted[whose], [locks for cpu, locks in enumerate(wanted) if cpu != whose]
        for index, (name, ref) in enumerate(mine):
            if name != lock:
                continue
            meeting = [_among((name, ref), locks) for locks in others]
            meeting += [z3.Not(_among(kept, locks)) for n, kept in enumerate(mine) for locks in others if n != index]
            found.append(meeting)
        return found

    def at(self, outcomes: Sequence[str], whose: int, place: tuple[str, Term]) -> list[Meeting]:
        """All others want this lock, which the call of the CPU should have taken: first as the last one of its name."""
        wanted = [locks for cpu, locks in enumerate(self.wanted(outcomes)) if cpu != whose]
        last = [[lock for lock in locks if lock[0] == place[0]][-1:] for locks in wanted]
        ways = [last, wanted] if last != wanted else [wanted]
        return [[_among(place, locks) for locks in chosen] for chosen in ways]

    def of_owners(self, whose: int, like: Likeness) -> list[Meeting]:
        """What the call of a CPU touches belongs to one of the other CPUs."""
        if like.place is None:
            return []
        cell = self.program.cell(*like.place[0].split(".", 1))
        if cell is None or not isinstance(cell.discipline, tree.OwnedBy):
            return []
        owner = self.known.owner(cell, Term(cell.state, tuple(z3.IntVal(key) for key in like.place[1])))
        return [[owner == cpu] for cpu in range(len(self.calls)) if cpu != whose]

    def _actor(self, cpu: int) -> Term:
        actor = self.calls[cpu].actor
        state = self.program.states[self.program.actors[actor].state]
        return Term(state.name, tuple(z3.Int(f"{actor}.{key.name}@{cpu}") for key in state.keys))


def _same(one: Term, other: Term) -> z3.BoolRef:
    return z3.And(*[a == b for a, b in zip(one.keys, other.keys, strict=True)])


def _among(lock: tuple[str, Term], locks: Sequence[tuple[str, Term]]) -> z3.BoolRef:
    return z3.Or(*[_same(lock[1], ref) for name, ref in locks if name == lock[0]])
