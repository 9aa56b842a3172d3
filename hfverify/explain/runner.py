"""Run one scenario in a process of its own, so that a hang or a crash of the code under trial harms nobody.

Reads   a pickled request on standard input
Gives   a JSON report on standard output
Refuses nothing: what goes wrong is part of the report
"""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hfverify.explain.codecs import run_codec
from hfverify.explain.lists import run_contract
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.registers import run_registers
from hfverify.explain.scenario import from_json
from hfverify.explain.trial import Report, run


def main() -> None:
    """Answer one request of the parent process."""
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 (the parent process wrote it)
    program, impl = request["program"], request["impl"]
    # A file that changed within a second has the time stamp, and may have the size, of its compiled form.
    sys.dont_write_bytecode = True
    sys.pycache_prefix = str(Path(impl) / ".no-such-folder")
    try:
        if "contract" in request:
            answer = run_contract(program, request["contract"], impl)
        elif "registers" in request:
            answer = run_registers(program, request["registers"], impl)
        elif "codec" in request:
            answer = run_codec(program, request["codec"], impl)
        else:
            answer = report_json(run(program, from_json(program, request["scenario"]), impl))
    except Unbuildable as error:
        answer = {"unbuildable": str(error)}
    json.dump(answer, sys.stdout)


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
