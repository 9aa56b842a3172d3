"""Look for CPUs that collide where the proof has refuted a rule about locks: a deadlock, or a race.

Reads   Wanted: the refuted obligation, and what its counterexample did
Gives   Collision: the schedule as plain data, if one was found in so many situations
Refuses nothing: a search that fails has found nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hfverify.explore.isolated import Worker
from hfverify.explore.likeness import Likeness, guarded
from hfverify.explore.locking import enablers, nesting, partners, without_maps, writers
from hfverify.explore.reasons import why_not
from hfverify.explore.search import Plan, Tally
from hfverify.explore.sequels import continuing
from hfverify.explore.situations import Together
from hfverify.model.load import Folders
from hfverify.model.program import Program

# What only several CPUs show.
KINDS = ("deadlock", "race")
# How many situations are tried: of the call with itself, with each partner, and in all. To begin with another partner
# takes about as long as some situations do, and with maps everything takes several times as long.
ITSELF, PARTNER, ALL = 40, 20, 220
START, MAPS, FEW = 5, 6, 4
# The same of searches in which a CPU makes two calls, or three CPUs make one each; how many partners are tried,
# calls that follow, and calls that bring about what the partner needs.
BRIEF, LONGER, NEAREST, NEXT, HELPERS = 6, 120, 5, 4, 5
SCHEDULES = 60
# At what calls meet in the states that come first: no common lock is to hide a race.
MEET: dict[str, Together] = {"lock.held": "", "lock.order": "locks", "lock.owned": "objects"}
STEPS = 1_000_000
# How long code may be silent before it is taken to hang.
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """A refuted obligation of a call: of which kind, to which outcome the call came, what it touched without lock.

    `locks` are those that were taken in the wrong order, `like` is where the call begins in the counterexample.
    """

    call: str
    kind: str
    outcome: str = ""
    cell: str = ""
    locks: tuple[str, ...] = ()
    like: Likeness | None = None


@dataclass(slots=True)
class Collision:
    """`data` is that of a schedule file, empty if nothing was found; `tried` names the calls of each search.

    `failed` says why a search did not come to its end, `reason` why there is no such schedule, if that is known.
    """

    data: dict[str, Any] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    situations: int = 0
    schedules: int = 0
    failed: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A search: which calls, which of them is the one with the refuted obligation, and in how many situations."""

    calls: tuple[str, ...]
    whose: int
    count: int
    weight: int = 1
    sequels: tuple[str, ...] = ()

    @property
    def others(self) -> str:
        """The other calls, and that one more may follow."""
        calls = [call for cpu, call in enumerate(self.calls) if cpu != self.whose]
        return " and ".join(calls) + (" and what follows" if self.sequels else "")


class Collider:
    """Searches for one refuted obligation after another, in one process."""

    def __init__(self, folders: Folders, program: Program) -> None:
        self.program = program
        self._plain = set(without_maps(program))
        self._worker = Worker(folders, program.revision)

    def find(self, wanted: Wanted, share: int = 1) -> Collision:
        """CPUs that collide, one of which makes the call; one of so many that share the situations."""
        found = Collision()
        for attempts, budget in ((self._pairs(wanted), ALL), (self._longer(wanted), LONGER)):
            left = budget // share
            for attempt in attempts:
                count = min(attempt.count, left // attempt.weight - START)
                if count <= 0:
                    break
                if attempt.others not in found.tried:
                    found.tried.append(attempt.others)
                tally = self._search(wanted, attempt, count, found)
                left -= attempt.weight * (START + tally.situations)
                found.situations += tally.situations
                found.schedules += tally.schedules
                if found.data or found.failed:
                    return found
        found.reason = self._by_text(wanted) or why_not(self.program, wanted.call, wanted.outcome, wanted.like)
        return found

    def _partners(self, wanted: Wanted) -> list[str]:
        """The nearest first; of a wrong order, those that may take the same locks in another one."""
        first = nesting(self.program, wanted.call, set(wanted.locks))
        return [*first, *(name for name in partners(self.program, wanted.call, wanted.cell) if name not in first)]

    def _pairs(self, wanted: Wanted) -> Iterator[_Attempt]:
        """One other call, on another CPU."""
        for partner in self._partners(wanted):
            weight = 1 if {wanted.call, partner} <= self._plain else MAPS
            most = FEW if weight > 1 else ITSELF if partner == wanted.call else PARTNER
            yield _Attempt((wanted.call, partner), 0, most, weight)
            # What is said of a physical CPU by its number is said of one of the two.
            if wanted.kind == "lock.owned" and partner != wanted.call:
                yield _Attempt((partner, wanted.call), 1, most, weight)

    def _longer(self, wanted: Wanted) -> Iterator[_Attempt]:
        """Two calls one after the other on a CPU, or three CPUs: one of them lets another one come to the cell."""
        if wanted.call not in self._plain:
            return
        if wanted.kind != "lock.held":
            following = tuple(continuing(self.program, wanted.call, set(wanted.locks))[:NEXT])
            for partner in [name for name in self._partners(wanted) if name in self._plain][:NEAREST]:
                yield _Attempt((wanted.call, partner), 0, BRIEF, 1, following)
            return
        lock = guarded(self.program, wanted.like.place) if wanted.like is not None and wanted.like.place else None
        if lock is None:
            return
        for other in writers(self.program, wanted.cell):
            helpers = [name for name in enablers(self.program, other, lock[0]) if name in self._plain][:HELPERS]
            following = tuple(name for name in helpers if not self.program.calls[name].arguments)
            crowds = [(wanted.call, helper, other) for helper in helpers if other in self._plain]
            yield from (_Attempt(crowd, 0, BRIEF, 1, then) for then in ((), following) for crowd in crowds)

    def _by_text(self, wanted: Wanted) -> str:
        """Why no other CPU can collide, where the specification says so in its words."""
        locks = set(wanted.locks)
        if len(locks) > 1 and not nesting(self.program, wanted.call, locks):
            return f"no other call takes {' and '.join(sorted(locks))} together"
        if wanted.cell and partners(self.program, wanted.call, wanted.cell)[1:] == []:
            return f"no other call speaks of {wanted.cell} or takes the same locks"
        return ""

    def _search(self, wanted: Wanted, attempt: _Attempt, count: int, found: Collision) -> Tally:
        kinds = KINDS if wanted.kind == "lock.order" else KINDS[1:]
        plan = Plan(
            schedules=SCHEDULES, situations=count, begins=wanted.outcome, whose=attempt.whose, steps=STEPS,
            together=MEET[wanted.kind], like=wanted.like, until=kinds, sequels=attempt.sequels,
        )  # fmt: skip
        tally = Tally()
        for news in self._worker.search(attempt.calls, plan, SECONDS):
            tally, found.failed = news.tally, news.reason
            if news.kind == "finding" and news.data["kind"] in kinds and not found.data:
                found.data = news.data
        return tally

    def close(self) -> None:
        """End the process."""
        self._worker.close()
