"""Count verdicts: one table by subject, one by group of kinds.

Reads   verdict.Verdict
Gives   summary, by_kind: lines of text; tally and in_short, the counts and steps behind them
Refuses nothing: a name that is too long for the width is cut, with `…`
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hfverify.verdict import Status, Verdict

COLUMNS = ("proved", "tested", "assumed", "open", "vacuous", "refuted")
COLUMN_OF = {
    Status.PROVED: "proved",
    Status.TESTED: "tested",
    Status.ASSUMED: "assumed",
    Status.UNKNOWN: "open",
    Status.STALE: "open",
    Status.SUSPECTED: "open",
    Status.VACUOUS: "vacuous",
    Status.REFUTED: "refuted",
}

KIND_GROUPS = {
    "spec: cases": (
        "defined", "disjoint", "complete", "reachable", "satisfiable", "possible", "initial", "scenario",
        "consistent", "reached",
    ),
    "results and next": ("returns", "next", "precedence", "actor"),
    "effects and frame": ("effect", "frame"),
    "lock order": ("lock.order",),
    "held and owned": ("lock.held", "lock.owned", "stable"),
    "released, protocol": ("lock.balanced", "lock.shape", "waits"),
    "invariants": ("invariant",),
    "no exceptions": ("raises", "supported", "bounded"),
    "lists": ("contract", "refines"),
    "new objects": ("created",),
    "registers": ("routed", "ended", "encode", "decode", "inverse", "refuses"),
}  # fmt: skip
GROUP_OF = {kind: group for group, kinds in KIND_GROUPS.items() for kind in kinds}
OTHER = "other"

LEFT = " "
NARROWEST_NAME = 8
USUAL_NAME = 18
STEPS = 7


def summary(verdicts: Sequence[Verdict], width: int) -> list[str]:
    """One row for each subject in the order in which they come, and their total."""
    subjects: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        subjects.setdefault(verdict.obligation.group, []).append(verdict)
    return _render("subject", subjects, verdicts, width)


def by_kind(verdicts: Sequence[Verdict], width: int) -> list[str]:
    """One row for each group of kinds that was asked, in fixed order."""
    groups: dict[str, list[Verdict]] = {name: [] for name in (*KIND_GROUPS, OTHER)}
    for verdict in verdicts:
        groups[GROUP_OF.get(verdict.obligation.kind, OTHER)].append(verdict)
    return _render("kind", {name: rows for name, rows in groups.items() if rows}, None, width)


def tally(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many verdicts stand in each column, in order of trust."""
    counts = dict.fromkeys(COLUMNS, 0)
    for verdict in verdicts:
        counts[COLUMN_OF[verdict.status]] += 1
    return counts


def in_short(steps: int) -> str:
    """Steps with three digits at most: `812`, `41 k`, `1.31 M`, `24.7 M`."""
    if steps < 1_000:
        return str(steps)
    if steps < 999_500:
        return f"{steps / 1e3:.0f} k"
    unit, name = (1e6, "M") if steps < 999_500_000 else (1e9, "G")
    number = steps / unit
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f} {name}"


def _render(title: str, rows: dict[str, list[Verdict]], everything: Sequence[Verdict] | None, width: int) -> list[str]:
    head = ["questions", *COLUMNS, "steps"]
    body = [(name, _cells(verdicts)) for name, verdicts in rows.items()]
    total = [] if everything is None else [("total", _cells(everything))]
    sizes = [max(map(len, column)) for column in zip(head, *(cells for _, cells in body + total), strict=True)]
    sizes[-1] = max(sizes[-1], STEPS)
    wanted = max(USUAL_NAME, *map(len, [title, *rows]))
    gap = 2 if len(LEFT) + wanted + sum(sizes) + 2 * len(sizes) <= width else 1
    room = max(width - len(LEFT) - sum(sizes) - gap * len(sizes), NARROWEST_NAME)
    name_size = min(wanted, room)

    def line(name: str, cells: list[str]) -> str:
        short = name if len(name) <= name_size else name[: name_size - 1] + "…"
        numbers = (f"{' ' * gap}{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))
        return f"{LEFT}{short:<{name_size}}{''.join(numbers)}"

    rule = LEFT + "─" * (name_size + sum(sizes) + gap * len(sizes))
    lines = [line(title, head), rule, *(line(*row) for row in body)]
    return [*lines, rule, line(*total[0])] if total else lines


def _cells(verdicts: Sequence[Verdict]) -> list[str]:
    counts = [len(verdicts), *tally(verdicts).values()]
    steps = sum(verdict.steps for verdict in verdicts)
    return [*(str(count) if count else "·" for count in counts), in_short(steps) if steps else "·"]
