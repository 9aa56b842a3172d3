"""What is tested about a call is tried on two CPUs at once: with itself, and with the calls that are nearest to it.

Reads   a request (explain.apart): the program, the call, how many schedules
Gives   how many were run, with whom, and what went wrong as the data of schedule files
Refuses nothing: code that does not do the same again or calls itself without end is part of the report
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hfverify.explain.apart import Lost, answer, ask
from hfverify.explain.patience import limited
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.scenario import Scenario
from hfverify.explain.signals import arrived
from hfverify.explore.exhaustive import Perform
from hfverify.explore.files import saved
from hfverify.explore.locking import partners
from hfverify.explore.remembering import Fickle
from hfverify.explore.search import Plan, Search
from hfverify.explore.steps import Execution
from hfverify.fallback.branches import Endless
from hfverify.model.load import Folders
from hfverify.model.program import Program

RUNNER = "hfverify.fallback.together"
# How many calls each call is tried with: itself first.
PARTNERS = 3
# For each case of the call so many situations of two calls are tried.
SITUATIONS = 3
# One schedule for so many examples.
EXAMPLES = 4
STEPS = 200_000
# How long one situation may take, and all of them, before the code is taken to have no end.
SECONDS, ALL_SECONDS = 20, 300


@dataclass(frozen=True, slots=True)
class Together:
    """What two CPUs showed; `findings` are data of schedule files, `failed` says why they are of no use."""

    schedules: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""

    def against(self, obligation: str) -> dict[str, Any] | None:
        """The first finding that breaks an obligation."""
        return next((item for item in self.findings if obligation in broken_by(item)), None)


def broken_by(finding: dict[str, Any]) -> list[str]:
    """The obligations that the data of a schedule says are broken."""
    return [problem["obligation"] for problem in finding["problems"] if problem["obligation"]]


def tried_together(program: Program, folders: Folders, call: str, examples: int) -> Together:
    """As many schedules as belong to so many examples."""
    request = {
        "program": program,
        "impl": str(folders.impl.resolve()),
        "call": call,
        "schedules": max(examples // EXAMPLES, 1),
    }
    try:
        return Together(**ask(RUNNER, request, ALL_SECONDS))
    except Lost as lost:
        return Together(failed=str(lost))


def _run(request: dict[str, Any]) -> dict[str, Any]:
    program, left = request["program"], request["schedules"]
    searches = list(_searches(program, request["call"]))
    findings: list[dict[str, Any]] = []
    seen: set[object] = set()
    failed = ""
    for number, (strategy, calls, case) in enumerate(searches):
        share = max((left - len(seen)) // (len(searches) - number), 1)
        if len(seen) >= left or failed:
            break
        situations = min(SITUATIONS, share)
        plan = Plan(strategy, schedules=share // situations, situations=situations, begins=case, steps=STEPS)
        search = _Different(program, calls, request["impl"], plan)
        search.seen = seen
        failed = _searched(search)
        findings += [saved(program, finding) for finding in search.findings]
    return {"schedules": len(seen), "findings": findings, "failed": failed}


class _Different(Search):
    """A schedule of a situation counts once."""

    seen: set[object]

    def _executions(self, scenarios: list[Scenario], perform: Perform) -> Iterator[Execution]:
        begins = hashlib.sha256(repr(scenarios).encode()).digest()
        for execution in super()._executions(scenarios, perform):
            key = (begins, tuple(execution.schedule))
            if key not in self.seen:
                self.seen.add(key)
                yield execution


def _searches(program: Program, name: str) -> Iterator[tuple[str, list[str], str]]:
    """How, which two calls, and to which case the first one comes.

    What is left of the schedules is spent on random ones: they also differ in what the code hides from the search.
    """
    for strategy in ("exhaustive", "random"):
        for partner in partners(program, name)[:PARTNERS]:
            for case in program.calls[name].cases:
                if not case.never:
                    yield strategy, [name, partner], case.name


def _searched(search: Search) -> str:
    """Why a search could not be finished, or nothing."""
    try:
        with limited(SECONDS, lambda: Endless(f"a schedule does not end within {SECONDS} s")) as patience:
            for _ in search.run():
                patience.renew()
    except Endless as error:
        arrived(error)
        return str(error)
    except Unbuildable as error:
        arrived(error)
        return str(error)
    except Fickle as error:
        return str(error)
    except RecursionError:
        return "the code calls itself without end"
    except MemoryError:
        return "the memory is used up"
    return ""


def main() -> None:
    """Answer one request of the parent process."""
    answer(_run)


if __name__ == "__main__":
    main()
