"""A run that is disturbed never says more than it knows: dying workers, ctrl-C, damaged and unwritable files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import REPOSITORY, Shell, copied
from hfverify import session
from hfverify.cache import VERSIONS
from hfverify.config import load_config
from hfverify.session import Answer, Session, Task
from hfverify.units import Scope
from hfverify.verdict import Status, Verdict

STEPS = 1_000_000


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(copied("counter", tmp_path))


def decided(shell: Shell, patterns: tuple[str, ...] = (), jobs: int = 2) -> tuple[list[Verdict], list[str]]:
    """A whole run without a command line around it, and its warnings."""
    warnings: list[str] = []
    run = Session(load_config(shell.root), Scope(True, STEPS), jobs).run(
        patterns, fresh=False, warn=warnings.append, started=lambda *_: None, finished=lambda *_: None
    )
    return run.verdicts, warnings


def unproved(verdicts: list[Verdict]) -> dict[str, Status]:
    return {v.obligation.name: v.status for v in verdicts if v.status is not Status.PROVED}


# ---------------------------------------------------------------- workers


def dies_on_up(task: Task, scope: Scope) -> Answer:
    """Work like a worker whose solver crashes on one unit."""
    if task.name == "up":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return WORK(task, scope)


def hangs(task: Task, scope: Scope) -> Answer:
    """Work like a worker whose solver never comes back."""
    if task.name == "up":
        time.sleep(600)
    return WORK(task, scope)


def breaks(name: str, scope: Scope) -> Answer:
    """Work like a worker with a bug."""
    raise ZeroDivisionError(name, scope)


WORK = session._work


def test_a_worker_that_dies_leaves_its_unit_open_and_no_other(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_work", dies_on_up)
    verdicts, _ = decided(shell)
    assert unproved(verdicts) == {"up.decided": Status.UNKNOWN}
    assert next(v for v in verdicts if v.status is Status.UNKNOWN).reason == "the solver process died"
    assert sum(v.status is Status.PROVED for v in verdicts) > 20
    monkeypatch.setattr(session, "_work", WORK)
    assert unproved(decided(shell)[0]) == {}


def test_a_dead_unit_is_named_also_when_only_a_part_of_it_was_asked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_work", dies_on_up)
    verdicts, _ = decided(shell, ("up.counted.effect", "reset.raises"))
    assert {v.obligation.name: v.status for v in verdicts} == {
        "up.decided": Status.UNKNOWN,
        "reset.raises": Status.PROVED,
    }


def test_a_worker_that_hangs_is_given_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_work", hangs)
    monkeypatch.setattr(session, "WATCHDOG_SECONDS", 3)
    verdicts, _ = decided(shell)
    assert unproved(verdicts) == {"up.decided": Status.UNKNOWN}
    assert "limit of 3 s" in next(v for v in verdicts if v.status is Status.UNKNOWN).reason


def test_a_worker_with_a_bug_is_an_internal_error(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_work", breaks)
    code, text = shell.hfverify("verify", "-q", "-j", "2")
    assert code == 5
    assert "Nothing is proved by this run" in text
    assert not (shell.root / "proofs" / "ledger.json").exists()


def test_what_a_worker_refuses_arrives(shell: Shell) -> None:
    source = shell.root / "impl" / "counter.py"
    source.write_text(source.read_text("utf-8").replace("start: int", "begin: int"), "utf-8")
    code, text = shell.hfverify("verify", "-q", "-j", "2")
    assert code == 3
    assert "error[HF215]" in text


# ---------------------------------------------------------------- ctrl-C


def children(group: int) -> list[int]:
    """The processes of a process group that still run."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("everybody", [False, True])
def test_ctrl_c_ends_the_run_and_writes_nothing(tmp_path: Path, jobs: str, everybody: bool) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("the processes of a group can be listed on Linux only")
    root = copied("repository", tmp_path)
    ledger = (root / "proofs" / "ledger.json").read_bytes()
    (root / "spec" / "info.hfs").write_text((root / "spec" / "info.hfs").read_text("utf-8") + "\n", "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "hfverify.cli", "verify", "-j", jobs],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "to decide" in line:
            break
    time.sleep(1)
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.lstrip("\n") == "interrupted: nothing was written; what was proved before stays in the cache\n"
    assert (root / "proofs" / "ledger.json").read_bytes() == ledger
    deadline = time.monotonic() + 5
    while children(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children(process.pid) == []


# ---------------------------------------------------------------- cache


def database(shell: Shell) -> Path:
    return shell.root / ".hfverify" / "cache.sqlite"


def test_the_cache_is_used_and_only_for_what_did_not_change(shell: Shell) -> None:
    first, _ = decided(shell, jobs=1)
    again, _ = decided(shell, jobs=1)
    assert not any(v.cached for v in first)
    assert all(v.cached for v in again)
    assert [v.obligation for v in first] == [v.obligation for v in again]
    source = shell.root / "impl" / "counter.py"
    source.write_text(source.read_text("utf-8").replace("return 1\n    with", "return 2\n    with"), "utf-8")
    changed, _ = decided(shell, jobs=1)
    assert unproved(changed) == {"reset.too_large.precedence": Status.REFUTED}


def test_who_takes_a_change_back_finds_what_was_proved_before_it(shell: Shell) -> None:
    decided(shell, jobs=1)
    source = shell.root / "impl" / "counter.py"
    text = source.read_text("utf-8")
    for version in range(VERSIONS):
        source.write_text(text + f"\nVERSION = {version}\n", "utf-8")
        assert not all(v.cached for v in decided(shell, jobs=1)[0])
    assert all(v.cached for v in decided(shell, jobs=1)[0])
    source.write_text(text + "\nVERSION = 1\n", "utf-8")
    assert all(v.cached for v in decided(shell, jobs=1)[0])
    source.write_text(text, "utf-8")
    assert {v.obligation.group for v in decided(shell, jobs=1)[0] if not v.cached} != set()


def test_what_is_found_stays(shell: Shell) -> None:
    source = shell.root / "impl" / "counter.py"
    text = source.read_text("utf-8")
    decided(shell, jobs=1)
    for version in range(VERSIONS + 1):
        source.write_text(text + f"\nVERSION = {version}\n", "utf-8")
        assert not all(v.cached for v in decided(shell, jobs=1)[0])
        source.write_text(text, "utf-8")
        assert all(v.cached for v in decided(shell, jobs=1)[0])


def test_what_took_longest_is_begun_first(shell: Shell) -> None:
    orders: list[list[str]] = []
    steps: dict[str, int] = {}
    for version in range(2):
        source = shell.root / "spec" / "counter.hfs"
        source.write_text(source.read_text("utf-8") + f"// {version}\n", "utf-8")
        orders.append([])

        def finished(name: str, verdicts: list[Verdict], order: list[str] = orders[-1]) -> None:
            if not all(v.cached for v in verdicts):
                order.append(name)
                steps[name] = sum(v.steps for v in verdicts)

        Session(load_config(shell.root), Scope(True, STEPS), 1).run(
            (), fresh=False, warn=print, started=lambda *_: None, finished=finished
        )
    again = orders[1]
    assert len(again) > 1
    assert [steps[name] for name in again] == sorted((steps[name] for name in again), reverse=True)
    assert again != [name for name in orders[0] if name in again]


def test_an_assumption_matters_to_calls_that_do_not_import_it(shell: Shell) -> None:
    extra = shell.root / "spec" / "extra.hfs"
    extra.write_text('module extra\nassume few: counters < 9 because "of the table"\n', "utf-8")
    assert unproved(decided(shell, jobs=1)[0]) == {}
    extra.write_text('module extra\nassume none_at_all: counters == 0 because "of nothing"\n', "utf-8")
    assert unproved(decided(shell, ("up.full.reachable",), jobs=1)[0]) == {"up.full.reachable": Status.VACUOUS}


def test_a_check_leaves_what_was_verified_in_the_cache(shell: Shell) -> None:
    decided(shell, jobs=1)
    assert shell.hfverify("check", "-q")[0] == 0
    assert all(v.cached for v in decided(shell, jobs=1)[0])


@pytest.mark.parametrize(
    "content", [b"", b"not a database, but long enough to be one" * 100, b"SQLite format 3\0" + bytes(200)]
)
def test_a_damaged_cache_is_set_aside(shell: Shell, content: bytes) -> None:
    decided(shell, jobs=1)
    database(shell).write_bytes(content)
    verdicts, warnings = decided(shell, jobs=1)
    assert unproved(verdicts) == {}
    assert not any(v.cached for v in verdicts)
    assert [w for w in warnings if "cannot be used" in w] == warnings
    assert len(warnings) == (1 if content else 0)
    assert all(v.cached for v in decided(shell, jobs=1)[0])


@pytest.mark.parametrize(("column", "value"), [("verdicts", "[]"), ("verdicts", "{"), ("inputs", "[1]"), ("sum", "")])
def test_a_row_that_somebody_changed_is_not_believed(shell: Shell, column: str, value: str) -> None:
    decided(shell, jobs=1)
    connection = sqlite3.connect(database(shell))
    connection.execute(f"update units_4 set {column} = ? where name = 'up'", (value,))
    connection.commit()
    connection.close()
    verdicts, warnings = decided(shell, jobs=1)
    assert {v.obligation.group for v in verdicts if not v.cached} == {"up"}
    assert sum(v.obligation.group == "up" for v in verdicts) > 20
    assert ["damaged" in warning for warning in warnings] == [True]


def test_a_cache_that_is_in_use_is_left_alone(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(shell, jobs=1)
    before = database(shell).read_bytes()
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: real(path, timeout=0.1))
    other = real(database(shell))
    other.execute("begin exclusive")
    verdicts, warnings = decided(shell, jobs=1)
    other.close()
    assert unproved(verdicts) == {}
    assert len(warnings) == 1
    assert database(shell).read_bytes() == before


def test_what_is_open_is_not_remembered(shell: Shell) -> None:
    code, _ = shell.hfverify("verify", "-q", "-j", "1", "--steps", "1")
    assert code == 4
    rows = sqlite3.connect(database(shell)).execute("select name from units_4").fetchall()
    assert "spec" not in [name for (name,) in rows]


def test_a_folder_that_cannot_be_written_costs_a_warning(shell: Shell) -> None:
    (shell.root / ".hfverify").write_text("a file where the folder should be", "utf-8")
    source = shell.root / "impl" / "counter.py"
    source.write_text(source.read_text("utf-8").replace("return 1\n    with", "return 2\n    with"), "utf-8")
    code, text = shell.hfverify("verify", "-q", "-j", "1")
    assert code == 1
    assert text.count("warning:") == 2
    assert "the cache" in text
    assert "the counterexamples" in text
    assert "REFUTED  reset.too_large.precedence" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_costs_a_warning(shell: Shell) -> None:
    (shell.root / ".hfverify").mkdir(mode=0o555)
    code, text = shell.hfverify("verify", "-q", "-j", "1")
    assert code == 0
    assert text.count("warning:") == 1


# ---------------------------------------------------------------- the same again


def machine_readable(root: Path, seed: str, jobs: str) -> list[dict[str, object]]:
    """The JSON lines of a run in a process of its own, without what may differ."""
    done = subprocess.run(
        [sys.executable, "-m", "hfverify.cli", "verify", "--fresh", "-q", "-j", jobs, "--format", "jsonl"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        line.get("totals", line).pop("seconds")
    return lines


def test_two_runs_say_the_same(shell: Shell) -> None:
    first, second = (machine_readable(shell.root, seed, "1") for seed in ("1", "2"))
    assert first == second
    *obligations, last = first
    assert list(last) == ["totals"]
    assert last["totals"]["exit"] == 0  # type: ignore[index]
    assert last["totals"]["obligations"] == len(obligations)  # type: ignore[index]
    needed = {"obligation", "status", "kind", "spec", "impl", "steps"}
    assert all(needed <= line.keys() for line in obligations)


def test_how_many_work_makes_no_difference(shell: Shell) -> None:
    def said(jobs: str) -> list[object]:
        return [(line.get("obligation"), line.get("status")) for line in machine_readable(shell.root, "0", jobs)]

    assert said("1") == said("3")
