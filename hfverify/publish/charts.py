"""Runs of the subject, told as who says what to whom.

Reads   JSON lines, from files or from what the commands of `hfverify_traces` print: a header
        `{"chart": title, "lanes": [name, …]}` begins a chart; then `{"from": lane, "to": lane, "text": …}` or
        `{"at": lane, "text": …}`, each with `"call": name` if a call is made
Gives   Chart
Refuses a file that cannot be read, a command that fails, a line that is neither (Unpublishable, with file and line)
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hfverify.publish.subject import Unpublishable

SECONDS = 60
AROUND = 5


@dataclass(frozen=True, slots=True)
class Event:
    """An arrow between two lanes, or something that happens in one."""

    source: str
    target: str
    text: str
    call: str


@dataclass(slots=True)
class Chart:
    """A run."""

    title: str
    lanes: tuple[str, ...]
    events: list[Event] = field(default_factory=list)

    def shows(self, call: str) -> bool:
        """Whether the call is made in it."""
        return any(event.call == call for event in self.events)

    def around(self, call: str) -> Chart:
        """The steps around the first time that a call is made."""
        index = next(i for i, event in enumerate(self.events) if event.call == call)
        events = self.events[max(index - AROUND, 0) : index + AROUND + 1]
        used = {name for event in events for name in (event.source, event.target)}
        return Chart(self.title, tuple(lane for lane in self.lanes if lane in used), events)


def load_charts(root: Path, sources: Sequence[str]) -> list[Chart]:
    """All charts, in their order. A command begins with `$`; `{python}` in it is this interpreter."""
    charts: list[Chart] = []
    for source in sources:
        text, name = _text(root, source)
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                _take(charts, line, f"{name}:{number}")
    return charts


def _text(root: Path, source: str) -> tuple[str, str]:
    if not source.startswith("$"):
        try:
            return (root / source).read_text("utf-8"), source
        except (OSError, UnicodeDecodeError) as error:
            raise Unpublishable(f"{source}:1: this run cannot be read: {error}") from error
    command = source.removeprefix("$").strip()
    try:
        done = subprocess.run(
            [part.replace("{python}", sys.executable) for part in shlex.split(command)],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or ""
        raise Unpublishable(f"`{command}` in hfverify_traces failed: {error}\n{said}".rstrip()) from error
    return done.stdout, command


def _take(charts: list[Chart], line: str, where: str) -> None:
    try:
        data = json.loads(line)
        if "chart" in data:
            charts.append(Chart(str(data["chart"]), tuple(str(lane) for lane in data["lanes"])))
            return
        source = str(data["at"] if "at" in data else data["from"])
        target = str(data["at"] if "at" in data else data["to"])
        event = Event(source, target, str(data["text"]), str(data.get("call", "")))
    except (ValueError, TypeError, KeyError) as error:
        raise Unpublishable(f"{where}: this is no line of a run: {error!r}") from error
    if not charts:
        raise Unpublishable(f"{where}: the first line of a run names its chart and its lanes")
    for lane in (source, target):
        if lane not in charts[-1].lanes:
            raise Unpublishable(f"{where}: the chart has no lane `{lane}`; it has {', '.join(charts[-1].lanes)}")
    charts[-1].events.append(event)
