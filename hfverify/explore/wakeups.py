"""Look for schedules of guests that go wrong: what is owed to somebody when nobody has anything to do any more.

Reads   model.program.Program, explore.guests.GuestFile
Gives   Rehearsal: a search that ends with the first problem, but for broken rules; its data as of a schedule file, and
        that file run again
Refuses guests that are wrong (Fault), that do not do the same again (Fickle), a file that is damaged (Unreadable)

All schedules with no preemption come first, then those with one, and so on: a CPU that idles, waits or ends costs none.
What guests tell each other is seen by nobody, so that a search is either over every schedule with few preemptions, or
over random ones, and never over every schedule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hfverify.explain.given import subject_at
from hfverify.explore.exhaustive import Perform
from hfverify.explore.files import Unreadable, steps_of
from hfverify.explore.guests import GuestFile, load
from hfverify.explore.hosting import Hosted
from hfverify.explore.machine import Choose
from hfverify.explore.preempting import few_preemptions
from hfverify.explore.priorities import by_priority
from hfverify.explore.problems import Problem, problems
from hfverify.explore.remembering import Fickle
from hfverify.explore.replaying import followed, replayed, shortened, switches
from hfverify.explore.search import Plan, Tally
from hfverify.explore.steps import Execution, Step
from hfverify.model.program import Program
from hfverify.report.schedule import draw

# After a broken rule the search goes on: it may lead to something worse.
GOES_ON = "broken"
# How many preemptions are tried if nobody says.
PREEMPTIONS = 2
# How many others are tried to find one with fewer switches.
MOST_TRIES = 40
# After so many schedules, whoever waits for news hears of it.
NEWS = 20


@contextmanager
def hosted(program: Program, file: GuestFile, impl: str) -> Iterator[Hosted]:
    """A machine on which guests run; every call is noticed meanwhile."""
    host = Hosted(program, load(file, impl), impl)
    host.watch_contracts()
    try:
        yield host
    finally:
        host.unwatch_contracts()


@dataclass(slots=True)
class Rehearsal:
    """One search; `findings` has the data of what went wrong, if something did."""

    program: Program
    file: GuestFile
    impl: str
    plan: Plan
    tally: Tally = field(default_factory=Tally)
    findings: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> Iterator[tuple[str, ...]]:
        """Search; after some schedules, say so."""
        with hosted(self.program, self.file, self.impl) as host:
            yield from self._search(host)

    def _search(self, host: Hosted) -> Iterator[tuple[str, ...]]:
        self.tally.situations = 1
        seen: set[bytes] = set()
        kinds: set[str] = set()
        for execution in self._executions(host):
            known = bytes(execution.schedule)
            if known in seen:
                continue
            if not seen:
                _demand_repeatable(host, execution)
            seen.add(known)
            self.tally.schedules += 1
            self.tally.steps += len(execution.steps)
            wrong = [problem for problem in problems(execution) if problem.kind not in kinds]
            if wrong:
                kinds |= {problem.kind for problem in wrong}
                self._found(host, execution, {problem.key for problem in wrong if problem.kind == wrong[0].kind})
            if kinds - {GOES_ON} or self.tally.schedules >= self.plan.schedules:
                self.tally.complete = False
                return
            if self.tally.schedules % NEWS == 0:
                yield ()

    def _executions(self, host: Hosted) -> Iterator[Execution]:
        """The schedules."""
        plan, perform = self.plan, _checked(host)
        if plan.strategy == "random":
            self.tally.complete = False
            yield from by_priority(perform, self.file.cpus, plan.schedules, seed=plan.seed)
            return
        for count in range(1 + (PREEMPTIONS if plan.preemptions is None else plan.preemptions)):
            yield from few_preemptions(perform, count)

    def _found(self, host: Hosted, execution: Execution, keys: set[str]) -> None:
        """A schedule with few switches."""
        best, tries = execution, 0

        def shows(done: Execution) -> bool:
            return keys <= {problem.key for problem in problems(done)}

        def perform(choose: Choose) -> Execution:
            nonlocal best, tries
            tries += 1
            if tries > MOST_TRIES:
                raise _Enough
            done = host.perform(choose)
            if shows(done) and switches(done.schedule) < switches(best.schedule):
                best = done
            return done

        with suppress(_Enough):
            shortened(perform, best, shows)
        first = sorted(problems(best), key=lambda problem: problem.key not in keys)
        self.findings.append(told(self.program, host, first, best))


class _Enough(Exception):
    """A schedule is short enough."""


def _checked(host: Hosted) -> Perform:
    """Whoever was to go on and cannot has done something else than before."""

    def perform(choose: Choose) -> Execution:
        def chosen(ready: list[int], steps: list[Step]) -> int | None:
            cpu = choose(ready, steps)
            if cpu is not None and cpu not in ready:
                raise Fickle(f"CPU {cpu} cannot go on after step {len(steps)}, where it could before")
            return cpu

        return host.perform(chosen)

    return perform


def _demand_repeatable(host: Hosted, first: Execution) -> None:
    """The first schedule again: it must lead to the same steps."""
    again = followed(host.perform, first.schedule)
    for number, (one, other) in enumerate(zip(first.steps, again.steps, strict=False), 1):
        if (one.cpu, one.next, one.touched) != (other.cpu, other.next, other.touched):
            place = f" at {one.next.place[0]}:{one.next.place[1]}" if one.next.place[0] else ""
            raise Fickle(f"CPU {one.cpu} does not do the same again in step {number}{place}")
    if len(first.steps) != len(again.steps):
        raise Fickle(f"the same guests take {len(first.steps)} steps, and then {len(again.steps)}")


# ---------------------------------------------------------------- files


def told(program: Program, host: Hosted, wrong: list[Problem], execution: Execution) -> dict[str, Any]:
    """An execution as plain data."""
    file = host.guests.file
    return {
        "kind": wrong[0].kind if wrong else "nothing wrong",
        "problems": [{"text": problem.text, "obligation": _known(program, problem.obligation)} for problem in wrong],
        "guests": {"file": file.path, "cpus": file.cpus},
        "calls": host.names,
        "made": host.names,
        "schedule": execution.schedule,
        "steps": steps_of(execution),
        "results": [],
        "keys": [problem.key for problem in wrong],
        "revision": program.revision,
    }


def _known(program: Program, obligation: str) -> str:
    """What is broken outside of every call, or at rest, is no obligation of a proof."""
    return obligation if obligation.partition(".")[0] in program.calls else ""


def is_of_guests(path: Path) -> bool:
    """Whether a schedule file is one of guests, as far as can be seen; what else it is, its reader says."""
    try:
        return "guests" in json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class SavedGuests:
    """What a file says. `schedule` has the number of the CPU that takes each step, and may be edited."""

    file: GuestFile
    schedule: list[int]
    keys: list[str]


def load_saved(path: Path) -> SavedGuests:
    """Read a schedule file of guests."""
    try:
        data = json.loads(path.read_text("utf-8"))
        given, schedule, keys = data["guests"], list(data["schedule"]), list(data["keys"])
        file = GuestFile(str(given["file"]), int(given["cpus"]))
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = f"it has no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
        raise Unreadable(f"{path} is no schedule of guests: {reason}") from error
    if not all(isinstance(cpu, int) and 0 <= cpu < file.cpus for cpu in schedule):
        raise Unreadable(f"{path} has a schedule with numbers that are none of its {file.cpus} CPUs")
    return SavedGuests(file, schedule, keys)


def again(program: Program, saved: SavedGuests, impl: str) -> dict[str, Any]:
    """Run the schedule of a file exactly; what is wrong now, first of all what it was saved for."""
    with hosted(program, saved.file, impl) as host:
        execution = replayed(host.perform, saved.schedule)
        wrong = sorted(problems(execution), key=lambda problem: problem.key not in saved.keys)
        return told(program, host, wrong, execution)


class WithGuests:
    """For tests: guests on the implementation of the subject of the current folder."""

    def __init__(self, file: str, *, cpus: int, revision: str = "") -> None:
        self._program, self._folders = subject_at(Path.cwd(), revision)
        self._file = GuestFile(file, cpus)
        self._data: dict[str, Any] = {}

    def run(self, schedule: Sequence[int]) -> WithGuests:
        """Follow the schedule where the guests can, and afterwards interrupt nobody."""
        impl = str(self._folders.impl.resolve())
        with hosted(self._program, self._file, impl) as host:
            execution = followed(host.perform, schedule)
            self._data = told(self._program, host, problems(execution), execution)
        return self

    @property
    def problems(self) -> list[str]:
        """What went wrong, one line each; none if all went well."""
        return [problem["text"] for problem in self._data["problems"]]

    def drawing(self, width: int = 100) -> str:
        """The steps, with a column for each CPU."""
        return "\n".join(draw(self._data, width))
