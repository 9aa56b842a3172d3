"""A run is told in the same words on a terminal and in a file, and never called better than its worst status."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from report_samples import PROVED, VERDICTS, read, verdict

from hfverify.report.terminal import Reporter
from hfverify.verdict import Status, Verdict


def told(
    verdicts: list[Verdict],
    *,
    width: int = 80,
    color: bool = False,
    interactive: bool = False,
    quiet: bool = False,
    exit_code: int = 1,
) -> str:
    stream = io.StringIO()
    reporter = Reporter(stream, color=color, interactive=interactive, width=width, quiet=quiet)
    reporter.header(["spec   hafnium @ R4   5 files", "impl   impl/   9 files"])
    reporter.begin(len(verdicts))
    for subject in dict.fromkeys(v.obligation.group for v in verdicts):
        reporter.finished(subject, [v for v in verdicts if v.obligation.group == subject])
    reporter.end()
    reporter.results(verdicts, read, exit_code, 11.93)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_open_run(expect: Callable[[str, str], None], width: int) -> None:
    expect(f"terminal-{width}", told(VERDICTS, width=width))


def test_proved_run(expect: Callable[[str, str], None]) -> None:
    expect("terminal-proved", told(PROVED, exit_code=0))


def test_quiet_run(expect: Callable[[str, str], None]) -> None:
    expect("terminal-quiet", told(VERDICTS, quiet=True))


def test_the_bar_counts_obligations() -> None:
    text = told(VERDICTS, interactive=True)
    assert f"{len(VERDICTS)}/{len(VERDICTS)}" in text
    assert "\x1b[1;31m" not in text


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PROVED])
def test_the_last_line_names_the_worst(status: Status) -> None:
    last = told([*PROVED, verdict("a.b", "next", status)]).splitlines()[-1]
    assert last.startswith(f" worst: {status.name} ")
    assert last.endswith("exit 1   11.9 s")


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.STALE, Status.SUSPECTED, Status.VACUOUS, Status.REFUTED])
def test_what_is_not_proved_has_a_line(status: Status) -> None:
    assert " a.b  " in told([*PROVED, verdict("a.b", "next", status)])


def test_nothing_asked_is_not_proved() -> None:
    assert told([]).splitlines()[-1].startswith(" nothing was asked, so nothing is proved")


def test_color() -> None:
    assert "\x1b[1;31mworst: REFUTED\x1b[0m" in told(VERDICTS, color=True)
    assert "\x1b" not in told(VERDICTS)


@pytest.mark.parametrize(
    ("steps", "reason", "hint"),
    [
        (2_000_117, "max. resource limits exceeded", "--steps 8_000_000 may help"),
        (0, "limit", "more --steps may help"),
        (5, "(incomplete quantifiers)", "more steps will not help"),
    ],
)
def test_hints(steps: int, reason: str, hint: str) -> None:
    assert f"{reason}; {hint}\n" in told([verdict("a.b", "next", Status.UNKNOWN, steps, reason=reason)])
