"""Verbs and options. No logic.

Reads   the command line
Gives   text on standard output and error, an exit code
Refuses wrong options (2)
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

import hfverify
from hfverify.abi import LANGUAGES
from hfverify.config import ConfigError, load_config
from hfverify.diagnostics import Rejected
from hfverify.verdict import Verdict

EXIT_CODES = """\b
Exit codes:
  0    everything is proved
  1    at least one obligation is REFUTED (confirmed on the real code) or VACUOUS
  2    wrong command line or configuration
  3    the specification or the implementation is not understood
  4    undecided: UNKNOWN, SUSPECTED or STALE remain, or the ledger does not match
  5    internal error; a report file was written
  130  interrupted; nothing was written
"""

CHECKERS = 1
PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PROVED, REFUTED, USAGE, REJECTED, UNDECIDED, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
Command = TypeVar("Command", bound=Callable[..., Any])


def folder_options(command: Command) -> Command:
    """--impl, --spec, --proofs, --revision."""
    for option in (
        click.option("--revision", metavar="R", help="The revision to look at."),
        click.option("--proofs", metavar="DIR", help="Proof files, instead of the configured folder."),
        click.option("--spec", metavar="DIR", help="Specification, instead of the configured folder."),
        click.option("--impl", metavar="DIR", help="Implementation, instead of the configured folder."),
    ):
        command = option(command)
    return command


def require_option(command: Command) -> Command:
    """--require."""
    return click.option(
        "--require",
        type=click.Choice(["proved", "tested"]),
        default="proved",
        show_default=True,
        help="What is enough for exit code 0; what the proof files accept may always be tested.",
    )(command)


def output_options(command: Command) -> Command:
    """--format, --color, -q."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Diagnostics and the last line only."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Colour; NO_COLOR is honoured.",
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice(["human", "short", "jsonl"]),
            default="human",
            show_default=True,
            help="Text for people, one line for each diagnostic, or JSON lines.",
        ),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True, epilog=EXIT_CODES)
@click.version_option(hfverify.__version__)
@click.pass_context
def main_group(context: click.Context) -> None:
    """Prove that a call layer written in plain Python does what its specification says.

    Without a verb: `status`.
    """
    if context.invoked_subcommand is None:
        context.invoke(status)


@main_group.command(epilog=EXIT_CODES)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Solver steps for each question.")
@folder_options
@output_options
def check(steps: int | None, revision: str | None, form: str, color: str, quiet: bool, **folders: str | None) -> None:
    """Check the specification only: names, types, revisions, cases, lock order, invariants."""
    from hfverify.verifying import Output, Plan, run

    config = load_config(Path.cwd(), revision=revision, **folders)
    output = Output(form, _colours(color, form), quiet, _width())
    raise SystemExit(run(config, Plan((), steps, CHECKERS, implementation=False), output))


@main_group.command(epilog=EXIT_CODES)
@click.argument("obligations", nargs=-1, metavar="[CALL[.CASE[.KIND]]]...")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Solver steps for each question.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Worker processes (default: one for each core, at most 8).",
)
@click.option("--no-fallback", "proofs_only", is_flag=True, help="Do not test what is not proved: it stays open.")
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many examples test each call or function that is not proved (default: 400).",
)
@require_option
@click.option("--fresh", is_flag=True, help="Ignore what is cached.")
@click.option("--locked", is_flag=True, help="Fail if the committed ledger does not match this run.")
@folder_options
@output_options
def verify(
    obligations: tuple[str, ...],
    steps: int | None,
    jobs: int | None,
    proofs_only: bool,
    examples: int | None,
    require: str,
    fresh: bool,
    locked: bool,
    revision: str | None,
    form: str,
    color: str,
    quiet: bool,
    **folders: str | None,
) -> None:
    """Prove everything that can be proved, refute what is wrong."""
    from hfverify.verifying import Output, Plan, run

    config = load_config(Path.cwd(), revision=revision, **folders)
    if locked and obligations:
        raise click.UsageError("--locked compares a whole run: give no obligations")
    if proofs_only and examples:
        raise click.UsageError("--no-fallback tests nothing: give no --examples")
    count = jobs or min(os.cpu_count() or 1, 8)
    given = [f" --{name} {shlex.quote(value)}" for name, value in {**folders, "revision": revision}.items() if value]
    plan = Plan(
        obligations, steps, count, fresh=fresh, tests=not proofs_only, examples=examples, enough=require, locked=locked
    )
    raise SystemExit(run(config, plan, Output(form, _colours(color, form), quiet, _width(), "".join(given))))


@main_group.command(epilog=EXIT_CODES)
@click.argument("obligation")
@click.option("--all", "everything", is_flag=True, help="Show unchanged cells too.")
@folder_options
def explain(obligation: str, everything: bool, revision: str | None, **folders: str | None) -> None:
    """Show one obligation: what it asks, and the state that breaks it or how it was decided."""
    from hfverify.explaining import explanation

    config = load_config(Path.cwd(), revision=revision, **folders)
    text, code = explanation(
        config, obligation, width=_width(), everything=everything, color=_colour("auto", sys.stdout)
    )
    click.echo(text)
    if code == REFUTED and obligation.endswith((".lock.order", ".lock.held")):
        from hfverify.exploring import collision

        click.echo("\n" + "\n".join(collision(config, obligation, width=_width())))
    raise SystemExit(code)


@main_group.command(epilog=EXIT_CODES)
@click.argument("calls", nargs=-1, metavar="[CALL]...")
@click.option(
    "--guests",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Let the programs of a Python file run in place of calls, and look for lost wake-ups.",
)
@click.option("--cpus", type=click.IntRange(min=1, max=4), default=2, show_default=True, help="CPUs, one call each.")
@click.option(
    "--strategy",
    type=click.Choice(["exhaustive", "random"]),
    default="exhaustive",
    show_default=True,
    help="All schedules that can differ, or random ones with few changes of priority.",
)
@click.option("--preemptions", type=click.IntRange(min=0), metavar="N", help="All schedules with at most N of them.")
@click.option(
    "--schedules", type=click.IntRange(min=1), default=1000, show_default=True, help="At most, from each situation."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random strategy.")
@folder_options
def explore(
    calls: tuple[str, ...],
    guests: str | None,
    cpus: int,
    strategy: str,
    preemptions: int | None,
    schedules: int,
    seed: int,
    revision: str | None,
    **folders: str | None,
) -> None:
    """Run calls at the same time on the real code, under every schedule; exit 1 if something goes wrong.

    The calls are given to the CPUs in turn: with one, it runs on all of them. Where they begin is found by the
    solver: for each combination of cases a state in which they apply, and states in which the calls want the same lock.

    With --guests, programs make the calls for as long as they have something to do; when none has, whatever the
    specification calls `owed` must not be. Schedules with few preemptions come first, up to 2 of them if nobody says.
    """
    from hfverify.explore.guests import GuestFile
    from hfverify.explore.search import Plan
    from hfverify.exploring import run, run_guests

    if (guests is None) == (not calls):
        raise click.UsageError("give calls, or a file of guests" if guests is None else "guests make calls: give none")

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{text[: _width() - 1]}", nl=False, err=True)

    config = load_config(Path.cwd(), revision=revision, **folders)
    plan = Plan(strategy, preemptions, schedules, seed)
    if guests is not None:
        file = GuestFile(os.path.relpath(guests) if Path(guests).resolve().is_relative_to(Path.cwd()) else guests, cpus)
        raise SystemExit(run_guests(config, file, plan, width=_width(), write=click.echo, progress=progress))
    raise SystemExit(run(config, calls, cpus, plan, width=_width(), write=click.echo, progress=progress))


@main_group.command(epilog=EXIT_CODES)
@click.argument("obligation")
@click.option("--pytest", "target", metavar="FILE", help="Write the run as a test, a file or a folder.")
@folder_options
def replay(obligation: str, target: str | None, revision: str | None, **folders: str | None) -> None:
    """Run a saved counterexample, or the schedule in a file, on the implementation; exit 1 if it still misbehaves."""
    from hfverify.explaining import replayed

    config = load_config(Path.cwd(), revision=revision, **folders)
    if obligation.endswith(".schedule"):
        from hfverify.exploring import replay_file

        wanted = Path(target) if target else None
        raise SystemExit(replay_file(config, Path(obligation), wanted, width=_width(), write=click.echo))
    text, code = replayed(config, obligation, Path(target) if target else None, width=_width())
    click.echo(text)
    raise SystemExit(code)


@main_group.command(epilog=EXIT_CODES)
@click.option("--json", "as_json", is_flag=True, help="The ledger's obligations as JSON.")
@click.option("--all", "everything", is_flag=True, help="One line for each obligation.")
@require_option
@folder_options
def status(
    as_json: bool = False,
    everything: bool = False,
    require: str = "proved",
    revision: str | None = None,
    **folders: str | None,
) -> None:
    """Show the table of the last full run, from the ledger; runs nothing."""
    from hfverify import ledger
    from hfverify.model.load import load_program
    from hfverify.report import table
    from hfverify.verdict import Obligation
    from hfverify.verifying import exit_code

    config = load_config(Path.cwd(), revision=revision, **folders)
    try:
        found = ledger.load(config.ledger)
    except ledger.LedgerError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(UNDECIDED) from error
    verdicts = [
        Verdict(Obligation(name, _kind(name), entry.group, ""), entry.status, entry.steps, evidence=entry.evidence)
        for name, entry in found.entries.items()
    ]
    if as_json:
        click.echo(json.dumps({v.obligation.name: v.status.name for v in verdicts}, indent=1, sort_keys=True))
    else:
        lines = [*table.summary(verdicts, _width()), ""]
        if everything:
            lines += [f"{v.status.name:9} {v.obligation.name}" for v in verdicts]
        lines.append(f"revision {found.revision}   written by hfverify {found.tool}   `hfverify verify` runs it again")
        click.echo("\n".join(lines))
    raise SystemExit(exit_code(verdicts, load_program(config.folders, config.revision).accepted, require))


@main_group.command(epilog=EXIT_CODES)
@click.option("--compare", is_flag=True, help="Fail if something is taken for granted that the ledger does not name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: kind and name, with reason and place.")
@folder_options
def audit(compare: bool, as_json: bool, revision: str | None, **folders: str | None) -> None:
    """List what every proof rests on without being proved itself."""
    from hfverify import ledger
    from hfverify.audit import trusted
    from hfverify.model.load import load_program

    config = load_config(Path.cwd(), revision=revision, **folders)
    found = trusted(load_program(config.folders, config.revision))
    if as_json:
        data = {f"{item.kind} {item.name}": {"reason": item.reason, "place": str(item.span)} for item in found}
        click.echo(json.dumps(data, indent=1))
    else:
        width = max((len(item.name) for item in found), default=0)
        for item in found:
            click.echo(f" {item.kind:11}  {item.name:{width}}  {item.reason}  {item.span}")
        click.echo(f"\n {len(found)} things are taken for granted; everything else is an obligation")
    if not compare:
        return
    try:
        known = ledger.load(config.ledger).trusted
    except ledger.LedgerError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(UNDECIDED) from error
    new = [f"{item.kind} {item.name}" for item in found if f"{item.kind} {item.name}" not in known]
    for name in new:
        click.echo(f"new: {name} is not in the ledger", err=True)
    raise SystemExit(UNDECIDED if new else PROVED)


@main_group.command(epilog=EXIT_CODES)
@click.option("--lang", "language", type=click.Choice(LANGUAGES), required=True, help="The language of the file.")
@click.option("--prefix", metavar="NAME", help="Names in C begin with it (default: the specification's module).")
@click.option("-o", "--output", "target", metavar="FILE", help="Write to a file, not to standard output.")
@folder_options
def abi(language: str, prefix: str | None, target: str | None, revision: str | None, **folders: str | None) -> None:
    """Write what programs need to make calls: numbers, constants, packed values, call stubs."""
    from hfverify.abi.write import written
    from hfverify.model.load import load_program

    config = load_config(Path.cwd(), revision=revision, **folders)
    if prefix is not None and language != "c":
        raise click.UsageError("--prefix is for names in C: give --lang c")
    if prefix is not None and not PREFIX.fullmatch(prefix):
        raise click.UsageError(f"--prefix {prefix!r} cannot begin a name in C: give letters, digits and _")
    try:
        described, text = written(load_program(config.folders, config.revision), language, prefix or "")
    except Rejected as rejected:
        _show_rejected(rejected, "nothing was written")
        raise SystemExit(REJECTED) from rejected
    if target is None:
        click.echo(text, nl=False)
    else:
        try:
            Path(target).write_text(text, "utf-8")
        except OSError as error:
            raise click.UsageError(f"{target} cannot be written ({error.strerror})") from error
    if not described.calls:
        click.echo("note: no call has a number, so the file has no calls", err=True)
    elif described.convention is None:
        click.echo("note: no dispatcher says how a register names a call, so the file has no stubs", err=True)


def _kind(name: str) -> str:
    return name.rsplit(".", 1)[-1]


# ---------------------------------------------------------------- terminal


def _colour(wish: str, stream: TextIO) -> bool:
    if wish != "auto":
        return wish == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _colours(wish: str, form: str) -> bool:
    """Whether what is written for people is coloured: on standard error where standard output is for programs."""
    return _colour(wish, sys.stderr if form != "human" else sys.stdout)


def _width() -> int:
    import shutil

    return max(shutil.get_terminal_size((100, 24)).columns, 60)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _on_interrupt)
    try:
        main_group(standalone_mode=False, prog_name="hfverify")
    except click.exceptions.Abort:
        _interrupted()
    except KeyboardInterrupt:
        _interrupted()
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except ConfigError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(USAGE)
    except Rejected as rejected:
        _show_rejected(rejected)
        sys.exit(REJECTED)
    except SystemExit:
        raise
    except BrokenPipeError:
        sys.exit(INTERRUPTED)
    except Exception:
        _internal()
    finally:
        signal.signal(signal.SIGINT, before)


def _on_interrupt(*_: object) -> None:
    """Without workers, end at once: an exception would be lost if it came while the solver's terms are destroyed."""
    if multiprocessing.active_children():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt
    _interrupted()


def _interrupted() -> None:
    with contextlib.suppress(OSError, RuntimeError):
        if sys.stdout.isatty():
            sys.stdout.write("\x1b[?25h\n")
        click.echo("interrupted: nothing was written; what was proved before stays in the cache", err=True)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _show_rejected(rejected: Rejected, outcome: str = "nothing was proved") -> None:
    from hfverify.report import excerpt, jsonl, short
    from hfverify.verifying import reader

    arguments = sys.argv
    form = next((a for previous, a in pairwise(arguments) if previous == "--format"), "human")
    form = next((a.removeprefix("--format=") for a in arguments if a.startswith("--format=")), form)
    try:
        read = reader(load_config(Path.cwd()))
    except ConfigError:

        def read(file: str) -> str | None:
            del file
            return None

    for diagnostic in rejected.diagnostics:
        click.echo(excerpt.draw(diagnostic, read, color=_colour("auto", sys.stderr)) + "\n", err=True)
    if form == "short":
        for line in short.lines(rejected.diagnostics):
            click.echo(line)
    elif form == "jsonl":
        for line in jsonl.lines([], REJECTED, 0.0):
            click.echo(line)
    count = len(rejected.diagnostics)
    click.echo(f"{count} error{'s' if count != 1 else ''}: {outcome}", err=True)


def _internal() -> None:
    path = Path(".hfverify") / "error.txt" if Path(".hfverify").is_dir() else Path(".hfverify-error.txt")
    text = f"hfverify {hfverify.__version__}\ncommand: {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}"
    try:
        path.write_text(text, "utf-8")
        where = f"; the report is in {path}"
    except OSError:
        where = ""
    last = traceback.format_exc().strip().splitlines()[-1]
    click.echo(f"internal error: {last}{where}. Nothing is proved by this run.", err=True)
    sys.exit(INTERNAL)


if __name__ == "__main__":
    main()
