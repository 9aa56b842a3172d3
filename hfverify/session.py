"""One run: which units, which of them from the cache, which workers. The pipeline in one screen.

Reads   config.Config
Gives   verdicts in the order of the specification, whatever order the workers finish in
Refuses what the front end refuses, a name that no obligation has (ConfigError); a worker that dies or hangs
        leaves UNKNOWN, never PROVED
"""

from __future__ import annotations

import ctypes
import difflib
import gc
import hashlib
import json
import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import z3

from hfverify.cache import Cache
from hfverify.config import Config, ConfigError
from hfverify.diagnostics import Diagnostic, Rejected
from hfverify.model.load import load_program
from hfverify.program import program_of
from hfverify.prove.shares import Shared
from hfverify.prove.solver import start_afresh
from hfverify.units import Scope, Subjects, about
from hfverify.verdict import Obligation, Status, Verdict

# How long nothing may be decided before the workers are taken to hang: the longest unit has that long.
WATCHDOG_SECONDS = 900
LOST = "decided"


@dataclass(slots=True)
class Run:
    """What a run did. `why` says for each unit that was proved again which of its inputs had changed.

    `rests_on` are the specified functions on which the verdicts rely and which were not asked for.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    inputs: str = ""
    reused: int = 0
    why: dict[str, int] = field(default_factory=dict)
    rests_on: list[str] = field(default_factory=list)


class Session:
    """Holds the program of one run."""

    def __init__(self, config: Config, scope: Scope, jobs: int) -> None:
        self.config = config
        self.scope = scope
        self.jobs = jobs
        # Otherwise the solver takes ctrl-C for itself, answers "unknown", and the run goes on.
        z3.set_param("ctrl_c", False)
        with _keeping():
            program = program_of(config) if scope.implementation else load_program(config.folders, config.revision)
            self.subjects = Subjects(program, config.folders)

    def units(self, patterns: Sequence[str]) -> list[str]:
        """The units that the patterns can speak about; all for none."""
        names = self.subjects.names(self.scope)
        for pattern in patterns:
            if not any(_related(about(name), pattern) for name in names):
                raise _unknown(pattern, list(dict.fromkeys(about(name) for name in names)))
        return [n for n in names if not patterns or any(_related(about(n), pattern) for pattern in patterns)]

    def run(
        self,
        patterns: Sequence[str],
        *,
        fresh: bool,
        warn: Callable[[str], None],
        started: Callable[[int, int], None],
        finished: Callable[[str, list[Verdict]], None],
    ) -> Run:
        """Decide; `started` hears how many units are reused and how many are to do, `finished` of each unit."""
        done = Run()
        names = self.units(patterns)
        with _keeping():
            inputs = self._inputs(names)
        done.inputs = _fingerprint(inputs)
        cache = Cache(self.config.state, warn)
        try:
            ready: dict[str, list[Verdict]] = {}
            for name in names:
                known, why = (None, "--fresh") if fresh else cache.get(name, inputs[name])
                if known is not None:
                    ready[name] = self.subjects.placed(name, known)
                elif why:
                    done.why[why] = done.why.get(why, 0) + 1
            done.reused = len(ready)
            todo = [name for name in names if name not in ready]
            started(len(ready), len(todo))
            for name, verdicts in ready.items():
                finished(self._shown(name), verdicts)
            # What takes longest is begun first, so that no worker is left with it at the end.
            with closing(self._decide(sorted(todo, key=cache.steps, reverse=True))) as decided:
                for name, verdicts in decided:
                    if self.scope.implementation:
                        cache.put(name, inputs[name], verdicts)
                    ready[name] = verdicts
                    finished(self._shown(name), verdicts)
        finally:
            cache.close()
        found = [verdict for name in names for verdict in ready[name]]
        lost_units = [verdict.obligation.name for verdict in found if verdict.obligation.kind == LOST]
        for pattern in patterns:
            if not lost_units and not any(_asked(verdict.obligation.name, [pattern]) for verdict in found):
                raise _unknown(pattern, [verdict.obligation.name for verdict in found])
        done.rests_on = self.subjects.relied_on(names) if self.scope.implementation else []
        wanted = [*patterns, *lost_units]
        done.verdicts = [v for v in found if not patterns or _asked(v.obligation.name, wanted)]
        return done

    def _shown(self, name: str) -> str:
        """How a unit is called where its name is read: a half only if there are two."""
        return name if self.scope.implementation else about(name)

    def fingerprint(self) -> str:
        """What the ledger calls `inputs`: the hash of everything that a run of all units reads. Decides nothing."""
        return _fingerprint(self._inputs(self.units(())))

    def _inputs(self, names: list[str]) -> dict[str, dict[str, str]]:
        """What each unit depends on; refuses what cannot be found."""
        found: dict[str, dict[str, str]] = {}
        problems: list[Diagnostic] = []
        for name in names:
            try:
                found[name] = self.subjects.inputs(name, self.scope)
            except Rejected as rejected:
                problems += rejected.diagnostics
        if self.scope.implementation:
            problems += self.subjects.misfits()
        if problems:
            raise Rejected(sorted(set(problems), key=lambda d: (d.span, d.code, d.message)))
        return found

    def _decide(self, names: list[str]) -> Generator[tuple[str, list[Verdict]], None, None]:
        global _worker
        if names:
            _worker = self.subjects
            jobs = min(self.jobs, sum(self.subjects.shares(name) for name in names))
            yield from _parallel(self.config, self.scope, self.subjects, names, jobs)


@contextmanager
def _keeping() -> Iterator[None]:
    """What is loaded stays: to look meanwhile for what can be freed takes a sixth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _fingerprint(inputs: dict[str, dict[str, str]]) -> str:
    """What the ledger depends on: the subject's own text, not the tool, the budget or the Python version."""
    lasting = {name: {key: parts[key] for key in ("spec", "impl") if key in parts} for name, parts in inputs.items()}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:24]


def _related(unit: str, pattern: str) -> bool:
    return unit == pattern or pattern.startswith(unit + ".") or unit.startswith(pattern + ".")


def _unknown(pattern: str, known: Iterable[str]) -> ConfigError:
    close = difflib.get_close_matches(pattern, list(known), n=1)
    hint = f"did you mean `{close[0]}`?" if close else "`hfverify status --all` lists them"
    return ConfigError(f"no obligation is named `{pattern}`; {hint}")


def _asked(name: str, patterns: Sequence[str]) -> bool:
    return any(name == pattern or name.startswith(pattern + ".") for pattern in patterns)


# ---------------------------------------------------------------- workers

# A process that is a copy of this one has the program already; elsewhere a copy may not use the system's libraries.
START = "fork" if sys.platform == "linux" else "spawn"
# The option of Linux's prctl by which a process is ended together with the one that made it.
PR_SET_PDEATHSIG = 1
_worker: Subjects | None = None


def _start(config: Config) -> None:
    """A worker has the program once; solver terms cannot be sent to it, names can."""
    global _worker
    _worker = _worker or Subjects(load_program(config.folders, config.revision), config.folders)
    # What all units share stays: who looks for what can be freed need not look through it.
    gc.freeze()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# What became of a task: a share of which something is not proved has no verdicts; and what was refused.
Answer = tuple[list[Verdict] | Shared | None, list[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Task:
    """A unit, or a share of it."""

    name: str
    index: int | None = None


def _work(task: Task, scope: Scope) -> Answer:
    assert _worker is not None
    start_afresh()
    try:
        if task.index is not None:
            return _worker.share(task.name, scope, task.index), []
        return _worker.verdicts(task.name, scope), []
    except Rejected as rejected:
        return None, rejected.diagnostics


def _parallel(
    config: Config, scope: Scope, subjects: Subjects, names: list[str], jobs: int
) -> Generator[tuple[str, list[Verdict]], None, None]:
    """Workers take units as they become free; whoever dies takes all that run with him, so these are tried alone."""
    alone: list[str] = []
    yield from _pool(config, scope, subjects, names, jobs, alone)
    for name in alone:
        died: list[str] = []
        yield from _pool(config, scope, subjects, [name], 1, died)
        if died:
            yield name, [lost(name, "the solver process died")]


def _pool(
    config: Config, scope: Scope, subjects: Subjects, names: list[str], jobs: int, died: list[str]
) -> Generator[tuple[str, list[Verdict]], None, None]:
    context = multiprocessing.get_context(START)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(config,))
    pending: dict[Future[Answer], Task] = {}
    shares: dict[str, list[Shared]] = {}

    def begin(tasks: Iterable[Task]) -> None:
        with _uninterrupted():
            pending.update((pool.submit(_work, task, scope), task) for task in tasks)

    try:
        begin(task for name in names for task in _tasks(subjects, name))
        while pending:
            finished, _ = wait(pending, timeout=WATCHDOG_SECONDS, return_when="FIRST_COMPLETED")
            if not finished:
                for name in dict.fromkeys(task.name for task in pending.values()):
                    yield name, [lost(name, f"no worker answered within the limit of {WATCHDOG_SECONDS} s")]
                return
            for future in [future for future in pending if future in finished]:
                task = pending.pop(future, None)
                if task is None:
                    continue
                try:
                    found, problems = future.result()
                    if problems:
                        raise Rejected(problems)
                    told = _joined(subjects, task.name, found, shares.setdefault(task.name, []))
                    if isinstance(told, Task):
                        # What its other shares find does not matter any more.
                        for other in [other for other, its in pending.items() if its.name == task.name]:
                            del pending[other]
                            other.cancel()
                        begin([told])
                    elif told is not None:
                        yield task.name, told
                except BrokenProcessPool:
                    died += [task.name] if task.name not in died else []
    finally:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _tasks(subjects: Subjects, name: str) -> list[Task]:
    count = subjects.shares(name)
    return [Task(name, index) for index in range(count)] if count > 1 else [Task(name)]


def _joined(
    subjects: Subjects, name: str, found: list[Verdict] | Shared | None, known: list[Shared]
) -> list[Verdict] | Task | None:
    """The verdicts of a unit with its last share; where something is not proved, the unit: only all of it says what."""
    if isinstance(found, Shared):
        known.append(found)
        if len(known) < subjects.shares(name):
            return None
        found = subjects.together(name, known)
    return Task(name) if found is None else found


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Workers that start in here never see ctrl-C: whoever started them ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def lost(name: str, why: str) -> Verdict:
    """Nothing is known of a unit."""
    obligation = Obligation(f"{about(name)}.{LOST}", LOST, about(name), "the unit was decided")
    return Verdict(obligation, Status.UNKNOWN, reason=why)
