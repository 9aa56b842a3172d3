"""Test what a subject leaves open, and say what that is worth.

Reads   prove.obligations.Subject, the verdicts that are UNKNOWN or SUSPECTED
Gives   the verdicts with what was found: REFUTED, TESTED with its numbers, or as they were
Refuses nothing: a search that dies, hangs or reaches no path leaves the verdict as it was, and says so
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hfverify.diagnostics import Diagnostic, also, at
from hfverify.explain.confirm import Confirmation, confirm
from hfverify.explain.verdicts import shown
from hfverify.fallback.reaching import declared, requests, stated
from hfverify.fallback.ways import Way, speaks_of, ways_of
from hfverify.model.load import Folders
from hfverify.model.program import Program
from hfverify.prove.obligations import MUST_BE_REACHED, Subject
from hfverify.prove.specification import Wanted
from hfverify.verdict import Evidence, Status, Verdict

OPEN = (Status.UNKNOWN, Status.SUSPECTED)
# How long the examples of one subject may take before the code is taken to hang.
SECONDS = 300
SEED = 0
# Kinds of obligations that an example shows by the outcome that it has.
SHOWN = (*MUST_BE_REACHED, "reachable", "possible", "satisfiable", "consistent")
# Kinds of examples in which no code is run.
BY_ITSELF = ("statement", "declaration")
# How many examples are tried for each subject.
EXAMPLES = 400


def tested(
    program: Program, folders: Folders, subject: Subject, verdicts: Sequence[Verdict], examples: int
) -> list[Verdict]:
    """The verdicts on code, with tests in place of the proofs that are missing."""
    if all(verdict.status not in OPEN for verdict in verdicts):
        return list(verdicts)
    kind, seeds = requests(program, subject)
    ways = ways_of(program, subject, folders.shown(folders.impl))
    return _judged(program, folders, subject, verdicts, _Search(kind, seeds, ways, examples))


def tested_alone(
    program: Program,
    folders: Folders,
    subject: Subject,
    wanted: Sequence[Wanted],
    verdicts: Sequence[Verdict],
    examples: int,
) -> list[Verdict]:
    """The verdicts on what is said of a call, with the clauses evaluated in place of the proofs that are missing."""
    if all(verdict.status not in OPEN for verdict in verdicts):
        return list(verdicts)
    if subject.name in program.calls:
        search = _Search("statement", stated(program, subject, program.calls[subject.name], wanted), [], examples)
    else:
        search = _Search("declaration", declared(program, subject, wanted), [], examples)
    return _judged(program, folders, subject, verdicts, search)


@dataclass(frozen=True, slots=True)
class _Search:
    kind: str
    seeds: list[Any]
    ways: list[Way]
    examples: int


def _judged(
    program: Program, folders: Folders, subject: Subject, verdicts: Sequence[Verdict], search: _Search
) -> list[Verdict]:
    if not search.seeds:
        text = "no situation was found in which it can be tested"
        return [replace(v, reason=f"{v.reason}; {text}") if v.status in OPEN else v for v in verdicts]
    answer, failed = _answer(
        {
            "kind": search.kind,
            "program": program,
            "impl": str(folders.impl.resolve()),
            "seeds": search.seeds,
            "ways": search.ways,
            "examples": search.examples,
            "random": SEED,
        }
    )
    judged = _Judged(program, folders, subject, search, answer, failed)
    return [judged.verdict(verdict) for verdict in verdicts]


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The report of the search, and why it is of no use."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hfverify.fallback.runner"],
            input=pickle.dumps(request),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"the code did not come back within {SECONDS} s"
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        return {}, f"the process that runs the code died: {last[0]}"
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, answer["failed"]


@dataclass(slots=True)
class _Judged:
    program: Program
    folders: Folders
    subject: Subject
    search: _Search
    answer: dict[str, Any]
    failed: str

    def verdict(self, verdict: Verdict) -> Verdict:
        """What the search says of one obligation; one that is proved must not be broken by an example."""
        name = verdict.obligation.name.removeprefix(f"{self.subject.name}.")
        broken = self.answer.get("broken", {}).get(name)
        if broken is not None and verdict.status is not Status.REFUTED:
            if self.search.kind in BY_ITSELF:
                found = Confirmation(True, f"the clauses were evaluated in this state: {broken['text']}", {})
            else:
                found = confirm(self.folders, self.program, broken["request"], name)
            if found.confirmed:
                return self._refuted(verdict, broken["request"], found)
        if verdict.status not in OPEN:
            return verdict
        if self.failed:
            return replace(verdict, reason=f"{verdict.reason}; tests are of no use: {self.failed}")
        if broken is not None:
            text = f"{verdict.reason}; an example broke it, but not when it was run again by itself: {broken['text']}"
            return replace(verdict, reason=text)
        return self._tested(verdict)

    def _tested(self, verdict: Verdict) -> Verdict:
        followed = {int(number): count for number, count in self.answer["followed"].items()}
        kind, name = verdict.obligation.kind, verdict.obligation.name
        if kind in SHOWN:
            outcome = name.removeprefix(f"{self.subject.name}.").removesuffix(f".{kind}")
            count = self.answer["outcomes"].get(outcome, 0)
            ways: tuple[tuple[str, int], ...] = ((outcome, count),)
        elif kind == "scenario":
            ways = ()
        elif self.search.kind in BY_ITSELF:
            ways = (("the clauses", self.answer["tried"]),)
        else:
            ways = tuple(
                (way.label, followed.get(way.number, 0)) for way in speaks_of(self.subject, name, self.search.ways)
            )
        missed = [label for label, count in ways if count == 0]
        if missed or not ways:
            tried = f"{self.answer['tried']} examples"
            if not ways:
                text = "it is not tested"
            elif kind in SHOWN:
                text = f"none of {tried} shows it"
            else:
                text = f"of {tried} none followed {len(missed)} of {len(ways)} paths, the first by {missed[0]}"
            return replace(verdict, reason=f"{verdict.reason}; {text}")
        evidence = Evidence(self.answer["tried"], ways, 0, SEED)
        return replace(
            verdict,
            status=Status.TESTED,
            evidence=evidence,
            diagnostic=_with_numbers(verdict, evidence),
            counterexample=None,
        )

    def _refuted(self, verdict: Verdict, request: dict[str, Any], found: Confirmation) -> Verdict:
        """An example that was shrunk and run again by itself."""
        obligation = verdict.obligation
        counterexample: dict[str, object] = {
            "obligation": obligation.name,
            **request,
            "call": self.subject.name,
            "confirmed": True,
            **shown(found.report),
        }
        message = f"an example breaks this: {obligation.sentence}"
        notes = (
            ("obligation", obligation.name),
            ("confirmed", found.text),
            ("next", f"hfverify explain {obligation.name}"),
        )
        labels = (at(obligation.impl, "implemented here"), also(obligation.spec, "specified here"))
        diagnostic = verdict.diagnostic or Diagnostic("HF603", message, labels)
        diagnostic = replace(diagnostic, code="HF603", message=message, severity="error", notes=notes)
        return replace(
            verdict, status=Status.REFUTED, reason=found.text, diagnostic=diagnostic, counterexample=counterexample
        )


def _with_numbers(verdict: Verdict, evidence: Evidence) -> Diagnostic | None:
    """Why it is not proved still matters to whoever wants to prove it; advice for its refutation does not."""
    if verdict.diagnostic is None:
        return None
    followed = min(count for _, count in evidence.ways)
    numbers = f"{evidence.examples} examples, {followed} or more on each path in question: none fails; this is no proof"
    notes = (*verdict.diagnostic.notes, ("tested", numbers))
    severity = "suspected" if verdict.status is Status.SUSPECTED else "open"
    return replace(verdict.diagnostic, severity=severity, notes=notes)
