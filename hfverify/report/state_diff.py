"""Draw a counterexample: each cell before the call, as promised, and as it is.

Reads   a counterexample as plain data; any of its keys may be missing
Gives   draw
Refuses nothing: what has an unexpected form is left out
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from hfverify.report.excerpt import visible

HEAD = ("cell", "before", "promised", "actual")
GAP = 3
MARK = "✗"
NARROW = 14
NARROWEST = 6
NARROWEST_TABLE = 50
UNCHANGED = "unchanged"

DIFFERENCES = {
    "returns": "the result differs",
    "next": "the next object differs",
    "effect": "the effect differs",
    "frame": "something else changes",
    "precedence": "another check answers",
    "raises": "an exception is raised",
    "stable": "another CPU is disturbed",
    "lock.order": "the lock order breaks",
    "lock.held": "a lock is not held",
    "lock.owned": "an owner is passed over",
    "lock.balanced": "a lock stays taken",
    "lock.shape": "the protocol breaks",
    "contract": "a contract breaks",
    "encode": "another number is written",
    "decode": "another value is read",
    "inverse": "reading does not undo writing",
    "refuses": "a number is not refused",
}


@dataclass(frozen=True, slots=True)
class _Row:
    cells: tuple[str, ...]
    differs: bool

    @property
    def changes(self) -> bool:
        _, before, *after = self.cells
        return self.differs or any(value not in (before, UNCHANGED, "") for value in after)


def draw(counterexample: Mapping[str, object], *, width: int, everything: bool) -> str:
    """The whole view; `everything` shows unchanged cells too."""
    width = max(width, NARROWEST_TABLE)
    rows = [_row(row) for row in _maps(counterexample, "rows")]
    shown = [row for row in rows if everything or row.changes]
    folded = _number(counterexample, "unchanged", 0) + len(rows) - len(shown)
    table, size = _table(shown, width)
    sections = [
        _title(counterexample, size or width, width),
        _setting(counterexample, width),
        table + _folded(folded, bool(shown), everything=everything),
        _exception(counterexample, width),
        _violations(counterexample, width),
        _path(counterexample, width),
        _schedule(counterexample, width),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in section) for section in sections if section)


def _title(data: Mapping[str, object], size: int, width: int) -> list[str]:
    name = ", ".join(filter(None, (_text(data, "call"), _text(data, "outcome"))))
    obligation = _text(data, "obligation")
    left = " — ".join(filter(None, (name or obligation, _difference(obligation))))
    confirmed = data.get("confirmed")
    right = "" if confirmed is None else "confirmed on the real code" if confirmed else "not confirmed on the real code"
    line = f" {left}{' ' * max(size - cell_len(left) - len(right) - 1, 3)}{right}"
    return [] if not left + right else [line] if cell_len(line) <= width else [f" {left}", f" {right}"]


def _difference(obligation: str) -> str:
    for kind, difference in DIFFERENCES.items():
        if obligation.endswith(f".{kind}"):
            return difference
    return "an invariant breaks" if ".invariant." in obligation else ""


def _setting(data: Mapping[str, object], width: int) -> list[str]:
    actor, arguments = _map(data, "actor"), _map(data, "arguments")
    items = [(_text(actor, "name"), _text(actor, "object")), ("cpu", _text(data, "here"))]
    items += [(name, _text(arguments, name)) for name in arguments]
    lines: list[str] = []
    for item in (f"{name}  {value}" for name, value in items if name and value):
        if lines and cell_len(lines[-1]) + 5 + cell_len(item) <= width:
            lines[-1] += f"     {item}"
        else:
            lines.append(f" {item}")
    return lines


def _table(rows: list[_Row], width: int) -> tuple[list[str], int]:
    if not rows:
        return [], 0
    columns = zip(HEAD, *(row.cells for row in rows), strict=True)
    sizes = _fit([max(map(cell_len, column)) for column in columns], width - 1 - GAP * 3 - GAP - len(MARK))
    rule = " " + "─" * (sum(sizes) + GAP * 4 + len(MARK))
    lines = [*_lines(_Row(HEAD, differs=False), sizes), rule]
    groups = (
        [row for row in rows if row.differs],
        [row for row in rows if row.changes and not row.differs],
        [row for row in rows if not row.changes],
    )
    for row in groups[0] + groups[1]:
        lines += _lines(row, sizes)
    if groups[0] or groups[1]:
        lines.append(rule)
    for row in groups[2]:
        lines += _lines(row, sizes)
    return lines, len(rule)


def _fit(sizes: list[int], room: int) -> list[int]:
    """Take from the widest column until all fit; from the names of the cells only when the values are narrow."""
    cell, *values = sizes
    while cell + sum(values) > room and max(values) > NARROW:
        values[values.index(max(values))] -= 1
    sizes = [cell, *values]
    while sum(sizes) > room and max(sizes) > NARROWEST:
        sizes[sizes.index(max(sizes))] -= 1
    return sizes


def _lines(row: _Row, sizes: Sequence[int]) -> list[str]:
    folded = [_fold(cell, size) for cell, size in zip(row.cells, sizes, strict=True)]
    lines = []
    for index in range(max(map(len, folded))):
        parts = [cell[index] if index < len(cell) else "" for cell in folded]
        padded = (part + " " * (size - cell_len(part)) for part, size in zip(parts, sizes, strict=True))
        mark = " " * GAP + MARK if row.differs and index == 0 else ""
        lines.append(" " + (" " * GAP).join(padded) + mark)
    return lines


def _fold(text: str, size: int) -> list[str]:
    return [text] if cell_len(text) <= size else textwrap.wrap(text, size, break_on_hyphens=False) or [""]


def _folded(count: int, after_table: bool, *, everything: bool) -> list[str]:
    if count <= 0:
        return []
    other = "other " if after_table else ""
    hint = "" if everything else "    (--all to show)"
    return [f" {count} {other}cell{'s' if count > 1 else ''} unchanged{hint}"]


def _exception(data: Mapping[str, object], width: int) -> list[str]:
    return _hanging(" exception  ", _text(data, "exception"), width) if data.get("exception") else []


def _violations(data: Mapping[str, object], width: int) -> list[str]:
    violations = _maps(data, "violations")
    size = max((len(_text(violation, "kind")) for violation in violations), default=0)
    lines = []
    for violation in violations:
        place = _place(violation)
        text = "  ".join(filter(None, (_text(violation, "text"), place)))
        lines += _hanging(f" {MARK} {_text(violation, 'kind'):<{size}}  ", text, width)
    return lines


def _path(data: Mapping[str, object], width: int) -> list[str]:
    branches = _maps(data, "path")
    if not branches:
        return []
    stops: list[str] = []
    file = ""
    for branch in branches:
        line = _text(branch, "line")
        stops.append(line if _text(branch, "file") == file else f"{_text(branch, 'file')} {line}".strip())
        file = _text(branch, "file")
    count = f"{len(branches)} branch{'es' if len(branches) > 1 else ''}"
    lines = _hanging(" path   ", f"{' → '.join(stops)}    {count}", width)
    number = max(len(_text(branch, "line")) for branch in branches)
    texts = [_text(branch, "text") for branch in branches]
    size = min(max(map(cell_len, texts)), width - number - 17)
    for branch, text in zip(branches, texts, strict=True):
        taken = "" if branch.get("taken") is None else "true" if branch["taken"] else "false"
        first, *more = _fold(text, max(size, NARROWEST))
        lines.append(f"{' ' * 8}{_text(branch, 'line'):>{number}}  {first}{' ' * (size - cell_len(first))}   {taken}")
        lines += [" " * (10 + number) + line for line in more]
    return lines


def _schedule(data: Mapping[str, object], width: int) -> list[str]:
    steps = data.get("schedule")
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not steps:
        return []
    number = len(str(len(steps)))
    lines = [" schedule"]
    for index, step in enumerate(steps, 1):
        lines += _hanging(f"  {index:>{number}}   ", visible(str(step)), width)
    return lines


def _hanging(start: str, text: str, width: int) -> list[str]:
    folded = _fold(text, max(width - cell_len(start), NARROWEST))
    return [start + folded[0], *(" " * cell_len(start) + line for line in folded[1:])]


def _row(data: Mapping[str, object]) -> _Row:
    return _Row(tuple(_text(data, name) for name in HEAD), bool(data.get("differs")))


def _place(data: Mapping[str, object]) -> str:
    file, line = _text(data, "file"), _text(data, "line")
    return ":".join(filter(None, (file, line))) if file else ""


def _text(data: Mapping[str, object], key: str) -> str:
    value = data.get(key)
    return "" if value is None else visible(str(value))


def _number(data: Mapping[str, object], key: str, default: int) -> int:
    value = data.get(key)
    return value if isinstance(value, int) else default


def _map(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _maps(data: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    value = data.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]
