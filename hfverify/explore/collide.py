"""Look for two CPUs that collide where the proof has refuted a rule about locks: a deadlock, or a race.

Reads   Wanted: the refuted obligation, and what its counterexample did
Gives   Collision: the schedule as plain data, if one was found in so many situations
Refuses nothing: a search that fails has found nothing
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hfverify.explore.isolated import Worker
from hfverify.explore.locking import nesting, partners, without_maps
from hfverify.explore.search import Plan, Tally
from hfverify.explore.situations import Together
from hfverify.model.load import Folders
from hfverify.model.program import Program

# What only several CPUs show.
KINDS = ("deadlock", "race")
# How many situations are tried: of the call with itself, with each partner, and in all. To begin with another partner
# takes about as long as some situations do, and with maps everything takes several times as long.
ITSELF, PARTNER, ALL = 40, 20, 220
START, MAPS, FEW = 5, 6, 4
SCHEDULES = 60
# At what calls meet in the states that come first: no common lock is to hide a race.
MEET: dict[str, Together] = {"lock.held": "", "lock.order": "locks", "lock.owned": "objects"}
STEPS = 1_000_000
# How long code may be silent before it is taken to hang.
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """A refuted obligation of a call: of which kind, to which outcome the call came, what it touched without lock.

    `locks` are those that were taken in the wrong order.
    """

    call: str
    kind: str
    outcome: str = ""
    cell: str = ""
    locks: tuple[str, ...] = ()


@dataclass(slots=True)
class Collision:
    """`data` is that of a schedule file, empty if nothing was found; `tried` names the calls of each search.

    `failed` says why a search did not come to its end, `reason` why there may be no such schedule.
    """

    data: dict[str, Any] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    situations: int = 0
    schedules: int = 0
    failed: str = ""
    reason: str = ""


class Collider:
    """Searches for one refuted obligation after another, in one process."""

    def __init__(self, folders: Folders, program: Program) -> None:
        self.program = program
        self._plain = set(without_maps(program))
        self._worker = Worker(folders, program.revision)

    def find(self, wanted: Wanted, share: int = 1) -> Collision:
        """Two CPUs, one of which makes the call; one of so many that share the situations."""
        found, call = Collision(), wanted.call
        left = ALL // share
        for partner in self._partners(wanted):
            weight = 1 if {call, partner} <= self._plain else MAPS
            most = FEW if weight > 1 else ITSELF if partner == call else PARTNER
            count = min(most, left // weight - START)
            if count <= 0:
                break
            found.tried.append(partner)
            # What is said of a physical CPU by its number is said of one of the two.
            for whose in (0, 1) if wanted.kind == "lock.owned" and partner != call else (0,):
                tally = self._search(wanted, partner, whose, count, found)
                left -= weight * (START + tally.situations)
                found.situations += tally.situations
                found.schedules += tally.schedules
                if found.data or found.failed:
                    return found
        found.reason = self._why_not(wanted)
        return found

    def _partners(self, wanted: Wanted) -> list[str]:
        """The nearest first; of a wrong order, those that may take the same locks in another one."""
        first = nesting(self.program, wanted.call, set(wanted.locks))
        return [*first, *(name for name in partners(self.program, wanted.call, wanted.cell) if name not in first)]

    def _why_not(self, wanted: Wanted) -> str:
        """Why no other CPU can collide, where the specification says so."""
        locks = set(wanted.locks)
        if len(locks) > 1 and not nesting(self.program, wanted.call, locks):
            return f"no other call takes {' and '.join(sorted(locks))} together"
        if wanted.cell and partners(self.program, wanted.call, wanted.cell)[1:] == []:
            return f"no other call speaks of {wanted.cell} or takes the same locks"
        return ""

    def _search(self, wanted: Wanted, partner: str, whose: int, count: int, found: Collision) -> Tally:
        """One partner: the call is made by the CPU with the number `whose`."""
        kinds = KINDS if wanted.kind == "lock.order" else KINDS[1:]
        plan = Plan(
            schedules=SCHEDULES, situations=count, begins=wanted.outcome, whose=whose, steps=STEPS,
            together=MEET[wanted.kind],
            until=kinds,
        )  # fmt: skip
        tally = Tally()
        calls = [wanted.call, partner] if whose == 0 else [partner, wanted.call]
        for news in self._worker.search(calls, plan, SECONDS):
            tally, found.failed = news.tally, news.reason
            if news.kind == "finding" and news.data["kind"] in kinds and not found.data:
                found.data = news.data
        return tally

    def close(self) -> None:
        """End the process."""
        self._worker.close()
