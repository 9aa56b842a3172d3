"""Tell a person what is being proved and what came out.

Reads   verdict.Verdict
Gives   Reporter: header, progress, diagnostics, tables, what is not proved and what to do next, the last line
Refuses nothing
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len

from hfverify.diagnostics import Diagnostic
from hfverify.report.excerpt import Paint, draw, visible
from hfverify.report.table import by_kind, summary, tally
from hfverify.verdict import Status, Verdict, worst

if TYPE_CHECKING:
    from hfverify.report.progress import Bar

WITH_A_MODEL = (Status.REFUTED, Status.VACUOUS, Status.SUSPECTED)
EXPLAINED = (*WITH_A_MODEL, Status.UNKNOWN, Status.TESTED)
LISTED = (*WITH_A_MODEL, Status.STALE, Status.UNKNOWN)
WORDS = {Status.UNKNOWN: "OPEN"}
STYLES = {
    Status.REFUTED: "error",
    Status.VACUOUS: "error",
    Status.SUSPECTED: "suspected",
    Status.STALE: "open",
    Status.UNKNOWN: "open",
    Status.TESTED: "warning",
    Status.ASSUMED: "warning",
    Status.PROVED: "good",
}
COUNTED = {
    Status.TESTED: "no example fails; this is not a proof",
    Status.ASSUMED: "taken for granted; nothing was proved",
}


class Reporter:
    """Writes one run to a stream; interactive means that lines may be redrawn.

    `quiet` leaves out the header, the progress and the tables; `options` are those that the next command needs too.
    """

    def __init__(
        self, stream: TextIO, *, color: bool, interactive: bool, width: int, quiet: bool, options: str = ""
    ) -> None:
        self._options = options
        self._stream = stream
        self._color = color
        self._interactive = interactive
        self._width = width
        self._quiet = quiet
        self._paint = Paint(color=color)
        self._written = False
        self._bar: Bar | None = None

    def header(self, lines: list[str]) -> None:
        """What is read, what answers, and what the cache knows."""
        if not self._quiet:
            self._section(lines)

    def begin(self, total: int) -> None:
        """Start to count `total` obligations."""
        if self._quiet or total == 0:
            return
        self._section([])
        if self._interactive:
            # Where nothing can be redrawn, nobody waits until this is loaded.
            from hfverify.report.progress import Bar

            self._bar = Bar(self._stream, self._width, total, color=self._color)

    def finished(self, subject: str, verdicts: Sequence[Verdict]) -> None:
        """All obligations of one subject have their verdict."""
        if self._bar is not None:
            self._bar.advance(len(verdicts), subject)
        elif not self._quiet and not self._interactive:
            counts = "  ".join(f"{count} {column}" for column, count in tally(verdicts).items() if count)
            self._write([f" {subject:<24} {_count(len(verdicts), 'question'):>14}   {counts}"])

    def end(self) -> None:
        """Take the progress bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def results(
        self,
        verdicts: Sequence[Verdict],
        read: Callable[[str], str | None],
        exit_code: int,
        seconds: float,
        rests_on: Sequence[str] = (),
        misfits: Sequence[Diagnostic] = (),
    ) -> None:
        """Everything that came out, and the units that it `rests_on` unseen; the last line names the worst status."""
        self.end()
        for diagnostic in [*misfits, *_diagnostics(verdicts)]:
            self._section(draw(self._with_options(diagnostic), read, color=self._color).split("\n"))
        total, kinds = summary(verdicts, self._width), by_kind(verdicts, self._width)
        if verdicts and not self._quiet:
            self._section(total)
            self._section(kinds)
        if lines := self._not_proved(verdicts):
            self._section(lines)
        if rests_on:
            text = f"rests on what is specified of {', '.join(rests_on)}, which this run did not decide"
            self._section([f" {line}" for line in textwrap.wrap(text, self._width - 2)])
        outcome = _outcome(verdicts)
        ending = f"exit {exit_code}   {seconds:.1f} s"
        space = max(len(total[0]) - len(outcome) - len(ending) - 1, 3)
        style = STYLES[worst(verdicts)] if verdicts else "warning"
        self._section([f" {self._paint(style, outcome)}{' ' * space}{ending}"])

    def _with_options(self, diagnostic: Diagnostic) -> Diagnostic:
        notes = [(name, value + self._options if name == "next" else value) for name, value in diagnostic.notes]
        return replace(diagnostic, notes=tuple(notes))

    def _not_proved(self, verdicts: Sequence[Verdict]) -> list[str]:
        listed = [verdict for verdict in _worst_first(verdicts) if verdict.status in LISTED]
        counted = [status for status in COUNTED if any(verdict.status is status for verdict in verdicts)]
        word_size = max((len(_word(status)) for status in (*(v.status for v in listed), *counted)), default=0)
        name_size = max((len(verdict.obligation.name) for verdict in listed), default=0)
        lines = []
        for verdict in listed:
            name, action = verdict.obligation.name, _next_action(verdict, self._options)
            fits = cell_len(action) + word_size + name_size + 5 <= self._width
            lines.append(f"{self._status(verdict.status, word_size)}  {name:<{name_size if fits else 0}}  {action}")
        for status in counted:
            number = sum(verdict.status is status for verdict in verdicts)
            lines.append(f"{self._status(status, word_size)}  {_count(number, 'question')}: {COUNTED[status]}")
            lines += [f" {' ' * word_size}  {line}" for line in _evidence(verdicts) if status is Status.TESTED]
        return lines

    def _status(self, status: Status, size: int) -> str:
        return " " + self._paint(STYLES[status], f"{_word(status):<{size}}")

    def _section(self, lines: list[str]) -> None:
        self._write(["", *lines] if self._written else lines)

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            self._stream.write(line + "\n")
        self._written = self._written or bool(lines)
        self._stream.flush()


def _evidence(verdicts: Sequence[Verdict]) -> list[str]:
    """For each subject what the tests are worth."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status is Status.TESTED and verdict.evidence is not None:
            groups.setdefault(verdict.obligation.group, []).append(verdict)
    lines = []
    for group, found in groups.items():
        evidences = [v.evidence for v in found if v.evidence is not None]
        ways = dict(way for evidence in evidences for way in evidence.ways)
        counts = sorted({evidence.examples for evidence in evidences})
        lines.append(
            f"{group}: {_count(len(found), 'question')}, {' to '.join(map(str, counts[:: max(len(counts) - 1, 1)]))} "
            f"examples, each of {_count(len(ways), 'way')} taken by {min(ways.values())} or more, "
            f"{max(evidence.schedules for evidence in evidences)} schedules, seed {evidences[0].seed}"
        )
    return lines


def _diagnostics(verdicts: Sequence[Verdict]) -> list[Diagnostic]:
    """Each once, the worst first; one that explains several obligations names the first of them."""
    names: dict[Diagnostic, list[str]] = {}
    for verdict in _worst_first(verdicts):
        if verdict.diagnostic is not None and verdict.status in EXPLAINED:
            names.setdefault(_as_seen(verdict.diagnostic, verdict.status), []).append(verdict.obligation.name)
    return [_with_obligation(diagnostic, asked) for diagnostic, asked in names.items()]


def _as_seen(diagnostic: Diagnostic, status: Status) -> Diagnostic:
    """What is not refuted is never called an error."""
    severity = {Status.UNKNOWN: "open", Status.SUSPECTED: "suspected"}.get(status)
    return diagnostic if severity is None else replace(diagnostic, severity=severity)


def _with_obligation(diagnostic: Diagnostic, names: list[str]) -> Diagnostic:
    if any(name == "obligation" for name, _ in diagnostic.notes):
        return diagnostic
    value = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    return replace(diagnostic, notes=(("obligation", value), *diagnostic.notes))


def _worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda verdict: -verdict.status)


def _next_action(verdict: Verdict, options: str) -> str:
    name = verdict.obligation.name
    if verdict.status in WITH_A_MODEL:
        return f"hfverify explain {name}{options}"
    if verdict.status is Status.STALE:
        return f"{visible(verdict.reason) or 'the answer is old'}; hfverify verify {name}{options}"
    reason = visible(verdict.reason) or "not decided"
    if "limit" not in reason:
        return f"{reason}; more steps will not help"
    return f"{reason}; {_more_steps(verdict.steps)} may help"


def _more_steps(steps: int) -> str:
    """Four times what was spent, rounded down to a number that the command line reads."""
    if steps <= 0:
        return "more --steps"
    wanted = 4 * steps
    unit = int(10 ** (len(str(wanted)) - 1))
    return f"--steps {wanted // unit * unit:_}"


def _outcome(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "nothing was asked, so nothing is proved"
    status = worst(verdicts)
    if status is not Status.PROVED:
        return f"worst: {status.name}"
    return "the only obligation is proved" if len(verdicts) == 1 else f"all {len(verdicts)} obligations proved"


def _word(status: Status) -> str:
    return WORDS.get(status, status.name)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
