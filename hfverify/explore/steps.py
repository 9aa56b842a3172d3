"""What there is to know of one schedule: its steps, what the calls did, and where the CPUs got stuck.

Reads   nothing
Gives   Execution; Step, with whether the order of two of them can matter
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache

from hfverify.explain.concrete import Keys, LockRef, Store, Value
from hfverify.explain.monitor import Violation
from hfverify.explain.trial import Report
from hfverify.explore.clocks import Place, Race


class Kind(Enum):
    """What a CPU does next when it has given way."""

    BEGIN = auto()
    TAKE = auto()
    LOAD = auto()
    STORE = auto()
    WAIT = auto()
    REST = auto()
    RETURN = auto()


class Event(Enum):
    """What can make a race, or keep two accesses apart."""

    LOADED = auto()
    WRITTEN = auto()
    TAKEN = auto()
    GIVEN = auto()


# A cell of an object, and the value that it has from then on.
Write = tuple[tuple[str, Keys], Value]


@dataclass(frozen=True, slots=True)
class Next:
    """What a CPU does when it goes on, and where its code says so."""

    kind: Kind
    what: str = ""
    lock: LockRef | None = None
    place: Place = ("", 0)


@dataclass(slots=True)
class Step:
    """What a CPU did in one go. `touched` has each cell with whether it was written, `taken` and `given` locks.

    `inside` says whether it still holds a lock afterwards, `then` what it does when it goes on again, if it does.
    `wrote` and `events` are its writes, and its accesses and lock operations, in their order.
    """

    cpu: int
    next: Next
    touched: dict[Hashable, bool] = field(default_factory=dict)
    taken: set[LockRef] = field(default_factory=set)
    given: set[LockRef] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    inside: bool = False
    then: Next | None = None
    wrote: list[Write] = field(default_factory=list)
    events: list[tuple[Event, Hashable]] = field(default_factory=list)
    _masks: tuple[int, int, int] | None = None

    def masks(self) -> tuple[int, int, int]:
        """The cells that were touched, those that were written, and the locks that were taken, as bits."""
        if self._masks is None:
            written = (cell for cell, writes in self.touched.items() if writes)
            self._masks = (_bits(self.touched), _bits(written), _bits(self.taken))
        return self._masks

    def conflicts(self, other: Step) -> bool:
        """Whether the order of the two can matter."""
        touched, written, taken = self._masks or self.masks()
        touched_too, written_too, taken_too = other._masks or other.masks()
        return bool(taken & taken_too or written & touched_too or touched & written_too)


@cache
def _bit(_: Hashable) -> int:
    return 1 << _bit.cache_info().currsize


def _bits(places: Iterable[Hashable]) -> int:
    found = 0
    for place in places:
        found |= _bit(place)
    return found


@dataclass(slots=True)
class Blocked:
    """A CPU that did not come to the end of its call: what it waits for, and the locks that it holds."""

    cpu: int
    next: Next
    holds: list[LockRef]


@dataclass(frozen=True, slots=True)
class Lost:
    """What nobody will do any more. `key` is the same for what is lost again elsewhere."""

    kind: str
    key: str
    text: str


@dataclass(slots=True)
class Execution:
    """What one schedule showed. `changed` are the cells of `final` that are not as they were where the calls began.

    `blocked` are the CPUs of which none could go on; `failed` says why a call could not be followed, which is so
    after another one has broken an invariant. `idle` are the CPUs that have nothing to do; `lost` is what is missing
    when all of them are.
    """

    steps: list[Step] = field(default_factory=list)
    reports: dict[int, Report] = field(default_factory=dict)
    blocked: list[Blocked] = field(default_factory=list)
    violations: list[tuple[int, Violation]] = field(default_factory=list)
    races: list[Race] = field(default_factory=list)
    final: Store | None = None
    changed: dict[tuple[str, Keys], Value] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    given_up: bool = False
    too_long: bool = False
    idle: list[Blocked] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)

    @property
    def schedule(self) -> list[int]:
        """The CPU of each step."""
        return [step.cpu for step in self.steps]
