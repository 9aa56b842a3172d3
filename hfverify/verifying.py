"""One run of `verify` or `check`: decide, say what came out, keep the ledger and the counterexamples.

Reads   config.Config
Gives   text or JSON, the ledger, saved counterexamples, the exit code
Refuses nothing: a ledger or a counterexample that cannot be written is a warning
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TextIO

import click
import z3

from hfverify import ledger
from hfverify.audit import trusted
from hfverify.config import Config
from hfverify.diagnostics import Diagnostic, at
from hfverify.model.program import Program
from hfverify.prove.solver import DEFAULT_STEPS
from hfverify.report import jsonl, short, terminal
from hfverify.session import Session
from hfverify.units import EXAMPLES, Scope
from hfverify.verdict import Status, Verdict

PROVED, REFUTED, UNDECIDED = 0, 1, 4
# What no test can make better: nobody needs to accept that it is only tested.
NEEDLESS = (Status.PROVED, Status.ASSUMED, Status.VACUOUS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to decide and how. `enough` is the status that an obligation needs: `proved` or `tested`."""

    patterns: tuple[str, ...]
    steps: int | None
    jobs: int
    fresh: bool = False
    implementation: bool = True
    tests: bool = False
    examples: int | None = None
    enough: str = "proved"
    locked: bool = False

    @property
    def scope(self) -> Scope:
        """How far each unit is decided."""
        tried = (self.examples or EXAMPLES) if self.tests else 0
        return Scope(self.implementation, self.steps or DEFAULT_STEPS, tried)


@dataclass(frozen=True, slots=True)
class Output:
    """How to say it; `options` are those that the next command needs too."""

    form: str
    color: bool
    quiet: bool
    width: int
    options: str = ""


def run(config: Config, plan: Plan, output: Output) -> int:
    """Decide, and say what came out; the exit code."""
    begun = time.monotonic()
    out: TextIO = sys.stderr if output.form != "human" else sys.stdout
    reporter = terminal.Reporter(
        out,
        color=output.color,
        interactive=out.isatty(),
        width=output.width,
        quiet=output.quiet,
        options=output.options,
    )
    session = Session(config, plan.scope, plan.jobs)
    program = session.subjects.program
    reporter.header(_header(program, config, plan))

    def started(reused: int, todo: int) -> None:
        reporter.header([f"cache  {reused} units reused   {todo} to decide"])
        reporter.begin(reused + todo)

    found = session.run(
        plan.patterns,
        fresh=plan.fresh or not plan.implementation,
        warn=lambda text: click.echo(f"warning: {text}", err=True),
        started=started,
        finished=reporter.finished,
    )
    reporter.end()
    if plan.tests and any(verdict.status is Status.REFUTED for verdict in found.verdicts):
        # What explores is needed only here, and whoever waits for a proof waits for no more than that.
        from hfverify.exploring import with_collisions

        def looks(text: str) -> None:
            if out.isatty() and not output.quiet:
                click.echo(f"\r\x1b[K{text[: output.width - 1]}", nl=False, file=out)

        found.verdicts = with_collisions(config, program, found.verdicts, looks)
    try:
        _save_counterexamples(config, found.verdicts)
    except OSError as error:
        click.echo(f"warning: the counterexamples in {config.state} cannot be written ({error.strerror})", err=True)
    whole = plan.implementation and not plan.patterns
    needless = unneeded(program, found.verdicts, whole=whole) if plan.implementation else []
    code = exit_code(found.verdicts, program.accepted, plan.enough)
    if needless:
        code = max(code, UNDECIDED) if code != REFUTED else code
    code = _ledger(config, program, found.inputs, found.verdicts, code, whole=whole, locked=plan.locked)
    seconds = time.monotonic() - begun
    reporter.results(found.verdicts, reader(config), code, seconds, found.rests_on, needless)
    if output.form == "jsonl":
        for line in jsonl.lines(found.verdicts, code, seconds):
            click.echo(line)
    elif output.form == "short":
        shown = [v.diagnostic for v in found.verdicts if v.diagnostic is not None]
        for line in short.lines([*needless, *shown]):
            click.echo(line)
    return code


def exit_code(verdicts: Sequence[Verdict], accepted: Collection[str], enough: str) -> int:
    """The worst status decides; what is accepted by its name may be tested."""
    statuses = {verdict.status for verdict in verdicts}
    if not statuses:
        return UNDECIDED
    if statuses & {Status.REFUTED, Status.VACUOUS}:
        return REFUTED
    for verdict in verdicts:
        tested = verdict.status is Status.TESTED and (enough == "tested" or verdict.obligation.name in accepted)
        if not tested and verdict.status not in (Status.PROVED, Status.ASSUMED):
            return UNDECIDED
    return PROVED


def unneeded(program: Program, verdicts: Sequence[Verdict], *, whole: bool) -> list[Diagnostic]:
    """Acceptances of what tests say nothing about, or, in a whole run, of what is no obligation."""
    known = {verdict.obligation.name: verdict.status for verdict in verdicts}
    found: list[Diagnostic] = []
    for name, accept in program.accepted.items():
        if known.get(name) in NEEDLESS:
            message = f"`{name}` is accepted as tested, but it is {known[name].name.lower()}: take this away"
        elif name not in known and whole:
            message = f"`{name}` is accepted as tested, but there is no such obligation"
        else:
            continue
        found.append(Diagnostic("HF604", message, (at(accept.name_span),)))
    return found


def reader(config: Config) -> Callable[[str], str | None]:
    """The text of a file that a diagnostic names."""

    def read(file: str) -> str | None:
        try:
            return (config.folders.root / file).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    return read


def _header(program: Program, config: Config, plan: Plan) -> list[str]:
    folders = config.folders
    files, calls = len(program.modules), len(program.calls)
    name = next((m.name.split(".")[0] for m in program.modules), "")
    commit = next((f" ({r.commit})" for r in program.revisions if r.name == program.revision), "")
    revision = f" @ {program.revision}{commit}" if program.revisions else ""
    return [
        f"spec   {name}{revision}   {files} file{'s' * (files != 1)}   {calls} call{'s' * (calls != 1)}",
        f"impl   {folders.shown(folders.impl)}   z3 {z3.get_version_string()}   "
        f"{plan.jobs} worker{'s' * (plan.jobs != 1)}   at most {plan.scope.steps:_} steps each",
        f"trust  {len(trusted(program))} things are taken for granted (`hfverify audit` lists them)",
    ]


def _ledger(
    config: Config, program: Program, inputs: str, verdicts: list[Verdict], code: int, *, whole: bool, locked: bool
) -> int:
    if locked:
        try:
            found = ledger.differences(ledger.load(config.ledger), program.revision, inputs, verdicts)
        except ledger.LedgerError as error:
            found = [str(error)]
        for line in found:
            click.echo(f"locked: {line}", err=True)
        return max(code, UNDECIDED) if found and code != REFUTED else code
    if whole and not config.custom:
        try:
            names = [f"{item.kind} {item.name}" for item in trusted(program)]
            ledger.save(config.ledger, program.revision, inputs, names, verdicts)
        except ledger.LedgerError as error:
            click.echo(f"warning: {error}", err=True)
    return code


def _save_counterexamples(config: Config, verdicts: list[Verdict]) -> None:
    folder = config.state / "counterexamples"
    for verdict in verdicts:
        path = folder / f"{verdict.obligation.name}.json"
        if verdict.counterexample is not None:
            folder.mkdir(parents=True, exist_ok=True)
            data = {**verdict.counterexample, "impl": str(config.folders.impl), "status": verdict.status.name}
            path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", "utf-8")
        elif path.exists() and verdict.status in (Status.PROVED, Status.TESTED) and not config.custom:
            path.unlink()
