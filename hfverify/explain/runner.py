"""Run one scenario in a process of its own, so that a hang or a crash of the code under trial harms nobody.

Reads   a pickled request on standard input
Gives   a JSON report on standard output
Refuses nothing: what goes wrong is part of the report
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hfverify.explain.apart import answer
from hfverify.explain.codecs import run_codec
from hfverify.explain.heads import Heads
from hfverify.explain.lists import run_contract
from hfverify.explain.loading import install
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.registers import run_registers
from hfverify.explain.scenario import from_json
from hfverify.explain.signals import arrived, listen, swallowed
from hfverify.explain.trial import Report, run
from hfverify.model.program import Program


def main() -> None:
    """Answer one request of the parent process."""
    answer(_run)


def _run(request: dict[str, Any]) -> dict[str, Any]:
    program, impl = request["program"], request["impl"]
    heads = Heads(program) if request.get("heads") else None
    if heads is not None:
        install(impl, heads.change)
    listen()
    try:
        found = _report(program, request, impl, heads)
    except Unbuildable as error:
        arrived(error)
        found = {"unbuildable": str(error)}
    except MemoryError:
        found = {"unbuildable": "the memory is used up"}
    lost = swallowed(impl)
    return {"unbuildable": lost} if lost else found


def _report(program: Program, request: dict[str, Any], impl: str, heads: Heads | None) -> dict[str, Any]:
    if "contract" in request:
        return run_contract(program, request["contract"], impl)
    if "registers" in request:
        return run_registers(program, request["registers"], impl)
    if "codec" in request:
        return run_codec(program, request["codec"], impl)
    return report_json(run(program, from_json(program, request["scenario"]), impl, heads=heads))


def report_json(report: Report) -> dict[str, Any]:
    """A report as plain data."""
    return {
        "outcome": report.outcome,
        "result": report.result,
        "next": report.following,
        "exception": report.exception,
        "rows": [
            {"cell": r.cell, "before": r.before, "promised": r.promised, "actual": r.actual, "differs": r.differs}
            for r in report.rows
        ],
        "violations": [asdict(violation) for violation in report.violations],
        "timeline": report.timeline,
        "unchanged": report.unchanged,
    }


if __name__ == "__main__":
    main()
