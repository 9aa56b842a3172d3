"""Write a counterexample as a test that a person can read.

Reads   the JSON of a counterexample
Gives   the text of a pytest file, which needs no solver
Refuses to overwrite a file with other contents (FileExistsError)
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any


def text(counterexample: dict[str, Any], revision: str) -> str:
    """The test."""
    scenario = counterexample["scenario"]
    name = counterexample["obligation"]
    function = re.sub(r"\W+", "_", name)
    options = [repr(scenario["call"])]
    actor = counterexample.get("actor")
    if actor:
        options.append(f"actor={actor['object']!r}")
    options += [f"here={scenario['here']}", f"sizes={scenario['sizes']!r}", f"revision={revision!r}"]
    lines = [
        f'"""{name}: the call must keep this promise. Found at revision {revision or "current"}."""',
        "",
        "from hfverify.explain import Given",
        "",
        "",
        f"def test_{function}() -> None:",
        f"    given = Given({', '.join(options)})",
    ]
    if scenario["arguments"]:
        arguments = ", ".join(f"{key}={value!r}" for key, value in scenario["arguments"].items())
        lines.append(f"    given.argument({arguments})")
    for cell, value in scenario["cells"].items():
        lines.append(f"    {_place(cell)} = {value!r}")
    known = dict(scenario["cells"])
    for number, step in enumerate(scenario["schedule"]):
        for cell, value in step.items():
            if value != known.get(cell) and not (cell not in known and value in (0, False, None, [], "")):
                lines.append(f"    given.before_lock({number}, {cell!r}, {value!r})")
            known[cell] = value
    for cell, value in scenario["reads"]:
        lines.append(f"    given.reads({cell!r}, {value!r})")
    short = name.removeprefix(scenario["call"] + ".")
    lines += [
        "    outcome = given.run()",
        f"    assert {short!r} not in outcome.broken, outcome.difference()",
        "",
    ]
    return "\n".join(lines)


def _place(cell: str) -> str:
    match = re.fullmatch(r"(\w+)(?:\[([\d, ]*)\])?\.([\w.]+)", cell)
    assert match is not None
    keys = f"({match[2]})" if match[2] is not None else ""
    return f"given.{match[1]}{keys}.{match[3]}"


def schedule_text(data: dict[str, Any]) -> str:
    """The test of a schedule: whatever steps the code takes by then, nothing may go wrong."""
    if "guests" in data:
        return _guests_text(data)
    begins, revision = data["begins"], data["revision"]
    told = data["problems"][0]["text"] if data["problems"] else "nothing is wrong"
    cells: dict[str, Any] = {}
    for scenario in begins:
        cells |= scenario["cells"]
    lines = [
        *textwrap.wrap(f'"""{data["kind"]}: {told}.', 100),
        "",
        f"Found at revision {revision or 'current'}.",
        '"""',
        "",
        "from hfverify.explore import Together",
        "",
        "CELLS = {",
        *(f"    {cell!r}: {value!r}," for cell, value in cells.items()),
        "}",
        "",
        "",
        f"def test_{_schedule_name(data)}() -> None:",
        f"    together = Together(CELLS, sizes={begins[0]['sizes']!r}, revision={revision!r})",
    ]
    for scenario in begins:
        options = [repr(scenario["call"]), repr(scenario["arguments"]), f"actor={tuple(scenario['actor'])!r}"]
        options += [f"objects={scenario['objects']!r}"] if scenario.get("objects") else []
        options += [f"reads={[tuple(read) for read in scenario['reads']]!r}"] if scenario["reads"] else []
        lines.append(f"    together.cpu({', '.join(options)})")
    lines += [
        f"    outcome = together.run({data['schedule']!r})",
        "    assert outcome.problems == [], outcome.drawing()",
        "",
    ]
    return "\n".join(lines)


def _guests_text(data: dict[str, Any]) -> str:
    told = data["problems"][0]["text"] if data["problems"] else "nothing is wrong"
    given = data["guests"]
    lines = [
        *textwrap.wrap(f'"""{data["kind"]}: {told}.', 100),
        "",
        f"Found at revision {data['revision'] or 'current'}.",
        '"""',
        "",
        "from hfverify.explore import WithGuests",
        "",
        "",
        f"def test_{_schedule_name(data)}() -> None:",
        f"    guests = WithGuests({given['file']!r}, cpus={given['cpus']!r}, revision={data['revision']!r})",
        f"    outcome = guests.run({data['schedule']!r})",
        "    assert outcome.problems == [], outcome.drawing()",
        "",
    ]
    return "\n".join(lines)


def named(data: dict[str, Any]) -> list[str]:
    """What a schedule is called: the calls that run, or their guests."""
    return [Path(data["guests"]["file"]).stem] if "guests" in data else list(data["calls"])


def _schedule_name(data: dict[str, Any]) -> str:
    return re.sub(r"\W+", "_", "_".join([*named(data), data["kind"]]))


def write(counterexample: dict[str, Any], revision: str, target: Path) -> Path:
    """Write the test to a file, or into a folder under a name of its own."""
    return _write(text(counterexample, revision), counterexample["obligation"], target)


def write_schedule(data: dict[str, Any], target: Path) -> Path:
    """The same for a schedule."""
    return _write(schedule_text(data), _schedule_name(data), target)


def _write(content: str, name: str, target: Path) -> Path:
    if target.is_dir() or not target.suffix:
        target.mkdir(parents=True, exist_ok=True)
        target = target / f"test_{re.sub(r'[^a-z0-9]+', '_', name.lower())}.py"
    if target.exists() and target.read_text("utf-8") != content:
        raise FileExistsError(f"{target} exists with other contents; remove it or give another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, "utf-8")
    return target
