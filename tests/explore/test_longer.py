"""Collisions that take more than one call on each of two CPUs, and arguments that there are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from situated import ROOT, subject, variant

from hfverify.explain.scenario import Scenario, from_json, to_json
from hfverify.explore.isolated import explore
from hfverify.explore.likeness import Likeness, likeness
from hfverify.explore.locking import enablers, writers
from hfverify.explore.reasons import why_not
from hfverify.explore.search import Plan

RUN = Likeness(0, (0, 0), (), (("vm_id", 1), ("vcpu_index", 0)), ((("vcpu.state", (1, 0)), 3),))
ON = Likeness(0, (0, 0), (("cpu", (1,)),), (), (), ("vcpu.regs.pc", (0, 1)))
RECEIVE = Likeness(0, (1, 0), (), (("block", False),), (), ("vm.mailbox.recv_from_id", (1,)))
# A wrong variant, the calls, those that may follow, where the first one begins, and what is found.
LONGER = {
    "run_locks_swapped": (
        ("vcpu_run", "vcpu_run"),
        Plan(begins="runs_elsewhere", together="locks", like=RUN, sequels=("mailbox_receive",), situations=6),
        "deadlock",
    ),
    "on_ready_first": (
        ("cpu_on", "cpu_off"),
        Plan(begins="turned_on", together="objects", like=ON, sequels=("vcpu_yield",), situations=3),
        "race",
    ),
    "receive_result_read_after_unlock": (
        ("mailbox_receive", "mailbox_clear", "mailbox_send"),
        Plan(begins="received", like=RECEIVE, situations=3),
        "race",
    ),
}


def found(calls: tuple[str, ...], plan: Plan, impl: Path | None) -> set[str]:
    config, program = subject(ROOT)
    folders = config.folders if impl is None else replace(config.folders, impl=impl)
    *news, last = explore(folders, program.revision, list(calls), replace(plan, schedules=60))
    assert last.kind == "done", last.reason
    return {item.data["kind"] for item in news if item.kind == "finding"}


@pytest.mark.parametrize("name", LONGER)
def test_longer_collisions_are_found(name: str, tmp_path: Path) -> None:
    calls, plan, kind = LONGER[name]
    assert kind in found(calls, replace(plan, until=(kind,)), variant(name, tmp_path))


@pytest.mark.parametrize("name", LONGER)
def test_nothing_is_found_in_what_is_right(name: str) -> None:
    calls, plan, _ = LONGER[name]
    assert found(calls, plan, None) == set()


def test_who_brings_about_what_another_call_needs() -> None:
    _, program = subject(ROOT)
    assert writers(program, "mailbox.recv_from_id") == ["mailbox_send"]
    assert enablers(program, "mailbox_clear", "vm.lock") == [
        "mailbox_send", "mailbox_clear", "mailbox_receive", "mailbox_waiter_get", "vcpu_run", "vm_configure",
    ]  # fmt: skip


def test_a_call_that_follows_is_saved() -> None:
    _, program = subject(ROOT)
    first = Scenario("vcpu_run", {"vm_count": 2, "cpu_count": 2}, 1, (0, 1), then=[Scenario("mailbox_clear", {}, 1)])
    assert from_json(program, to_json(program, first)) == first


SEND = {"vm_id": 1, "size": 0, "notify": False}
LOCKS = (("vm.lock", (1,)), ("vcpu.lock", (0, 0)))


def test_what_a_counterexample_is_like() -> None:
    step = {("vm.mailbox.state", (1,)): 1, ("vm.mailbox.recv.data", (1,)): b"x"}
    again = {("vm.mailbox.state", (1,)): 2}
    known = Scenario("mailbox_send", {"vm_count": 2}, 0, (0, 0), arguments={"notify": True}, schedule=[step, again])
    found = likeness(known, None)
    assert found.cells == ((("vm.mailbox.state", (1,)), 1),)
    assert (found.arguments, found.actor) == ((("notify", True),), (0, 0))


REASONS: dict[str, tuple[str, str, Likeness, str]] = {
    "nobody wants both": (
        "mailbox_send", "busy",
        likeness(Scenario("mailbox_send", {"vm_count": 2}, 0, (0, 0), {}, {**SEND}), None, LOCKS),
        "no other call wants the same vm.lock and vcpu.lock as mailbox_send, "
        "so that no two CPUs can wait for each other",
    ),
    "somebody wants both": (
        "vcpu_run", "goes_on",
        likeness(
            Scenario("vcpu_run", {"vm_count": 2}, 0, (0, 0), {}, {"vm_id": 1, "vcpu_index": 0}), None,
            (("vm.lock", (1,)), ("vcpu.lock", (1, 0))),
        ),
        "",
    ),
    "another lock is common": (
        "vm_configure", "configured",
        likeness(
            Scenario("vm_configure", {"vm_count": 2}, 0, (0, 0), {}, {"send": 4096, "recv": 8192}),
            ("memory.pages", (2,)),
        ),
        "every other call that takes this memory.lock also takes another lock that vm_configure holds",
    ),
    "others break what it relies on": (
        "vcpu_run", "goes_on",
        likeness(
            Scenario(
                "vcpu_run", {"vm_count": 2}, 0, (1, 0), cells={("vcpu.regs_available", (1, 0)): False},
                schedule=[{("vcpu.regs_available", (1, 0)): True}],
            ),
            None,
        ),
        "in the counterexample other CPUs break `taken` of vcpu[1, 0], on which its CPU relies: they never do",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_reasons_are_derived(name: str) -> None:
    _, program = subject(ROOT)
    call, outcome, like, told = REASONS[name]
    assert why_not(program, call, outcome, like) == told
