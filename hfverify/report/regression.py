"""Write a counterexample as a test that a person can read.

Reads   the JSON of a counterexample
Gives   the text of a pytest file, which needs no solver
Refuses to overwrite a file with other contents (FileExistsError)
"""

from __future__ import annotations

import re
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


def write(counterexample: dict[str, Any], revision: str, target: Path) -> Path:
    """Write the test to a file, or into a folder under a name of its own."""
    if target.is_dir() or not target.suffix:
        target.mkdir(parents=True, exist_ok=True)
        target = target / f"test_{re.sub(r'[^a-z0-9]+', '_', counterexample['obligation'].lower())}.py"
    content = text(counterexample, revision)
    if target.exists() and target.read_text("utf-8") != content:
        raise FileExistsError(f"{target} exists with other contents; remove it or give another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, "utf-8")
    return target
