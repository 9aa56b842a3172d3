"""Draw a schedule: a row for each step, a column for each CPU.

Reads   the data of a schedule file
Gives   lines of text
Refuses nothing
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

NARROWEST = 34
NUMBER = 4


def draw(data: dict[str, Any], width: int) -> list[str]:
    """The steps in their order, with a line wherever the CPU changes."""
    calls: list[str] = data["calls"]
    column = max((width - NUMBER) // len(calls) - 2, NARROWEST)
    rule = " " + "─" * min(width - 2, NUMBER + len(calls) * (column + 2))
    heads = "".join(f"  {f'CPU {cpu}   {made}'[:column]:<{column}}" for cpu, made in enumerate(data["made"]))
    switches = sum(a["cpu"] != b["cpu"] for a, b in pairwise(data["steps"]))
    counted = f"{switches} switch{'es' * (switches != 1)}"
    order = "·".join(str(cpu) for cpu in data["schedule"])
    lines = [
        f" {data['kind']} after {len(data['schedule'])} steps, {counted}   schedule {order}",
        "",
        f"{'':{NUMBER}}{heads}".rstrip(),
        rule,
    ]
    before = None
    for number, step in enumerate(data["steps"], 1):
        if before is not None and before != step["cpu"]:
            lines.append(f"{'':{NUMBER}}  ── switch ──")
        before = step["cpu"]
        rows = [_fit(step["does"], step["place"], column), *(_cut(change, column) for change in step["changes"])]
        gap = "  ".join([" " * column] * step["cpu"])
        for index, row in enumerate(rows):
            head = f"{number:>{NUMBER - 1}} " if index == 0 else " " * NUMBER
            lines.append(f"{head}{'  ' + gap if gap else ''}  {row}".rstrip())
    lines.append(rule)
    for result in data["results"]:
        if result["case"]:
            value = "" if result["result"] is None else f" = {result['result']}"
            lines.append(f" CPU {result['cpu']}  {calls[result['cpu']]}{value}   case {result['case']}")
    return [*lines, *(f" {problem['text']}" for problem in data["problems"])]


def _cut(change: str, width: int) -> str:
    """A change; of a long name, its end."""
    room = width - NUMBER
    return " " * NUMBER + (change if len(change) <= room else f"…{change[1 - room :]}")


def _fit(what: str, place: str, width: int) -> str:
    """What was done, with its place at the right."""
    room = width - len(place) - 1
    return f"{what[:room]:<{room}} {place}"
