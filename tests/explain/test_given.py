"""Situations by name, run on the real code and judged by the concrete reading of the specification."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hfverify.explain import Given
from hfverify.report import regression
from variants import MUTANTS, apply, load

ROOT = Path(__file__).parents[2]
SIZES = {"vm_count": 3, "cpu_count": 2}


def given(call: str, actor: str = "vcpu[1, 0]", here: int = 1) -> Given:
    """VM 1 runs on physical CPU 1; the primary VM has a virtual CPU for each physical one."""
    made = Given(call, actor=actor, here=here, sizes=SIZES, folder=ROOT)
    for vm, count in enumerate((2, 1, 1)):
        made.set(f"vm[{vm}].vcpu_count", count)
    made.machine.clock.frequency = 1_000_000_000
    made.vcpu(1, 0).state = "RUNNING"
    made.vcpu(1, 0).cpu = here
    made.vcpu(0, 0).cpu = 0
    made.vcpu(0, 1).cpu = 1
    made.vcpu(0, 0).state = made.vcpu(0, 1).state = "READY"
    return made


def test_a_call_that_keeps_its_promises_breaks_nothing() -> None:
    made = given("mailbox_clear")
    made.vm(1).mailbox.state = "READ"
    made.vm(1).mailbox.recv.mapped = True
    made.vm(1).mailbox.waiters = [2, 0]
    outcome = made.run()
    assert outcome.case == "cleared_by_secondary"
    assert outcome.result == 0
    assert outcome.next == "vcpu[0, 1]"
    assert outcome.broken == [], outcome.difference()


def test_queues_keep_their_order() -> None:
    made = given("mailbox_waiter_get", actor="vcpu[0, 1]")
    made.argument(vm_id=1)
    made.vm(1).mailbox.recv.mapped = True
    made.vm(1).mailbox.waiters = [2, 0]
    outcome = made.run()
    assert outcome.result == 2
    assert outcome.case == "told"
    assert outcome.broken == [], outcome.difference()
    cells = {row.cell: row.actual for row in outcome.report.rows}
    assert cells["vm[1].mailbox.waiters"] == [0]
    assert cells["vm[2].mailbox.ready"] == [1]


def test_another_cpu_may_act_before_a_lock_is_taken() -> None:
    made = given("mailbox_send")
    made.argument(vm_id=2, size=1, notify=False)
    made.vm(1).mailbox.send.mapped = True
    made.vm(2).mailbox.recv.mapped = True
    made.before_lock(1, "vm[2].mailbox.state", "RECEIVED")
    outcome = made.run()
    assert outcome.case == "busy"
    assert outcome.result == -1
    assert outcome.broken == [], outcome.difference()


def test_a_message_is_what_the_page_held_when_it_was_read() -> None:
    made = given("mailbox_send")
    made.argument(vm_id=0, size=2, notify=False)
    made.vm(1).mailbox.send.mapped = True
    made.vm(0).mailbox.recv.mapped = True
    made.reads("vm[1].mailbox.send.data", "abcdef")
    outcome = made.run()
    assert outcome.case == "delivered_to_primary"
    assert outcome.broken == [], outcome.difference()
    assert {row.cell: row.actual for row in outcome.report.rows}["vm[0].mailbox.recv.data"] == "abcd"


@pytest.mark.parametrize(
    ("cell", "value"), [("vm[1].mailbox.nothing", 1), ("vm.1", 1), ("vm[1].mailbox.state", "FULL"), ("nobody[1].x", 1)]
)
def test_names_and_values_that_do_not_exist_are_refused(cell: str, value: object) -> None:
    with pytest.raises(ValueError, match="."):
        given("mailbox_clear").set(cell, value)


def test_a_caller_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Given("mailbox_clear", actor="vcpu[7, 0]", sizes=SIZES, folder=ROOT).run()


def test_a_counterexample_becomes_a_test_that_fails_on_the_wrong_code_and_passes_on_the_right_one(
    tmp_path: Path,
) -> None:
    variant = next(v for v in load(MUTANTS) if v.name == "clear_forgets_state")
    for name in ("spec", "proofs"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "pyproject.toml").write_text('[tool.hfverify]\nrevision = "R4"\n', "utf-8")
    apply(variant, ROOT / "impl", tmp_path / "impl")

    def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hfverify.cli", *arguments]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)

    assert tool("verify", "--quiet", variant.refutes).returncode == 1
    explained = tool("explain", variant.refutes)
    assert explained.returncode == 1
    assert "promised" in explained.stdout
    written = tool("replay", variant.refutes, "--pytest", "test_found.py")
    assert written.returncode == 1, written.stderr
    assert "still refuted" in written.stdout

    def test_passes() -> bool:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_found.py"]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, env=environment).returncode == 0

    assert not test_passes()
    data: dict[str, Any] = json.loads(
        (tmp_path / ".hfverify" / "counterexamples" / f"{variant.refutes}.json").read_text()
    )
    (tmp_path / "other.py").write_text("x = 1\n")
    with pytest.raises(FileExistsError):
        regression.write(data, "R4", tmp_path / "other.py")
    shutil.copytree(ROOT / "impl", tmp_path / "impl", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    assert test_passes()
    again = tool("replay", variant.refutes)
    assert again.returncode == 0
    assert "not refuted any more" in again.stdout
