"""The real subject: with a solver that gives up, and with constructs outside the subset, right and wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# In each function a part, the same in words that the proof does not follow, and with a fault in them.
CONSTRUCTS = {
    "interrupt_enable": (
        "interrupts.py",
        "    mask = 1 << intid % 32\n",
        "    mask = [1 << bit for bit in range(32)][intid % 32]\n",
        "    mask = [1 << bit for bit in range(32)][intid % 31]\n",
    ),
    "interrupt_get": (
        "interrupts.py",
        "            ready = interrupts.enabled[word] & interrupts.pending[word]\n",
        "            both = interrupts.enabled[word] & interrupts.pending[word]\n"
        "            ready = sum(1 << bit for bit in range(32) if both & 1 << bit)\n",
        "            both = interrupts.enabled[word] & interrupts.pending[word]\n"
        "            ready = sum(1 << bit for bit in range(31) if both & 1 << bit)\n",
    ),
    "regs_state_saved": (
        "vcpu.py",
        "        outgoing.regs_available = True\n",
        '        setattr(outgoing, "regs_available", True)\n',
        '        setattr(outgoing, "regs_available", outgoing.vm.id != 0)\n',
    ),
    "vcpu_get_count": (
        "info.py",
        "    return len(vm.vcpus)\n",
        "    return sum(1 for _ in vm.vcpus)\n",
        "    return sum(1 for vcpu in vm.vcpus if vcpu.index != 1)\n",
    ),
    "mailbox_writable_get": (
        "mailbox.py",
        "        return entry.awaited\n",
        "        return {0: entry.awaited}[0]\n",
        "        return {0: entry.awaited, 1: -1}[int(entry.awaited == 0)]\n",
    ),
}


@pytest.fixture
def subject(tmp_path: Path) -> Path:
    for name in ("spec", "impl", "proofs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "ledger.json"))
    (tmp_path / "pyproject.toml").write_text("[tool.hfverify]\n")
    return tmp_path


def statuses(folder: Path, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    command = [sys.executable, "-m", "hfverify.cli", "verify", "-j", "1", "--format", "jsonl"]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=500, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {line["obligation"]: line for line in lines if "obligation" in line}


def written(folder: Path, *, wrong: bool) -> None:
    for file, plain, right, fault in CONSTRUCTS.values():
        path = folder / "impl" / "hafnium" / file
        text = path.read_text("utf-8")
        assert plain in text
        path.write_text(text.replace(plain, fault if wrong else right, 1), "utf-8")


def all_tested(found: dict[str, dict[str, Any]]) -> None:
    open_ = {name: line["reason"] for name, line in found.items() if line["status"] not in ("PROVED", "TESTED")}
    assert not open_
    for line in found.values():
        if line["status"] == "TESTED":
            assert line["evidence"]["examples"] > 0
            assert line["evidence"]["ways"]
            assert all(count > 0 for _, count in line["evidence"]["ways"])


# A table with maps, a call that never returns, queues, registers, a packed value, a list.
GIVEN_UP = ("page_table_prune", "abort", "mailbox_writable_get", "RunReturn", "lists.list_remove")


def test_where_the_solver_gives_up_everything_is_tested(subject: Path) -> None:
    code, found = statuses(subject, "--steps", "1", *GIVEN_UP)
    assert code == 4
    all_tested(found)
    assert sum(line["status"] == "TESTED" for line in found.values()) > 50
    assert found["abort.lock.shape"]["evidence"]["schedules"] > 0


def test_constructs_outside_the_subset_are_tested(subject: Path) -> None:
    written(subject, wrong=False)
    code, found = statuses(subject, *CONSTRUCTS)
    assert code == 4
    all_tested(found)
    refused = {name.split(".")[0] for name, line in found.items() if name.endswith(".supported")}
    assert refused == set(CONSTRUCTS)


def test_faults_in_constructs_outside_the_subset_are_found(subject: Path) -> None:
    written(subject, wrong=True)
    code, found = statuses(subject, *CONSTRUCTS)
    assert code == 1
    assert {name.split(".")[0] for name, line in found.items() if line["status"] == "REFUTED"} == set(CONSTRUCTS)
