"""Test what a subject leaves open, and say what that is worth.

Reads   prove.obligations.Subject, the verdicts that are UNKNOWN or SUSPECTED
Gives   the verdicts with what was found: REFUTED, TESTED with its numbers, or as they were
Refuses nothing: a search that dies, hangs or reaches no path leaves the verdict as it was, and says so
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hfverify.diagnostics import Diagnostic, also, at
from hfverify.execute.source import Function, Sources
from hfverify.explain.apart import Lost, ask
from hfverify.explain.confirm import Confirmation, confirm
from hfverify.explain.verdicts import shown
from hfverify.fallback.reaching import declared, impossible, requests, stated
from hfverify.fallback.together import Together, broken_by, tried_together
from hfverify.fallback.ways import Way, speaks_of, ways_of
from hfverify.model.load import Folders
from hfverify.model.program import Program
from hfverify.prove.obligations import MUST_BE_REACHED, Subject
from hfverify.prove.specification import Wanted
from hfverify.verdict import Evidence, Status, Verdict

OPEN = (Status.UNKNOWN, Status.SUSPECTED)
RUNNER = "hfverify.fallback.runner"
# How long the examples of one subject may take before the code is taken to hang.
SECONDS = 300
SEED = 0
# Kinds of obligations that an example shows by the outcome that it has.
SHOWN = (*MUST_BE_REACHED, "reachable", "possible", "satisfiable", "consistent", "scenario")
# Kinds of examples in which no code is run.
BY_ITSELF = ("statement", "declaration")


def tested(
    program: Program, folders: Folders, sources: Sources, subject: Subject, verdicts: Sequence[Verdict], examples: int
) -> list[Verdict]:
    """The verdicts on code, with tests in place of the proofs that are missing."""
    if all(verdict.status not in OPEN for verdict in verdicts):
        return list(verdicts)
    kind, seeds = requests(program, subject)
    impl = folders.shown(folders.impl)
    search = _Search(kind, seeds, ways_of(program, subject, impl), examples, _extent(program, sources, subject, impl))
    return _judged(program, folders, subject, verdicts, search)


@dataclass(frozen=True, slots=True)
class _Extent:
    """Functions that a path may enter after it was refused, as files with first and last lines.

    `own` are those that its text names; `others` are parts of what is specified, of which other units speak.
    """

    own: list[tuple[str, int, int]] = field(default_factory=list)
    others: list[tuple[str, int, int]] = field(default_factory=list)

    def has(self, file: str, line: int, entered: Sequence[Sequence[Any]]) -> bool:
        """Whether the line counts; functions that runs have entered do, unless they are parts of something else."""
        inside = [tuple(one) for one in entered if tuple(one) not in self.others]
        return any(file == name and first <= line <= last for name, first, last in [*self.own, *inside])


def _extent(program: Program, sources: Sources, subject: Subject, impl: str) -> _Extent:
    call = program.calls.get(subject.name)
    if not subject.refusals or call is None:
        return _Extent()
    specified = {other.impl for other in program.functions.values() if other is not call}
    specified |= {impl for codec in program.codecs.values() for impl in (codec.encodes, codec.decodes)}
    function = sources.function(call.impl.target, call.impl.span)
    own = {item.name: item for item in sources.entered(function, [item.target for item in specified])}
    trusted = {other.impl for other in program.functions.values() if other.trusted}
    found = [sources.function(item.target, item.span) for item in specified - trusted]
    others = {item.name: item for part in found for item in sources.entered(part, ())}

    def places(functions: Mapping[str, Function]) -> list[tuple[str, int, int]]:
        return [
            (item.module.file.removeprefix(f"{impl}/"), item.node.lineno, item.node.end_lineno or item.node.lineno)
            for _, item in sorted(functions.items())
        ]

    return _Extent(places(own), places({name: item for name, item in others.items() if name not in own}))


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
        search = _Search("statement", stated(program, subject, wanted), [], examples)
    else:
        search = _Search("declaration", declared(program, subject, wanted), [], examples)
    return _judged(program, folders, subject, verdicts, search)


@dataclass(frozen=True, slots=True)
class _Search:
    kind: str
    seeds: list[Any]
    ways: list[Way]
    examples: int
    extent: _Extent = field(default_factory=_Extent)


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
    names = {verdict.obligation.name.removeprefix(f"{subject.name}.") for verdict in verdicts}
    together = Together()
    call = program.calls.get(subject.name)
    if search.kind == "scenario" and call is not None and not call.is_function and not failed and not answer["broken"]:
        together = tried_together(program, folders, call.name, search.examples)
    judged = _Judged(program, folders, subject, search, answer, failed or together.failed, together, names)
    return [judged.verdict(verdict) for verdict in verdicts]


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The report of the search, and why it is of no use."""
    try:
        answer = ask(RUNNER, request, SECONDS)
        # The order of sets, module globals and the clock are others in another process.
        again = ask(RUNNER, {**request, "examples": 0}, SECONDS, hash_seed=1)
    except Lost as lost:
        return {}, str(lost)
    if not answer["failed"] and answer["trace"] != again["trace"]:
        return (
            answer,
            "another process did something else in the same situation: the code depends on more than the state",
        )
    return answer, answer["failed"]


@dataclass(slots=True)
class _Judged:
    program: Program
    folders: Folders
    subject: Subject
    search: _Search
    answer: dict[str, Any]
    failed: str
    together: Together
    names: set[str]
    closed: dict[int, bool] = field(default_factory=dict)

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
        schedule = self.together.against(verdict.obligation.name)
        if schedule is not None and verdict.status is not Status.REFUTED:
            return self._collides(verdict, schedule)
        if verdict.status not in OPEN:
            return verdict
        if self.failed:
            return replace(verdict, reason=f"{verdict.reason}; tests are of no use: {self.failed}")
        stray = self.answer["broken"].keys() - self.names
        stray |= {name for finding in self.together.findings for name in self._elsewhere(finding)}
        if stray:
            text = f"an example breaks `{min(stray)}`, of which nothing is asked here"
            return replace(verdict, reason=f"{verdict.reason}; {text}")
        if broken is not None:
            text = f"{verdict.reason}; an example broke it, but not when it was run again by itself: {broken['text']}"
            return replace(verdict, reason=text)
        return self._tested(verdict)

    def _tested(self, verdict: Verdict) -> Verdict:
        kind, name = verdict.obligation.kind, verdict.obligation.name.removeprefix(f"{self.subject.name}.")
        ways, case, closed = self._ways(kind, name)
        tried = f"{self.answer['tried']} examples"
        missed = [label for label, count in ways if count == 0]
        unseen = self._unseen() if any(way.refused for way in self.search.ways) else ""
        if not ways:
            text = "no state leads down the paths in question" if closed else "it is not tested"
        elif missed and kind in SHOWN:
            text = f"none of {tried} shows it"
        elif missed:
            text = f"of {tried} none followed {len(missed)} of {len(ways)} paths, the first by {missed[0]}"
        elif case and not self.answer["outcomes"].get(case):
            text = f"of {tried} none was a case of `{case}`"
        elif kind == "bounded" and self.answer["unsaid"]:
            text = self.answer["unsaid"][0]
        elif unseen:
            text = f"of {tried} none went the way that begins at {unseen}"
        else:
            evidence = Evidence(self.answer["tried"], ways, self.together.schedules, SEED)
            shown = _with_numbers(verdict, evidence)
            if verdict.status is Status.SUSPECTED:
                # A state of the solver still speaks against it.
                return replace(verdict, evidence=evidence, diagnostic=shown)
            return replace(verdict, status=Status.TESTED, evidence=evidence, diagnostic=shown, counterexample=None)
        return replace(verdict, reason=f"{verdict.reason}; {text}")

    def _ways(self, kind: str, name: str) -> tuple[tuple[tuple[str, int], ...], str, int]:
        """What had to happen, with how often it did, the outcome in question, and how many paths no state leads down.

        A path that no example followed is one of these if the solver shows it for machines of any size.
        """
        if kind in SHOWN:
            outcome = name if kind == "scenario" else name.removesuffix(f".{kind}")
            return ((outcome, self.answer["outcomes"].get(outcome, 0)),), "", 0
        if self.search.kind in BY_ITSELF:
            return (("the clauses", self.answer["tried"]),), "", 0
        call = self.program.calls.get(self.subject.name)
        case = name.split(".")[0] if call is not None and self.search.kind == "scenario" else ""
        case = case if call is not None and "." in name and any(o.name == case for o in call.outcomes) else ""
        never = call is not None and any(o.name == case and o.never for o in call.outcomes)
        followed = {int(number): count for number, count in self.answer["followed"].items()}
        full = f"{self.subject.name}.{name}"
        spoken = speaks_of(self.subject, full, self.search.ways)
        open_ = [way for way in spoken if followed.get(way.number) or not self._closed(way)]
        ways = tuple((way.label, followed.get(way.number, 0)) for way in open_)
        return ways, "" if never else case, len(spoken) - len(open_)

    def _closed(self, way: Way) -> bool:
        if way.number not in self.closed:
            self.closed[way.number] = impossible(self.subject, way.number)
        return self.closed[way.number]

    def _unseen(self) -> str:
        """A condition after a refusal that no example decided in one of the two ways."""
        extent = self.search.extent
        for file, line, column, how in self.answer["missed"]:
            if extent.has(file, line, self.answer["entered"]):
                return f"{file}:{line}, where {_decided(column, how)}"
        for name, outcome in self.answer["unused"]:
            return f"a use of `{name}` in its case `{outcome}`"
        return "" if extent.own else "code that was not measured"

    def _elsewhere(self, finding: dict[str, Any]) -> list[str]:
        """What a schedule breaks of which nothing is asked here."""
        asked = {f"{self.subject.name}.{name}" for name in self.names}
        broken = broken_by(finding)
        return [] if asked & set(broken) else broken or [finding["kind"]]

    def _collides(self, verdict: Verdict, schedule: dict[str, Any]) -> Verdict:
        """Two CPUs that show it; the schedule is the shortest that was found."""
        obligation = verdict.obligation
        told = next(one["text"] for one in schedule["problems"] if one["obligation"] == obligation.name)
        notes = (
            ("obligation", obligation.name),
            ("confirmed", f"two CPUs ran {' and '.join(schedule['calls'])}: {told}"),
            ("next", f"hfverify replay {obligation.name}"),
        )
        labels = (at(obligation.impl, "implemented here"), also(obligation.spec, "specified here"))
        message = f"two CPUs at once break this: {obligation.sentence}"
        counterexample: dict[str, object] = {
            **schedule, "obligation": obligation.name, "call": self.subject.name, "confirmed": True,
        }  # fmt: skip
        return replace(
            verdict,
            status=Status.REFUTED,
            reason=told,
            diagnostic=Diagnostic("HF603", message, labels, notes=notes),
            counterexample=counterexample,
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


def _decided(column: int, how: bool) -> str:
    if column:
        return f"the condition is {str(how).lower()}"
    return "the arm is taken" if how else "the arm is not taken"


def _with_numbers(verdict: Verdict, evidence: Evidence) -> Diagnostic | None:
    """Why it is not proved still matters to whoever wants to prove it; advice for its refutation does not."""
    if verdict.diagnostic is None:
        return None
    followed = min(count for _, count in evidence.ways)
    numbers = f"{evidence.examples} examples, {followed} or more on each path in question: none fails; this is no proof"
    if evidence.schedules:
        numbers = f"{evidence.schedules} schedules of two CPUs; {numbers}"
    notes = (*verdict.diagnostic.notes, ("tested", numbers))
    severity = "suspected" if verdict.status is Status.SUSPECTED else "open"
    return replace(verdict.diagnostic, severity=severity, notes=notes)
