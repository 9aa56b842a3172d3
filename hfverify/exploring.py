"""What people see of schedules: look for those that go wrong, run one again, and show what a refuted rule leads to.

Reads   config.Config, names of calls, schedule files
Gives   text, schedule files in the state folder, the exit code
Refuses a call that is not specified, a file that does not fit (ConfigError)
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfverify.config import Config, ConfigError
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.verdicts import COLLIDES
from hfverify.explore.collide import Collider, Collision, Wanted
from hfverify.explore.files import Unreadable, again, load, shown
from hfverify.explore.isolated import News, explore
from hfverify.explore.replaying import Misfit
from hfverify.explore.search import Plan, calls_for
from hfverify.model.load import load_program
from hfverify.model.program import Program
from hfverify.report import regression, schedule
from hfverify.verdict import Status, Verdict

FOUND, UNDECIDED = 1, 4
# A lock of an object, in the text of a violation: the state, and the name of the lock.
LOCK = r"(\w+)(?:\[[\d, ]*\])?\.(\w+)"
Write = Callable[[str], None]


def run(
    config: Config,
    names: Sequence[str],
    cpus: int,
    plan: Plan,
    *,
    width: int,
    write: Write,
    progress: Write,
) -> int:
    """Search, and say what was found; 4 if the search could not be finished. `progress` hears of each situation."""
    program = load_program(config.folders, config.revision)
    for name in names:
        call = program.calls.get(name)
        if call is None or call.is_function:
            close = difflib.get_close_matches(name, [n for n, c in program.calls.items() if not c.is_function], n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise ConfigError(f"no call is named `{name}`{hint}")
    calls = calls_for(program, names, cpus)
    write(f"explore  {' | '.join(calls)}   on {len(calls)} CPUs   {_strategy(plan)}")
    count, news = 0, News("failed", reason="nothing was tried")
    for news in explore(config.folders, program.revision, calls, plan):
        progress(f"{news.tally.situations} situations, {news.tally.schedules} schedules: {', '.join(news.outcomes)}")
        if news.kind == "finding":
            count += 1
            progress("")
            asked = dict.fromkeys(problem["obligation"] for problem in news.data["problems"] if problem["obligation"])
            told = f"\n breaks {', '.join(asked)}" if asked else ""
            write("\n".join(["", *schedule.draw(news.data, width), f" saved  {_save(config, news.data)}{told}"]))
    progress("")
    if news.kind == "failed":
        write(f"\n not finished: {news.reason}")
        return FOUND if count else UNDECIDED
    tally = news.tally
    extent = "every schedule" if tally.complete else "not every schedule"
    found = f"{count} problem{'s' * (count != 1)}" if count else "nothing went wrong"
    write(
        f"\n {found}: {tally.situations} situations, {tally.schedules} schedules, {tally.steps} steps, {extent} "
        f"that can differ in them. This is no proof: other situations were not tried."
    )
    return FOUND if count else 0


def _strategy(plan: Plan) -> str:
    if plan.strategy == "random":
        return f"{plan.schedules} random schedules from each situation, seed {plan.seed}"
    if plan.preemptions is not None:
        return f"all schedules with at most {plan.preemptions} preemptions"
    return "all schedules that can differ"


def collision(config: Config, name: str, *, width: int) -> list[str]:
    """Two CPUs that collide because of a refuted obligation about locks: a deadlock, or a race."""
    program = load_program(config.folders, config.revision)
    try:
        saved = json.loads((config.state / "counterexamples" / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        saved = None
    wanted = wanted_because(program, name, saved)
    if wanted is None:
        return []
    collider = Collider(config.folders, program)
    try:
        found = collider.find(wanted)
    finally:
        collider.close()
    if found.data:
        return ["two CPUs collide", *schedule.draw(found.data, width), f" saved  {_save(config, found.data)}"]
    return [_none(wanted, found)]


def with_collisions(config: Config, program: Program, verdicts: Sequence[Verdict], progress: Write) -> list[Verdict]:
    """The verdicts; refuted rules about locks say how two CPUs show it, where a short search finds out."""
    asked = {
        number: wanted
        for number, verdict in enumerate(verdicts)
        if verdict.status is Status.REFUTED
        and (wanted := wanted_because(program, verdict.obligation.name, verdict.counterexample)) is not None
    }
    if not asked:
        return list(verdicts)
    result = list(verdicts)
    collider = Collider(config.folders, program)
    try:
        for number, wanted in asked.items():
            progress(f"looks for CPUs that collide: {verdicts[number].obligation.name}")
            found = collider.find(wanted, share=len(asked))
            result[number] = _noted(verdicts[number], _told(config, wanted, found))
    finally:
        collider.close()
        progress("")
    return result


def _told(config: Config, wanted: Wanted, found: Collision) -> list[tuple[str, str]]:
    if not found.data:
        return [("collides", _none(wanted, found)), ("next", f"hfverify explore {wanted.call}")]
    text = f"{found.data['kind']} of two CPUs that make {' and '.join(found.data['calls'])}"
    try:
        path = _save(config, found.data)
    except OSError as error:
        return [("collides", f"{text} (it cannot be saved: {error.strerror})")]
    return [("collides", f"{text}, saved as {path}"), ("next", f"hfverify replay {path}")]


def _none(wanted: Wanted, found: Collision) -> str:
    why = f"; the search ended early, {found.failed}" if found.failed else ""
    why += f"; {found.reason}" if found.reason else ""
    return (
        f"no two CPUs were found to collide: {wanted.call} with {', '.join(found.tried)}, "
        f"{found.situations} situations, {found.schedules} schedules{why}"
    )


def _noted(verdict: Verdict, notes: list[tuple[str, str]]) -> Verdict:
    """With notes; what is said comes instead of the advice to look."""
    if verdict.diagnostic is None:
        return verdict
    old = [note for note in verdict.diagnostic.notes if not note[1].startswith("hfverify explore ")]
    return replace(verdict, diagnostic=replace(verdict.diagnostic, notes=(*old, *notes)))


def wanted_because(program: Program, name: str, counterexample: Mapping[str, Any] | None) -> Wanted | None:
    """What is looked for because of an obligation; nothing if it is not about locks, or of no call."""
    call, _, kind = name.partition(".")
    if kind not in COLLIDES or call not in program.calls or program.calls[call].is_function:
        return None
    told = counterexample or {}
    texts = [str(violation.get("text", "")) for violation in told.get("violations", ())]
    names = [match[1] for text in texts if (match := re.match(r"\w+(?:\[[\d, ]*\])?\.([\w.]+) is ", text))]
    swapped = [match for text in texts if (match := re.match(rf"{LOCK} is taken while {LOCK} is held", text))]
    locks = tuple(sorted({f"{match[i]}.{match[i + 1]}" for match in swapped for i in (1, 3)}))
    return Wanted(call, kind, str(told.get("outcome") or ""), names[0] if names else "", locks)


def _save(config: Config, data: dict[str, Any]) -> Path:
    """Write a finding into the state folder, under a name that is free."""
    folder = config.state / "schedules"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    number = 1
    while True:
        path = folder / f"{'-'.join(data['calls'])}-{data['kind'].replace(' ', '-')}-{number}.schedule"
        if not path.exists() or path.read_text("utf-8") == text:
            path.write_text(text, "utf-8")
            return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        number += 1


def replay_file(config: Config, path: Path, target: Path | None, *, width: int, write: Write) -> int:
    """Run a schedule again and draw it; with a target, write it as a test first."""
    program = load_program(config.folders, config.revision)
    try:
        found = load(program, path)
        if target is not None:
            write(f"wrote {regression.write_schedule(json.loads(path.read_text('utf-8')), target)}")
        wrong, execution = again(program, found, str(config.folders.impl.resolve()))
    except (Unreadable, Misfit, Unbuildable, FileExistsError, OSError) as error:
        raise ConfigError(str(error)) from error
    write("\n".join(schedule.draw(shown(wrong, found.scenarios, execution), width)))
    return FOUND if wrong else 0
