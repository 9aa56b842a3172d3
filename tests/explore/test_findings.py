"""Wrong variants go wrong under some schedule, and the schedule can be saved, edited and run again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest
from situated import JOBS, ROOT, subject, variant

from hfverify.explore.collide import Collider, Wanted
from hfverify.explore.files import Unreadable, load
from hfverify.explore.isolated import News, explore
from hfverify.explore.locking import nesting, partners
from hfverify.explore.search import Plan
from hfverify.report.schedule import draw

# A wrong variant, the calls that show it, and what is found, by kind or by obligation.
WRONG = {
    "inject_holds_both_vcpu_locks": (("interrupt_inject", "interrupt_inject"), "deadlock"),
    "receive_reads_count_without_lock": (("mailbox_receive", "interrupt_inject"), "race"),
    "inject_without_lock": (("interrupt_inject", "interrupt_enable"), "race"),
    "run_without_waiting_for_registers": (("vcpu_run", "regs_state_saved"), "vcpu_run."),
    "interrupt_line_without_lock": (("go_on", "interrupt_inject"), "race"),
    "receive_takes_vcpu_lock_twice": (("mailbox_receive", "vcpu_yield"), "deadlock"),
    "regs_saved_then_written": (("regs_state_saved", "vcpu_run"), "race"),
}


def search(impl: Path, calls: tuple[str, ...], plan: Plan | None = None) -> list[News]:
    """A module is imported once: each implementation needs a process of its own."""
    config, program = subject(ROOT)
    return list(explore(replace(config.folders, impl=impl), program.revision, list(calls), plan or Plan()))


def test_partners_are_the_nearest_calls() -> None:
    _, program = subject(JOBS)
    assert [partners(program, name) for name in ("submit", "finish")] == [
        ["submit", "take", "finish"],
        ["finish", "submit", "take"],
    ]
    assert partners(program, "finish", "worker.last") == ["finish", "submit", "take"]
    assert partners(program, "submit", "worker.last") == ["submit", "finish", "take"]
    assert partners(program, "pause") == ["pause"]


@pytest.mark.parametrize("name", WRONG)
def test_wrong_variants_are_found(name: str, tmp_path: Path) -> None:
    calls, wanted = WRONG[name]
    *news, last = search(variant(name, tmp_path), calls)
    found = [item.data for item in news if item.kind == "finding"]
    told = [data["kind"] for data in found] + [p["obligation"] for data in found for p in data["problems"]]
    assert any(item.startswith(wanted) for item in told), told
    assert (last.kind, last.tally.complete) == ("done", True)


def test_calls_that_take_the_same_locks_together() -> None:
    _, program = subject(ROOT)
    assert nesting(program, "vcpu_run", {"vm.lock", "vcpu.lock"}) == [
        "mailbox_clear",
        "mailbox_receive",
        "mailbox_send",
    ]
    assert nesting(program, "vm_configure", {"pool.lock", "vm.lock"}) == []
    assert nesting(program, "vm_configure", {"pool.lock"}) == []


def test_a_process_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: SpawnProcess) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(SpawnProcess, "start", start)
    config, program = subject(ROOT)
    collider = Collider(config.folders, program)
    found = collider.find(Wanted("vcpu_run", "lock.held"))
    collider.close()
    assert (found.data, found.tried) == ({}, ["vcpu_run"])
    assert found.failed == "no process can be started for the search: [Errno 11] no more processes"


def hfverify(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-c", "from hfverify.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_deadlock_is_drawn_saved_and_run_again(tmp_path: Path) -> None:
    calls, _ = WRONG["inject_holds_both_vcpu_locks"]
    impl = variant("inject_holds_both_vcpu_locks", tmp_path)
    found = [news.data for news in search(impl, calls) if news.kind == "finding"]
    data = next(data for data in found if data["kind"] == "deadlock")
    lines = draw(data, 100)
    assert lines[0] == " deadlock after 4 steps, 3 switches   schedule 0·0·1·1"
    assert [line.strip().split("  ")[0] for line in lines if "WAITS" in line] == ["5", "6"]
    assert re.search(r"CPU 0 holds (vcpu\[1, .\].lock) and waits for (.*); CPU 1 holds \2 and waits for \1$", lines[-1])
    assert all(len(line) <= 100 for line in lines[:-1])
    # What does not matter is not said.
    needed = ("state", "cpu", "vcpu_count")
    said = [name for name in data["begins"][0]["cells"] if name.rsplit(".", 1)[-1] not in needed]
    assert said == ["machine.clock.frequency", "vcpu[1, 0].interrupts.enabled", "vcpu[1, 1].interrupts.enabled"]
    path = tmp_path / "a.schedule"
    path.write_text(json.dumps(data))
    target = tmp_path / "test_it.py"
    code, text = hfverify("replay", str(path), "--impl", str(impl), "--pytest", str(target))
    assert (code, text.splitlines()[0], text.splitlines()[-1]) == (1, f"wrote {target}", lines[-1])
    check = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir=."]
    good = subprocess.run([*check, str(target)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert good.returncode == 0, good.stdout
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    for folder in ("spec", "proofs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    bad = subprocess.run([*check, str(target)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert bad.returncode == 1
    assert "deadlock after 4 steps" in bad.stdout
    code, text = hfverify("replay", str(path))
    assert (code, text) == (2, "error: the schedule ends after 4 steps, but CPU 0 can go on\n")
    path.write_text(json.dumps({**data, "schedule": [0, 0, 0, 1, 1, 1]}))
    code, text = hfverify("replay", str(path), "--impl", str(impl))
    assert code == 1
    assert "is taken while" in text
    assert "deadlock" not in text


def test_a_refuted_lock_obligation_is_shown_by_two_cpus(tmp_path: Path) -> None:
    impl = variant("inject_holds_both_vcpu_locks", tmp_path)
    name = "interrupt_inject.lock.order"
    code, text = hfverify("verify", name, "-j", "1", "-q", "--impl", str(impl))
    assert code == 1
    told = re.search(r"collides +deadlock of two CPUs that make interrupt_inject and \w+, saved as (\S+)", text)
    assert told is not None, text
    assert f"hfverify replay {told[1]}" in text
    code, text = hfverify("replay", told[1], "--impl", str(impl))
    assert (code, "deadlock after" in text) == (1, True)
    code, text = hfverify("verify", name, "-j", "1", "-q", "--impl", str(impl), "--no-fallback")
    assert (code, "collides" in text) == (1, False)
    code, text = hfverify("explain", "interrupt_inject.lock.order", "--impl", str(impl))
    assert code == 1
    assert "two CPUs collide\n deadlock after 4 steps" in text
    code, text = hfverify("explain", "interrupt_inject.lock.order")
    assert code == 0
    assert "collide" not in text


def test_the_command(tmp_path: Path) -> None:
    code, text = hfverify("explore", "vcpu_yield", "preempt")
    assert code == 0
    assert re.search(r"nothing went wrong: \d+ situations, \d+ schedules, \d+ steps, every schedule", text)
    assert "This is no proof" in text
    code, text = hfverify("explore", "vcpu_yeld")
    assert (code, text) == (2, "error: no call is named `vcpu_yeld`; did you mean `vcpu_yield`?\n")
    impl = variant("inject_holds_both_vcpu_locks", tmp_path)
    code, text = hfverify(
        "explore", "interrupt_inject", "--impl", str(impl), "--strategy", "random", "--schedules", "20"
    )
    assert code == 1
    assert "deadlock" in text
    assert "not every schedule" in text


DAMAGED: dict[str, tuple[dict[str, Any] | str, str]] = {
    "no JSON": ("{", "is no schedule of this specification"),
    "nothing in it": ({}, "it has no `begins`"),
    "an unknown call": ({"begins": [], "calls": ["no_such_call"], "schedule": [], "keys": []}, "no_such_call"),
    "an unknown cell": (
        {"begins": [{"call": "vcpu_run", "cells": {"vm[0].colour": 1}}], "calls": ["vcpu_run"], "schedule": []},
        "there is no cell `vm\\[0\\].colour`",
    ),
    "a CPU that is not there": (
        {"begins": [{"call": "vcpu_run"}], "calls": ["vcpu_run"], "schedule": [1], "keys": []},
        "none of its 1 CPUs",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    _, program = subject(ROOT)
    content, told = DAMAGED[name]
    path = tmp_path / "a.schedule"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(Unreadable, match=told):
        load(program, path)


def ended(folder: Path, old: str, new: str, seconds: float) -> str:
    """How a search ends in code that does something unheard of."""
    config, program = subject(ROOT)
    impl = folder / "impl"
    shutil.copytree(config.folders.impl, impl)
    path = impl / "hafnium" / "vcpu.py"
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")
    folders = replace(config.folders, impl=impl)
    *_, last = explore(folders, program.revision, ["vcpu_yield", "preempt"], Plan(), seconds)
    return last.reason


YIELDS = "    if current.vm.id == PRIMARY_VM_ID:\n        return 0, None\n    return 0, switch_to_primary("


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("while True:\n        pass", "may loop"),
        ("import os\n    os._exit(7)", r"died \(exit 7\)"),
        ("import time\n    time.sleep(0.001)", ""),
        (
            "import sys\n    sys.turns = getattr(sys, 'turns', 0) + 1\n"
            "    with current.lock if sys.turns % 2 else machine.pool.lock:\n        pass",
            "again",
        ),
    ],
)
def test_unheard_of_code(code: str, told: str, tmp_path: Path) -> None:
    reason = ended(tmp_path, YIELDS, f"    {code}\n{YIELDS}", 8)
    assert re.search(told, reason), reason
    assert bool(reason) is bool(told)
