"""Explain one obligation, or run its counterexample again.

Reads   config.Config, saved counterexamples
Gives   text and an exit code
Refuses an obligation that does not exist, a counterexample that was not saved (ConfigError)
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from hfverify.audit import trusted
from hfverify.config import Config, ConfigError
from hfverify.explain.confirm import confirm
from hfverify.exploring import replay_file
from hfverify.prove.solver import DEFAULT_STEPS
from hfverify.report import excerpt, regression, schedule, state_diff
from hfverify.session import Session
from hfverify.units import EXAMPLES, Scope, about
from hfverify.verdict import Evidence, Status, Verdict

EXITS = {Status.PROVED: 0, Status.ASSUMED: 0, Status.REFUTED: 1, Status.VACUOUS: 1}


def explanation(config: Config, name: str, *, width: int, everything: bool, color: bool) -> tuple[str, int]:
    """Decide the obligation anew and say what is known of it."""
    session = Session(config, Scope(implementation=True, steps=DEFAULT_STEPS, examples=EXAMPLES), 1)
    candidates = [
        v
        for unit in session.units([name])
        for v in session.subjects.verdicts(unit, session.scope, lambda asked: asked == name)
    ]
    found = next((v for v in candidates if v.obligation.name == name), None)
    if found is None:
        units = list(dict.fromkeys(about(unit) for unit in session.subjects.names(session.scope)))
        raise ConfigError(_unknown(name, [v.obligation.name for v in candidates], units))
    lines = [f"{found.status.name}  {name}", f"  asks      {found.obligation.sentence}"]
    lines.append(f"  specified {found.obligation.spec}   implemented {found.obligation.impl}")

    def read(file: str) -> str | None:
        path = config.folders.root / file
        return path.read_text("utf-8") if path.is_file() else None

    if found.status is Status.PROVED:
        lines += _proved(session, found)
    elif found.evidence is not None:
        lines += _tested(found.evidence)
    elif found.reason:
        lines.append(f"  because   {found.reason}")
    if found.diagnostic is not None:
        lines += ["", excerpt.draw(found.diagnostic, read, color=color)]
    if found.counterexample is not None and found.counterexample.get("rows"):
        lines += ["", state_diff.draw(found.counterexample, width=width, everything=everything)]
    if found.counterexample is not None and "begins" in found.counterexample:
        lines += ["", *schedule.draw(found.counterexample, width)]
    if found.counterexample is not None and "contract" in found.counterexample:
        lines += ["", *_heap(found.counterexample)]
    return "\n".join(lines), EXITS.get(found.status, 4)


def _unknown(name: str, near: list[str], units: list[str]) -> str:
    close = difflib.get_close_matches(name, [*near, *units], n=3)
    hint = f"; did you mean {' or '.join(f'`{c}`' for c in close)}?" if close else ""
    return f"there is no obligation `{name}`{hint}"


def _proved(session: Session, verdict: Verdict) -> list[str]:
    program = session.subjects.program
    lines = [
        f"  holds     for every number of {', '.join(program.sizes) or 'objects'}, in {verdict.steps} solver steps"
    ]
    found = [item for item in trusted(program) if item.concerns(verdict.obligation.group)]
    if found:
        lines.append("  assuming  (`hfverify audit` has the places, and what concerns other calls)")
        lines += [f"    {item.kind} {item.name}: {item.reason}" for item in found]
    return lines


def _tested(evidence: Evidence) -> list[str]:
    lines = [
        f"  tested    by {evidence.examples} examples, {evidence.schedules} schedules, seed {evidence.seed}; "
        "none breaks it, and this is not a proof"
    ]
    return [*lines, *(f"  {count:7}   followed the path that decides at {label}" for label, count in evidence.ways)]


def _heap(counterexample: dict[str, Any]) -> list[str]:
    """The list entries of a failing list function, before the call."""
    request = counterexample["contract"]
    lines = [
        f"queue {name}: head {request['heads'][name]}, members {members}" for name, members in request["queues"].items()
    ]
    lines += [f"{name} = entry {node}" for name, node in request["nodes"].items()]
    lines += [f"before  {link}: {values}" for link, values in request["links"].items()]
    lines += [f"broken  {violation['text']}" for violation in counterexample.get("violations", [])]
    return lines


def replayed(config: Config, name: str, target: Path | None, *, width: int) -> tuple[str, int]:
    """Run the saved counterexample again on the implementation as it is now."""
    path = config.state / "counterexamples" / f"{name}.json"
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"no counterexample of `{name}` is saved; `hfverify verify {name}` saves one if it fails"
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"the counterexample {path} is damaged ({error}); run `hfverify verify {name}` again"
        ) from error
    if "begins" in data:
        drawn: list[str] = []
        found = replay_file(config, path, target, width=width, write=drawn.append)
        return "\n".join(drawn), found
    session = Session(config, Scope(implementation=False, steps=DEFAULT_STEPS), 1)
    program = session.subjects.program
    lines: list[str] = []
    if target is not None:
        if not data.get("scenario") or name.endswith(".bounded"):
            raise ConfigError("only the counterexample of a call that comes to an end can be written as a test")
        try:
            lines.append(f"wrote {regression.write(data, program.revision, target)}")
        except (FileExistsError, OSError) as error:
            raise ConfigError(str(error)) from error
    unit = str(data["call"])
    kind = next((kind for kind in ("contract", "registers", "codec") if kind in data), "")
    if kind:
        request: dict[str, Any] = {kind: data[kind]}
    elif data.get("rows") is not None:
        request = {"scenario": data["scenario"]}
    else:
        return "\n".join([*lines, "this counterexample is about the specification alone; there is nothing to run"]), 0
    outcome = confirm(config.folders, program, request, name.removeprefix(unit + "."))
    if outcome.report.get("rows"):
        shown = {
            **data,
            **outcome.report,
            "confirmed": outcome.confirmed,
            "schedule": outcome.report.get("timeline", []),
        }
        lines.append(state_diff.draw(shown, width=width, everything=False))
    lines.append(("still refuted: " if outcome.confirmed else "not refuted any more: ") + outcome.text)
    return "\n".join(lines), 1 if outcome.confirmed else 0
