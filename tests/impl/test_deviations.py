"""Each deviation: what goes wrong when the function is as in the C code, and does not go wrong here."""

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType

import pytest
from checks import OrderedLock, guard_table, order_locks
from record import build_header, hvc, record
from world import MINUS_ONE, World, base, look, put

from conftest import ROOT
from hafnium.abi import PAGE_SIZE, Call, decode_run_return
from hafnium.boot import BootError, cpu_order
from hafnium.conformance import Declared, Difference, Rule, Verdict, judge, load_declared
from hafnium.demo import build_guests
from hafnium.interrupts import set_pending
from hafnium.memory import is_exclusive
from hafnium.page_table import REGION, STAGE1_LIMIT
from hafnium.physical import read_memory, write_memory
from hafnium.replay import build_replay, read_state
from hafnium.spinlock import SpinLock
from hafnium.state import VcpuState
from hafnium.timer import ENABLE, Timer, remaining_ns_at
from hafnium.trace import Scenario, decode_header, decode_step

FAITHFUL = ROOT / "tests" / "mutants" / "faithful"
DOCUMENT = ROOT / "docs" / "deviations.md"


@contextmanager
def as_in_c(name: str) -> Iterator[None]:
    """Let the functions of one module be as in the C code."""
    path = FAITHFUL / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    mutant = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutant)
    target = importlib.import_module(mutant.MODULE)
    added = [key for key in vars(mutant) if key not in vars(target)]
    vars(target).update({key: vars(mutant)[key] for key in added})
    replaced: list[tuple[FunctionType, object]] = []
    for function in [item for item in vars(mutant).values() if getattr(item, "__module__", "") == name]:
        original = getattr(target, function.__name__)
        replaced.append((original, original.__code__))
        original.__code__ = function.__code__
    assert replaced, "nothing replaced"
    try:
        yield
    finally:
        for original, code in replaced:
            original.__code__ = code  # type: ignore[assignment]
        for key in added:
            delattr(target, key)


class InjectFirst(SpinLock):
    """Another physical CPU injects just before this lock is taken for the first time."""

    def __init__(self, inject: Callable[[], object]) -> None:
        super().__init__()
        self.inject: Callable[[], object] | None = inject

    def acquire(self) -> None:
        inject, self.inject = self.inject, None
        if inject is not None:
            inject()
        super().acquire()


def blocks_with_interrupt() -> bool:
    world = World()
    world.run(1)
    vcpu = world.current()
    world.call(Call.INTERRUPT_ENABLE, 5, 1)
    vcpu.lock = InjectFirst(lambda: set_pending(vcpu, 5))
    world.call(Call.MAILBOX_RECEIVE, 1)
    return vcpu.state is VcpuState.BLOCKED_MAILBOX


def injects_out_of_order() -> bool:
    world = World((1, 2))
    world.run(1, 1)
    world.call(Call.INTERRUPT_ENABLE, 5, 1)
    world.preempt()
    world.run(1, 0)
    order_locks(world.machine)
    try:
        world.call(Call.INTERRUPT_INJECT, 1, 1, 5)
    except AssertionError:
        OrderedLock.held.stack.clear()
        return True
    return False


def changes_stage1_unlocked() -> bool:
    world = World()
    levels = guard_table(world.machine.stage1)
    assert world.configure() == 0
    return any(level.violated for level in levels)


def failed_share_loses_memory() -> bool:
    """The sender and the hypervisor have tables for the page, the receiver has none."""
    world = World(pool=1)
    page = 3 << 30
    put(world.machine.vms[0].ptable, page, 7)
    put(world.machine.stage1, page + PAGE_SIZE, 3)
    write_memory(world.machine, page, b"data")
    assert world.call(Call.SHARE_MEMORY, 1 << 32, page, PAGE_SIZE) == MINUS_ONE
    assert [look(vm.ptable, page) for vm in world.machine.vms] == [0x07, 0x70, 0x70]
    return read_memory(world.machine, page, 4) != b"data"


def own_mapping_is_lost() -> bool:
    world = World()
    page, stage1 = base(0), world.machine.stage1
    put(stage1, page, 3)
    world.call(Call.SHARE_MEMORY, 1 << 32, page, PAGE_SIZE)
    return look(stage1, page) != 3


def failed_configure_costs_pages() -> bool:
    world = World(pool=3)
    put(world.machine.vms[0].ptable, 3 << 30, 7, REGION)
    assert world.call(Call.VM_CONFIGURE, 3 << 30, base(0)) == MINUS_ONE
    assert look(world.machine.vms[0].ptable, 3 << 30, REGION) == 7
    return world.machine.pool.free != 3


def configures_what_is_not_mapped() -> bool:
    world = World()
    page = STAGE1_LIMIT * PAGE_SIZE
    put(world.machine.vms[0].ptable, page, 7)
    return world.call(Call.VM_CONFIGURE, page, base(0)) == 0


def line_is_decided_unlocked() -> bool:
    world = World()
    looks: list[int] = []
    world.current().lock = InjectFirst(lambda: looks.append(1))
    world.call(Call.VM_GET_ID)
    return not looks


def console_has_two_owners() -> bool:
    machine = build_guests(1, [[], []]).machine
    modes = [look(vm.ptable, 0x0900_0000) for vm in machine.vms]
    return sum(mode is not None and is_exclusive(mode) for mode in modes) > 1


def far_timer_is_near() -> bool:
    frequency = 62_500_000
    return remaining_ns_at(Timer(ENABLE, 300 * frequency), 0, frequency) != 300 * 10**9


class Ticking:
    """A clock that goes on whenever it is looked at."""

    frequency = 10**9
    now = 0

    @property
    def count(self) -> int:
        self.now += 1
        return self.now


def waits_for_no_time() -> bool:
    world = World()
    vcpu = world.machine.vms[1].vcpus[0]
    vcpu.state = VcpuState.BLOCKED_INTERRUPT
    vcpu.regs.timer = Timer(ENABLE, 2)
    world.machine.clock = Ticking()  # type: ignore[assignment]
    ret = decode_run_return(world.run(1))
    return world.current().vm.id == 0 and ret.ns == 0


def cpu_is_lost() -> bool:
    try:
        return 2 not in cpu_order((1, 2), 9)
    except BootError:
        return False


DEVIATIONS = {
    "receive_reads_count_without_lock": blocks_with_interrupt,
    "inject_holds_both_vcpu_locks": injects_out_of_order,
    "configure_without_stage1_lock": changes_stage1_unlocked,
    "share_zeroes_before_it_can_succeed": failed_share_loses_memory,
    "hypervisor_memory_is_borrowed": own_mapping_is_lost,
    "failed_configure_keeps_pages": failed_configure_costs_pages,
    "memory_above_the_limit_is_borrowed": configures_what_is_not_mapped,
    "interrupt_line_without_lock": line_is_decided_unlocked,
    "console_belongs_to_every_vm": console_has_two_owners,
    "sleep_time_wraps": far_timer_is_near,
    "blocked_reads_clock_twice": waits_for_no_time,
    "boot_cpu_takes_a_place": cpu_is_lost,
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_it_goes_wrong_in_c_and_not_here(name: str) -> None:
    assert not DEVIATIONS[name]()
    with as_in_c(name):
        assert DEVIATIONS[name]()
    assert not DEVIATIONS[name]()


def test_a_call_can_fail_in_c_because_an_earlier_one_failed() -> None:
    """Such a scenario goes another way here, and is declared to be out of the model."""
    header = build_header("later", "a call that fails, and one that needs its pages", [1, 1], 1)
    blocks = [{"vm": 0, "begin": hex(begin), "pages": 512 * 512, "mode": 7} for begin in (3 << 30, 5 << 30)]
    header |= {"regions": header["regions"] + blocks, "pool_limited": True}
    header["init"]["pool"] = 3
    header["init"] = read_state(build_replay(decode_header(header)))
    page = base(0) + 2 * PAGE_SIZE
    steps = [hvc(0, Call.VM_CONFIGURE, 3 << 30, 5 << 30), hvc(0, Call.SHARE_MEMORY, 1 << 32, page, PAGE_SIZE)]
    with as_in_c("failed_configure_keeps_pages"):
        _, first, second = record(header, steps)
    assert (first["ret"], first["d"]["pool"], second["ret"]) == (hex(MINUS_ONE), 1, hex(MINUS_ONE))
    decoded = decode_header(header)
    recorded = tuple(decode_step(line, place, decoded) for place, line in enumerate((first, second)))
    scenario = Scenario(Path("later.jsonl"), decoded, recorded)
    assert judge(scenario, Declared((), ())).verdict is Verdict.DIFFERS
    declared = Declared((Rule("later", "pool", 6),), load_declared().out_of_model)
    result = judge(scenario, declared)
    assert result.verdict is Verdict.OUT_OF_MODEL
    assert result.first == Difference(1, "ret", hex(MINUS_ONE), "0x0")


def test_every_variant_is_listed_and_told() -> None:
    files = {path.stem for path in FAITHFUL.glob("*.py")}
    assert files == set(DEVIATIONS)
    text = DOCUMENT.read_text(encoding="utf-8")
    numbers = re.findall(r"^## (\d+)\. ", text, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(files) + 1)]
    for path in files:
        source = Path(FAITHFUL / f"{path}.py").read_text(encoding="utf-8")
        number = re.search(r'^"""Deviation (\d+):', source)
        assert number is not None
        section = text.split(f"## {number[1]}. ")[1].split("\n## ")[0]
        assert f"`tests/mutants/faithful/{path}.py`" in section
