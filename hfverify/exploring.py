"""The two commands about schedules: look for those that go wrong, and run one again.

Reads   config.Config, names of calls, schedule files
Gives   text, schedule files in the state folder, the exit code
Refuses a call that is not specified, a file that does not fit (ConfigError)
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hfverify.config import Config, ConfigError
from hfverify.explain.proxies import Unbuildable
from hfverify.explore.files import Unreadable, again, load, shown
from hfverify.explore.isolated import News, explore
from hfverify.explore.replaying import Misfit
from hfverify.explore.search import Plan, calls_for
from hfverify.model.load import load_program
from hfverify.report import regression, schedule

FOUND, UNDECIDED = 1, 4
# What only two CPUs show, and how many seconds it is looked for beside something else.
COLLISIONS = ("deadlock", "race")
PATIENCE = 60
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


def collision(config: Config, call: str, *, width: int) -> list[str]:
    """Two CPUs that make a call of which a lock obligation is refuted, and collide: a deadlock, or a race."""
    program = load_program(config.folders, config.revision)
    if call not in program.calls or program.calls[call].is_function:
        return []
    begun = time.monotonic()
    for news in explore(config.folders, program.revision, [call, call], Plan()):
        if news.kind == "finding" and news.data["kind"] in COLLISIONS:
            return ["two CPUs collide", *schedule.draw(news.data, width), f" saved  {_save(config, news.data)}"]
        if news.kind == "failed":
            return [f"whether two CPUs collide is not known: {news.reason}"]
        if time.monotonic() - begun > PATIENCE:
            return [f"no collision was found within {PATIENCE} s; `hfverify explore {call}` looks for longer"]
    return [f"no collision of two `{call}` was found; `hfverify explore {call} OTHER` tries it with another call"]


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
