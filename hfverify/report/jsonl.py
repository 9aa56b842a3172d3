"""Write verdicts as JSON, one object to a line.

Reads   verdict.Verdict
Gives   lines: one object for each obligation with its keys sorted, and the totals at the end
Refuses a counterexample that is not plain data (TypeError)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from hfverify.diagnostics import Span
from hfverify.verdict import Status, Verdict, worst


def lines(verdicts: Sequence[Verdict], exit_code: int, seconds: float) -> Iterator[str]:
    """The lines without their line breaks; only `seconds` differ from run to run."""
    for verdict in verdicts:
        yield _line(_verdict(verdict))
    yield _line({"totals": _totals(verdicts, exit_code, seconds)})


def _line(value: dict[str, object]) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _verdict(verdict: Verdict) -> dict[str, object]:
    obligation, diagnostic = verdict.obligation, verdict.diagnostic
    labels = diagnostic.labels if diagnostic else ()
    notes = diagnostic.notes if diagnostic else ()
    return {
        "obligation": obligation.name,
        "status": verdict.status.name,
        "kind": obligation.kind,
        "sentence": obligation.sentence,
        "spec": _span(obligation.spec),
        "impl": _span(obligation.impl),
        "steps": verdict.steps,
        "seconds": round(verdict.seconds, 3),
        "reason": verdict.reason,
        "cached": verdict.cached,
        "code": diagnostic.code if diagnostic else None,
        "message": diagnostic.message if diagnostic else None,
        "labels": [{"span": _span(label.span), "text": label.text, "primary": label.primary} for label in labels],
        "notes": [{"name": name, "value": value} for name, value in notes],
        "counterexample": verdict.counterexample,
        "evidence": asdict(verdict.evidence) if verdict.evidence is not None else None,
    }


def _span(span: Span) -> dict[str, object] | None:
    if not span.file:
        return None
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _totals(verdicts: Sequence[Verdict], exit_code: int, seconds: float) -> dict[str, object]:
    counts = {status.name: sum(verdict.status is status for verdict in verdicts) for status in Status}
    return {
        "obligations": len(verdicts),
        "statuses": counts,
        "steps": sum(verdict.steps for verdict in verdicts),
        "seconds": round(seconds, 3),
        "worst": worst(verdicts).name if verdicts else None,
        "exit": exit_code,
    }
