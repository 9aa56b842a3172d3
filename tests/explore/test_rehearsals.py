"""Guests on several CPUs: what is owed at rest is found, replayed, and never found where nothing is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rehearsing import GUESTS, LOST, MISSING, ONE, QUICK, SHIFT, kinds, rehearsed
from situated import JOBS, ROOT, subject, variant

from hfverify.explore.files import Unreadable
from hfverify.explore.replaying import Misfit
from hfverify.explore.search import Plan
from hfverify.explore.wakeups import again, load_saved
from hfverify.report.schedule import draw
from variants import Change, Variant, apply

SHIPPED = sorted(path.stem for path in GUESTS.glob("*.py") if path.stem != "company")


# ---------------------------------------------------------------- nothing is lost


@pytest.mark.parametrize("name", SHIPPED)
def test_the_implementation_loses_nothing(name: str) -> None:
    found, tally = rehearsed(name, QUICK)
    assert (found, tally.complete) == ([], True)
    found, tally = rehearsed(name, Plan(strategy="random", schedules=6, seed=1))
    assert (found, tally.complete) == ([], False)
    assert 3 <= tally.schedules <= 6


@pytest.mark.parametrize("name", ["deaf", "errand", "inbox", "night_watch", "servant"])
def test_one_preemption_loses_nothing(name: str) -> None:
    found, tally = rehearsed(name, ONE)
    assert (found, tally.complete) == ([], True)
    assert tally.schedules > 20


def test_three_cpus_lose_nothing() -> None:
    found, _ = rehearsed("waiting_line", QUICK, cpus=3)
    assert found == []


def test_the_second_subject_loses_nothing() -> None:
    found, tally = rehearsed(SHIFT, Plan(), root=JOBS)
    assert (found, tally.complete) == ([], True)


# ---------------------------------------------------------------- what is lost is found

# A wrong variant that loses an event, guests that show it, and what is found.
LOSES = {
    "clear_asks_wrong_list": ("waiting_line", LOST),
    "clear_forgets_state": ("letters", MISSING),
    "clear_primary_not_told": ("inbox", LOST),
    "clear_returns_before_update": ("waiting_line", MISSING),
    "clear_splits_section": ("tidy", MISSING),
    "codec_wake_up_without_code": ("bells", LOST),
    "configure_tells_nobody": ("latecomer", LOST),
    "disable_clears_pending": ("deaf", MISSING),
    "enable_wrong_word": ("deaf", MISSING),
    "encode_message_without_code": ("letters", LOST),
    "go_on_with_sets_the_left_one": ("servant", LOST),
    "go_on_with_wrong_line": ("servant", LOST),
    "inject_lost": ("bells", MISSING),
    "inject_never_tells": ("waiting_line", LOST),
    "inject_primary_gets_nothing": ("waiting_line", LOST),
    "inject_wakes_the_wrong": ("bells", LOST),
    "list_append_does_nothing": ("waiting_line", MISSING),
    "list_empty_inverted": ("latecomer", MISSING),
    "list_empty_never": ("latecomer", MISSING),
    "list_first_is_head": ("waiting_line", LOST),
    "r3_taken_back": ("waiting_line", MISSING),
    "receive_leaves_ready": ("letters", LOST),
    "restore_forgets_timer": ("late_riser", MISSING),
    "run_ignores_interrupts": ("waiting_line", LOST),
    "run_message_not_told": ("letters", MISSING),
    "run_timer_not_injected": ("alarms", MISSING),
    "save_forgets_line": ("night_watch", MISSING),
    "send_checks_and_copies_in_two_sections": ("late_riser", MISSING),
    "send_loses_waiter": ("waiting_line", MISSING),
    "send_primary_gets_received": ("inbox", MISSING),
    "send_registers_when_only_full": ("latecomer", MISSING),
    "send_releases_before_switch": ("errand", LOST),
    "send_reports_sender": ("letters", LOST),
    "send_secondary_goes_on": ("letters", LOST),
    "waiter_get_loses_waiter": ("waiting_line", MISSING),
}


@pytest.mark.parametrize("name", LOSES)
def test_lost_events_are_found(name: str, tmp_path: Path) -> None:
    guests, kind = LOSES[name]
    found, tally = rehearsed(guests, ONE, variant(name, tmp_path))
    assert kinds(found) == [kind]
    assert not tally.complete
    assert "no CPU has anything to do" in found[0]["problems"][0]["text"]


# Two CPUs use the registers of a virtual CPU at the same time: the one that leaves it, and one that does this.
TOGETHER = {
    "r2_taken_back": ("letters", "hafnium/mailbox.py"),
    "run_without_waiting_for_registers": ("errand", "hafnium/timer.py"),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_registers_that_are_not_saved_yet_are_found_in_use(name: str, tmp_path: Path) -> None:
    guests, file = TOGETHER[name]
    found, _ = rehearsed(guests, ONE, variant(name, tmp_path))
    assert kinds(found) == ["broken"]
    told = [problem["text"] for problem in found[0]["problems"]]
    assert "but another CPU may own it" in told[0]
    block, elsewhere = r"vcpu\[2, 0\]\.regs\.\S+", rf"by CPU 1 \({file}:\d+\)"
    race = re.compile(rf"nothing keeps {block} written by CPU 0 \(.*\) and \w+ {elsewhere} apart")
    assert any(map(race.fullmatch, told)), told


def test_a_variant_that_cannot_be_loaded_has_no_schedule(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="'next' in __slots__ conflicts with class variable"):
        rehearsed("letters", QUICK, variant("list_next_is_property", tmp_path))


@pytest.mark.parametrize(
    ("name", "guests"), [("receive_ignores_interrupts", "crowd"), ("run_sleeps_for_ever", "patience")]
)
def test_lost_events_are_found_at_random(name: str, guests: str, tmp_path: Path) -> None:
    found, tally = rehearsed(guests, Plan(strategy="random", schedules=60, seed=1), variant(name, tmp_path))
    assert kinds(found) == [LOST]
    assert tally.schedules < 60


# What only an interruption shows: no rule about locks is broken.
UNLUCKY = {
    "the waiters are looked at in an earlier section than the one that empties the mailbox": (
        "hafnium/mailbox.py",
        """
    with vm.lock:
        match vm.mailbox.state:
            case MailboxState.EMPTY:
""",
        """
    with vm.lock:
        nobody = list_empty(vm.mailbox.waiter_list)
    with vm.lock:
        if vm.mailbox.state == MailboxState.READ and nobody:
            vm.mailbox.state = MailboxState.EMPTY
            return 0, None
        match vm.mailbox.state:
            case MailboxState.EMPTY:
""",
        "letters",
        LOST,
    ),
    "a full mailbox is seen in an earlier section than the one that puts the sender on its list": (
        "hafnium/mailbox.py",
        """
    with to.lock:
        mailbox = to.mailbox
        if mailbox.state != MailboxState.EMPTY or mailbox.recv is None:
""",
        """
    with to.lock:
        full = to.mailbox.state != MailboxState.EMPTY or to.mailbox.recv is None
    with to.lock:
        mailbox = to.mailbox
        if full:
""",
        "waiting_line",
        LOST,
    ),
    "the state of the target is seen before its lock is taken again: one that falls asleep is told nothing": (
        "hafnium/interrupts.py",
        """
    first = set_pending(target, intid)
    if not first:
""",
        """
    with target.lock:
        runs = target.state == VcpuState.RUNNING
    first = set_pending(target, intid)
    if not first or runs:
""",
        "bells",
        LOST,
    ),
}


@pytest.fixture(scope="module")
def unlucky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An implementation with the first of these mistakes."""
    return changed(next(iter(UNLUCKY)), tmp_path_factory.mktemp("unlucky"))


def changed(name: str, folder: Path) -> Path:
    file, old, new, *_ = UNLUCKY[name]
    apply(Variant("unlucky", name, "", (Change(file, old, new),)), subject(ROOT)[0].folders.impl, folder / "impl")
    return folder / "impl"


@pytest.mark.parametrize("name", UNLUCKY)
def test_what_an_interruption_loses_is_found(name: str, tmp_path: Path) -> None:
    *_, guests, kind = UNLUCKY[name]
    found, tally = rehearsed(guests, ONE, changed(name, tmp_path))
    assert kinds(found) == [kind], [draw(data, 120) for data in found]
    assert tally.schedules > 1


def test_random_priorities_find_it_too(unlucky: Path) -> None:
    found, _ = rehearsed("letters", Plan(strategy="random", schedules=300, seed=2), unlucky)
    assert kinds(found) == [LOST]


@pytest.mark.parametrize(
    ("name", "guests", "kind", "plan"),
    [
        ("inject_holds_both_vcpu_locks", "duel", "deadlock", Plan(strategy="random", schedules=200, seed=1)),
        ("regs_saved_keeps_registers", "letters", "stuck", QUICK),
        ("clear_without_lock", "letters", "broken", QUICK),
        ("waiter_get_keeps_waiter", "waiting_line", "endless", QUICK),
    ],
)
def test_other_mistakes_are_found_too(name: str, guests: str, kind: str, plan: Plan, tmp_path: Path) -> None:
    found, _ = rehearsed(guests, plan, variant(name, tmp_path))
    assert kind in kinds(found)


def test_a_call_that_raises_is_no_fault_of_the_guests(tmp_path: Path) -> None:
    found, _ = rehearsed("letters", QUICK, variant("run_timer_not_masked", tmp_path))
    assert found == []
    found, _ = rehearsed("waiting_line", QUICK, variant("fetch_without_none_check", tmp_path / "other"))
    assert kinds(found)[0] == "broken"
    assert "raises" in found[0]["problems"][0]["obligation"]


# ---------------------------------------------------------------- files


@pytest.fixture(scope="module")
def lost(unlucky: Path) -> dict[str, Any]:
    found, _ = rehearsed("letters", ONE, unlucky)
    return found[0]


def hfverify(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hfverify.cli", *arguments]
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_schedule_replays_exactly(lost: dict[str, Any], unlucky: Path, tmp_path: Path) -> None:
    file = tmp_path / "lost.schedule"
    file.write_text(json.dumps(lost))
    again_there = hfverify("replay", str(file), "--impl", str(unlucky))
    assert again_there.returncode == 1, again_there.stderr
    assert [line.rstrip() for line in draw(lost, 100)] == [line.rstrip() for line in again_there.stdout.splitlines()]
    test = tmp_path / "test_lost.py"
    here = hfverify("replay", str(file), "--pytest", str(test))
    assert here.returncode in (0, 2)
    assert "WithGuests(" in test.read_text()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout


def test_a_schedule_that_does_not_fit_says_so(lost: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "edited.schedule"
    _, program = subject(ROOT)
    impl = str(subject(ROOT)[0].folders.impl.resolve())
    for schedule, error, text in (
        ([0, 7], Unreadable, "numbers that are none of its 2 CPUs"),
        ([0, 0], Misfit, "the schedule ends after 2 steps"),
    ):
        file.write_text(json.dumps({**lost, "schedule": schedule}))
        with pytest.raises(error, match=text):
            again(program, load_saved(file), impl)
    del lost["guests"]["cpus"]
    file.write_text(json.dumps(lost))
    with pytest.raises(Unreadable, match="it has no `cpus`"):
        load_saved(file)
