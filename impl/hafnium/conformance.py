"""Compare this implementation with recordings of the C one: `python -m hafnium.conformance PATH...`.

Each PATH is a scenario (`.jsonl`, `.jsonl.gz`) or a folder of them. After every step the returned value,
the virtual CPU that goes on and the whole state must be as recorded. Differences that are meant are
declared in `conformance.json` and counted on their own.

Exit status: 0 if all scenarios agree, 1 if one differs, 2 if one cannot be read or there is none.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hafnium.console import run_command
from hafnium.page_table import ABSENT, NOBODY
from hafnium.replay import Outcome, Replay, StepError, build_replay, do_step, name, read_state
from hafnium.trace import Header, Scenario, Step, TraceError, load

DECLARED = Path(__file__).with_name("conformance.json")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as recorded. `step` is -1 for the state before the first step."""

    step: int
    field: str
    expected: object
    actual: object

    def __str__(self) -> str:
        where = "before step 0" if self.step < 0 else f"step {self.step}"
        return f"{where}: {self.field}: expected {self.expected}, actual {self.actual}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared difference: which scenarios and fields, and which deviation accounts for it.

    With `pool_limited`, it is only about scenarios whose pool of page-table pages was cut down.
    """

    scenario: str
    field: str
    deviation: int
    pool_limited: bool = False

    def is_about(self, header: Header) -> bool:
        """Tell whether the rule is about a scenario."""
        return fnmatchcase(header.name, self.scenario) and (header.pool_limited or not self.pool_limited)


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything that is declared: single fields, and scenarios that go their own way."""

    differences: tuple[Rule, ...]
    out_of_model: tuple[Rule, ...]


class Verdict(Enum):
    """How a scenario came out."""

    AGREES = "agree"
    DECLARED = "differ as declared"
    OUT_OF_MODEL = "out of the model"
    DIFFERS = "differ"


@dataclass(slots=True)
class Result:
    """How one scenario came out: the first difference that is not declared, and the rules that were used."""

    scenario: Scenario
    verdict: Verdict = Verdict.AGREES
    first: Difference | None = None
    used: set[Rule] = field(default_factory=set)


def load_declared(path: Path = DECLARED) -> Declared:
    """Read the declared differences."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Declared(decode_rules(data["differences"]), decode_rules(data["out_of_model"]))


def decode_rules(items: list[dict[str, Any]]) -> tuple[Rule, ...]:
    """Return declared rules; one without a field is about all of them."""
    return tuple(
        Rule(item["scenario"], item.get("field", "*"), item["deviation"], item.get("pool_limited", False))
        for item in items
    )


def same(key: str, expected: Any, actual: Any) -> bool:
    """Compare two values of a field. Two stage-2 modes that mean nothing to the VM are the same."""
    if expected == actual:
        return True
    if not key.endswith(".s2") or not isinstance(expected, list):
        return False
    return [absent(mode) for mode in expected] == [absent(mode) for mode in actual]


def absent(mode: object) -> object:
    """Return a mode, and the same one for all that mean nothing to the VM."""
    return ABSENT if isinstance(mode, int) and mode & NOBODY == NOBODY else mode


def compare_state(replay: Replay, expected: dict[str, Any], step: int) -> list[Difference]:
    """Return the fields of the state that are not as recorded."""
    actual = read_state(replay)
    keys = list(expected) if expected.keys() == actual.keys() else sorted(expected.keys() | actual.keys())
    missing = "nothing"
    return [
        Difference(step, key, expected.get(key, missing), actual.get(key, missing))
        for key in keys
        if key not in expected or key not in actual or not same(key, expected[key], actual[key])
    ]


def compare_outcome(step: Step, outcome: Outcome) -> list[Difference]:
    """Return what a step came to and was not recorded."""
    to = None if step.next is None else f"{step.next[0]}.{step.next[1]}"
    pairs: list[tuple[str, object, object]] = [
        ("spins", step.spins, outcome.spins),
        ("ret", written(step.returned), written(outcome.returned)),
        ("next", to, name(outcome.next)),
        ("resumed", step.resumed, outcome.resumed),
    ]
    return [Difference(step.number, key, want, got) for key, want, got in pairs if want != got]


def written(register: int | None) -> str | None:
    """Return how a register is written."""
    return None if register is None else hex(register)


def replay_step(replay: Replay, step: Step, expected: dict[str, Any]) -> list[Difference]:
    """Do one step and return what came out differently."""
    try:
        outcome = do_step(replay, step)
    except StepError as error:
        return [Difference(step.number, "step", step.op, str(error))]
    return compare_outcome(step, outcome) + compare_state(replay, expected, step.number)


def judge(scenario: Scenario, declared: Declared) -> Result:
    """Replay one scenario up to the first difference that is not declared."""
    result = Result(scenario)
    rules = [rule for rule in declared.differences if rule.is_about(scenario.header)]
    replay = build_replay(scenario.header)
    expected = dict(scenario.header.init)
    differences = compare_state(replay, expected, -1)
    for step in scenario.steps:
        if unexplained(result, rules, differences):
            break
        expected.update(step.change)
        differences = replay_step(replay, step, expected)
    unexplained(result, rules, differences)
    out = [rule for rule in declared.out_of_model if rule.is_about(scenario.header)]
    if result.first is None:
        result.verdict = Verdict.DECLARED if result.used else Verdict.AGREES
    elif out:
        result.verdict = Verdict.OUT_OF_MODEL
        result.used.update(out)
    else:
        result.verdict = Verdict.DIFFERS
    return result


def unexplained(result: Result, rules: list[Rule], differences: list[Difference]) -> bool:
    """Note the rules that explain differences, and the first one that no rule explains."""
    for difference in differences:
        for rule in rules:
            if fnmatchcase(difference.field, rule.field):
                result.used.add(rule)
                break
        else:
            result.first = result.first or difference
    return result.first is not None


def find_scenarios(path: Path) -> list[Path]:
    """Return the file that a path names, or the scenarios of a folder in the order of their names."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.name.endswith((".jsonl", ".jsonl.gz")) and file.is_file())


def main(arguments: Sequence[str]) -> int:
    """Replay what the arguments name and print what differs; return the exit status."""
    description = "Replay recorded scenarios and compare every step."
    parser = argparse.ArgumentParser(prog="python -m hafnium.conformance", description=description)
    what = "a scenario (.jsonl, .jsonl.gz), or a folder of them"
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=what)
    files: list[Path] = []
    for path in parser.parse_args(arguments).paths:
        if not path.exists():
            parser.error(f"no such file or folder: {path}")
        found = find_scenarios(path)
        if not found:
            parser.error(f"no scenario in {path}")
        files += found
    declared = load_declared()
    counts = dict.fromkeys(Verdict, 0)
    steps = unreadable = 0
    for file in files:
        try:
            result = judge(load(file), declared)
        except TraceError as error:
            print(error, file=sys.stderr)
            unreadable += 1
            continue
        counts[result.verdict] += 1
        steps += len(result.scenario.steps)
        if result.verdict is Verdict.DIFFERS:
            print(f"{result.scenario.header.name}: {result.first}")
    parts = [f"{count} {verdict.value}" for verdict, count in counts.items()]
    if unreadable:
        parts.append(f"{unreadable} cannot be read")
    print(f"{len(files)} scenarios, {steps} steps: {', '.join(parts)}")
    if unreadable:
        return 2
    return 1 if counts[Verdict.DIFFERS] else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
