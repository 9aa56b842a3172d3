"""A schedule as a file that people read and edit: where it begins, who takes each step, what was found.

Reads   explore.search.Finding, or such a file
Gives   plain data and its inverse; the execution of a file on the implementation as it is now
Refuses a file that is damaged, or that does not fit the specification (Unreadable)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfverify.explain.scenario import Scenario, from_json, to_json
from hfverify.explore.machine import Shared
from hfverify.explore.problems import Problem, problems
from hfverify.explore.replaying import replayed
from hfverify.explore.search import Finding
from hfverify.explore.steps import Execution, Kind, Step
from hfverify.model.program import Program

WORDS = {
    Kind.BEGIN: "begins", Kind.TAKE: "takes", Kind.LOAD: "reads", Kind.STORE: "writes", Kind.WAIT: "waits for",
    Kind.REST: "goes on, as there is", Kind.RETURN: "after",
}  # fmt: skip


class Unreadable(Exception):
    """The file is no schedule of this specification."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file says. `schedule` has the number of the CPU that takes each step, and may be edited."""

    calls: list[str]
    scenarios: list[Scenario]
    schedule: list[int]
    keys: list[str]


def saved(program: Program, finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        **shown(finding.problems, finding.scenarios, finding.execution),
        "keys": [problem.key for problem in finding.problems],
        "revision": program.revision,
        "outcomes": list(finding.outcomes),
        "begins": [to_json(program, scenario) for scenario in finding.scenarios],
    }


def shown(found: list[Problem], scenarios: list[Scenario], execution: Execution) -> dict[str, Any]:
    """What there is to see of an execution."""
    results = [
        {"cpu": cpu, "case": report.outcome, "result": report.result, "next": report.following}
        for cpu, report in sorted(execution.reports.items())
    ]
    return {
        "kind": found[0].kind if found else "nothing wrong",
        "problems": [{"text": problem.text, "obligation": problem.obligation} for problem in found],
        "calls": [scenario.call for scenario in scenarios],
        "made": [_made(scenario) for scenario in scenarios],
        "schedule": execution.schedule,
        "steps": steps_of(execution),
        "results": results,
    }


def steps_of(execution: Execution) -> list[dict[str, Any]]:
    """What each CPU did, and what those that came to no end wait for."""
    steps = [
        {"cpu": step.cpu, "does": _words(step), "place": _place(step), "changes": step.changes}
        for step in execution.steps
    ]
    waiting = [(one, f"WAITS for {one.next.what}") for one in execution.blocked]
    waiting += [(one, f"RESTS until {one.next.what}") for one in execution.idle]
    return steps + [
        {"cpu": one.cpu, "does": does, "place": _at(*one.next.place), "changes": []} for one, does in waiting
    ]


def _made(scenario: Scenario) -> str:
    """The call with its arguments and for whom it is made."""
    given = ", ".join(_number(value) for value in scenario.arguments.values())
    who = f" for {list(scenario.actor)}" if scenario.actor else ""
    return "; then ".join([f"{scenario.call}({given}){who}", *map(_made, scenario.then)])


def _number(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) or value < 1 << 16 else hex(value)


def _words(step: Step) -> str:
    return f"{WORDS[step.next.kind]} {step.next.what}".rstrip()


def _place(step: Step) -> str:
    return _at(*step.next.place)


def _at(file: str, line: int) -> str:
    return f"{file.rsplit('/', 1)[-1]}:{line}" if file else ""


def load(program: Program, path: Path) -> Saved:
    """Read a file."""
    try:
        data = json.loads(path.read_text("utf-8"))
        scenarios = [from_json(program, item) for item in data["begins"]]
        calls, schedule, keys = data["calls"], data["schedule"], data["keys"]
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it has no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
        raise Unreadable(f"{path} is no schedule of this specification: {reason}") from error
    unknown = [name for name in calls if name not in program.calls]
    if unknown or [scenario.call for scenario in scenarios] != calls:
        raise Unreadable(f"{path} speaks of calls that are not specified: {', '.join(unknown or calls)}")
    if not all(isinstance(cpu, int) and 0 <= cpu < len(calls) for cpu in schedule):
        raise Unreadable(f"{path} has a schedule with numbers that are none of its {len(calls)} CPUs")
    return Saved(calls, scenarios, schedule, keys)


def again(program: Program, found: Saved, impl: str) -> tuple[list[Problem], Execution]:
    """Run the schedule of a file; what is wrong with it now, first of all what it was saved for."""
    machine = Shared(program, found.scenarios, impl)
    machine.watch_contracts()
    try:
        execution = replayed(machine.perform, found.schedule)
    finally:
        machine.unwatch_contracts()
    seen = problems(execution, found.calls)
    return sorted(seen, key=lambda problem: problem.key not in found.keys), execution
