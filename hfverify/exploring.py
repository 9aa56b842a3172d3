"""What people see of schedules: look for those that go wrong, run one again, and show what a refuted rule leads to.

Reads   config.Config, names of calls, schedule files
Gives   text, schedule files in the state folder, the exit code
Refuses a call that is not specified, a file that does not fit (ConfigError)
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfverify.config import Config, ConfigError
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.scenario import from_json
from hfverify.explain.verdicts import COLLIDES
from hfverify.explore import wakeups
from hfverify.explore.collide import Collider, Collision, Wanted
from hfverify.explore.files import Unreadable, again, load, shown
from hfverify.explore.guests import Fault, GuestFile
from hfverify.explore.isolated import News, explore
from hfverify.explore.likeness import likeness
from hfverify.explore.replaying import Misfit
from hfverify.explore.search import Plan, calls_for
from hfverify.explore.wakeups import PREEMPTIONS
from hfverify.model.program import Program
from hfverify.program import program_of
from hfverify.report import regression, schedule
from hfverify.verdict import Status, Verdict

FOUND, UNDECIDED = 1, 4
# A lock of an object, in the text of a violation: the state, the keys, and the name of the lock.
LOCK = r"(\w+)(?:\[([\d, ]*)\])?\.(\w+)"
# A cell of an object there: the state, the keys, and the path.
PLACE = r"(\w+)(?:\[([\d, ]*)\])?\.([\w.]+)"
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
    program = program_of(config)
    for name in names:
        call = program.calls.get(name)
        if call is None or call.is_function:
            close = difflib.get_close_matches(name, [n for n, c in program.calls.items() if not c.is_function], n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise ConfigError(f"no call is named `{name}`{hint}")
    calls = calls_for(program, names, cpus)
    write(f"explore  {' | '.join(calls)}   on {len(calls)} CPUs   {_strategy(plan)}")
    count, news = _shown(config, explore(config.folders, program.revision, calls, plan), width, write, progress)
    if news.kind != "failed":
        tally = news.tally
        extent = "every schedule" if tally.complete else "not every schedule"
        write(
            f"\n {_problems(count)}: {tally.situations} situations, {tally.schedules} schedules, {tally.steps} steps, "
            f"{extent} that can differ in them. This is no proof: other situations were not tried."
        )
    return FOUND if count else UNDECIDED if news.kind == "failed" else 0


def run_guests(config: Config, file: GuestFile, plan: Plan, *, width: int, write: Write, progress: Write) -> int:
    """Let guests run, and say what they lose; 4 if that could not be finished."""
    program = program_of(config)
    if not program.owed:
        write("note: the specification owes nothing to anybody (`owed`): only other problems can be found")
    random = plan.strategy == "random"
    limit = PREEMPTIONS if plan.preemptions is None else plan.preemptions
    most = f"at most {limit} preemption{'s' * (limit != 1)}"
    kind = f"{plan.schedules} random schedules, seed {plan.seed}" if random else f"schedules with {most}"
    write(f"explore  {file.path}   on {file.cpus} CPUs   {kind}")
    count, news = _shown(config, explore(config.folders, program.revision, file, plan), width, write, progress)
    if news.kind != "failed":
        tally = news.tally
        extent = f"every schedule with {most}" if tally.complete else "not every schedule"
        end = "each kind of problem is shown once" if count else "other guests were not tried"
        told = f"{tally.schedules} schedules, {tally.steps} steps, {extent}"
        write(f"\n {_problems(count)}: {told}. This is no proof: {end}.")
    return FOUND if count else UNDECIDED if news.kind == "failed" else 0


def _shown(config: Config, searched: Iterable[News], width: int, write: Write, progress: Write) -> tuple[int, News]:
    """Show what is found while it is searched; how many problems there are, and the last news."""
    count, news = 0, News("failed", reason="nothing was tried")
    for news in searched:
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
    return count, news


def _problems(count: int) -> str:
    return f"{count} problem{'s' * (count != 1)}" if count else "nothing went wrong"


def _strategy(plan: Plan) -> str:
    if plan.strategy == "random":
        return f"{plan.schedules} random schedules from each situation, seed {plan.seed}"
    if plan.preemptions is not None:
        return f"all schedules with at most {plan.preemptions} preemptions"
    return "all schedules that can differ"


def collision(config: Config, name: str, *, width: int) -> list[str]:
    """Two CPUs that collide because of a refuted obligation about locks: a deadlock, or a race."""
    program = program_of(config)
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
        told = [f"{_number(found.data)} CPUs collide", *schedule.draw(found.data, width)]
        return [*told, f" saved  {_save(config, found.data)}"]
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
    text = f"{found.data['kind']} of {_number(found.data)} CPUs that make {_calls(found.data)}"
    try:
        path = _save(config, found.data)
    except OSError as error:
        return [("collides", f"{text} (it cannot be saved: {error.strerror})")]
    return [("collides", f"{text}, saved as {path}"), ("next", f"hfverify replay {path}")]


def _number(data: Mapping[str, Any]) -> str:
    count = len(data["calls"])
    return {2: "two", 3: "three"}.get(count, str(count))


def _calls(data: Mapping[str, Any]) -> str:
    """The calls of each CPU."""
    made = [" then ".join(one["call"] for one in (begin, *begin.get("then", ()))) for begin in data["begins"]]
    return " and ".join([", ".join(made[:-1]), made[-1]])


def _none(wanted: Wanted, found: Collision) -> str:
    why = f"; the search ended early, {found.failed}" if found.failed else ""
    why += f"; {found.reason}" if found.reason else ""
    return (
        f"no CPUs were found to collide: {wanted.call} with {', '.join(found.tried)}, "
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
    broken = [violation for violation in told.get("violations", ()) if violation.get("kind") == kind]
    texts = [str(violation.get("text", "")) for violation in broken]
    touched = [match for text in texts if (match := re.match(rf"{PLACE} is (?!taken)", text))]
    swapped = [match for text in texts if (match := re.match(rf"{LOCK} is taken while {LOCK} is held", text))]
    locks = tuple(sorted({f"{match[i]}.{match[i + 2]}" for match in swapped for i in (1, 4)}))
    place = (f"{touched[0][1]}.{touched[0][3]}", _keys(touched[0][2])) if touched else None
    wrong = tuple((f"{match[i]}.{match[i + 2]}", _keys(match[i + 1])) for match in swapped[:1] for i in (1, 4))
    like = likeness(from_json(program, told["scenario"]), place, wrong) if "scenario" in told else None
    return Wanted(call, kind, str(told.get("outcome") or ""), place[0].split(".", 1)[1] if place else "", locks, like)


def _keys(shown: str | None) -> tuple[int, ...]:
    return tuple(int(key) for key in (shown or "").split(",") if key.strip())


def _save(config: Config, data: dict[str, Any]) -> Path:
    """Write a finding into the state folder, under a name that is free."""
    folder = config.state / "schedules"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    number, name = 1, "-".join(regression.named(data))
    while True:
        path = folder / f"{name}-{data['kind'].replace(' ', '-')}-{number}.schedule"
        if not path.exists() or path.read_text("utf-8") == text:
            path.write_text(text, "utf-8")
            return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        number += 1


def replay_file(config: Config, path: Path, target: Path | None, *, width: int, write: Write) -> int:
    """Run a schedule again and draw it; with a target, write it as a test first."""
    program = program_of(config)
    impl = str(config.folders.impl.resolve())
    try:
        guests = wakeups.is_of_guests(path)
        found = wakeups.load_saved(path) if guests else load(program, path)
        if target is not None:
            write(f"wrote {regression.write_schedule(json.loads(path.read_text('utf-8')), target)}")
        if isinstance(found, wakeups.SavedGuests):
            data = wakeups.again(program, found, impl)
        else:
            wrong, execution = again(program, found, impl)
            data = shown(wrong, found.scenarios, execution)
    except (Unreadable, Misfit, Unbuildable, Fault, FileExistsError, OSError) as error:
        raise ConfigError(str(error)) from error
    write("\n".join(schedule.draw(data, width)))
    return FOUND if data["problems"] else 0
