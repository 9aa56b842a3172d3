"""Run a counterexample on the real code, in a process of its own, and see whether it misbehaves as predicted.

Reads   a scenario or a list request
Gives   Confirmation: confirmed or not, and the report of the run
Refuses nothing; a run that dies or hangs is reported as what it is
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hfverify.explain.apart import Hangs, Lost, ask
from hfverify.model.load import Folders
from hfverify.model.program import Program

SECONDS = 20


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`text` says in one line what the run did."""

    confirmed: bool
    text: str
    report: dict[str, Any]


def confirm(folders: Folders, program: Program, request: dict[str, Any], wanted: str) -> Confirmation:
    """Run; `wanted` is the obligation without its subject, for example `cleared.effect` or `lock.held`."""
    try:
        asked = {"impl": str(folders.impl.resolve()), "program": program, "heads": wanted == "bounded", **request}
        report = ask("hfverify.explain.runner", asked, SECONDS)
    except Hangs:
        hangs = wanted in ("bounded", "lock.order", "lock.balanced")
        return Confirmation(hangs, f"the real code did not come back within {SECONDS} s", {})
    except Lost as lost:
        return Confirmation(False, f"the run on the real code failed: {lost}", {})
    if "unbuildable" in report:
        return Confirmation(False, f"the state cannot be built: {report['unbuildable']}", report)
    matching = [violation for violation in report["violations"] if violation["kind"] == wanted]
    if matching:
        first = matching[0]
        place = f" ({first['file']}:{first['line']})" if first["file"] else ""
        return Confirmation(True, f"the real code was run on this state: {first['text']}{place}", report)
    if wanted == "bounded" and report["violations"]:
        first = report["violations"][0]
        return Confirmation(
            True, f"a loop goes wrong, and the real code then breaks {first['kind']}: {first['text']}", report
        )
    others = ", ".join(sorted({violation["kind"] for violation in report["violations"]}))
    text = f"the real code did not do this (but broke {others})" if others else "the real code did not misbehave"
    return Confirmation(False, text, report)
