"""The words that everything shares: a question has a name and a kind, and gets a verdict.

Reads   nothing
Gives   Status, Obligation, Verdict, worst
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from hfverify.diagnostics import NOWHERE, Diagnostic, Span


class Status(IntEnum):
    """What became of an obligation; the larger, the worse."""

    PROVED = 0
    ASSUMED = 1
    TESTED = 2
    UNKNOWN = 3
    STALE = 4
    SUSPECTED = 5
    VACUOUS = 6
    REFUTED = 7


@dataclass(frozen=True, slots=True)
class Obligation:
    """One question with a stable name: `call.case.kind`, `call.kind` or `subject.name.kind`."""

    name: str
    kind: str
    group: str
    sentence: str
    spec: Span = NOWHERE
    impl: Span = NOWHERE


@dataclass(frozen=True, slots=True)
class Evidence:
    """What tests are worth: how many examples ran, and how many of them went each way, under how many schedules.

    `ways` are paths by the lines at which they decide (`12!` for a condition that does not hold).
    """

    examples: int
    ways: tuple[tuple[str, int], ...]
    schedules: int
    seed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about an obligation.

    `steps` counts the solver's resource units, which repeat; `seconds` do not and are never compared.
    `counterexample` is what `hfverify replay` needs to run the failure on the real code.
    """

    obligation: Obligation
    status: Status
    steps: int = 0
    seconds: float = 0.0
    reason: str = ""
    diagnostic: Diagnostic | None = None
    counterexample: dict[str, object] | None = None
    cached: bool = False
    evidence: Evidence | None = None


def worst(verdicts: Iterable[Verdict]) -> Status:
    """The worst status of all, PROVED for none."""
    return max((verdict.status for verdict in verdicts), default=Status.PROVED)
