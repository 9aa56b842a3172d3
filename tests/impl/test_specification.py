"""What the specification says of every state holds of machines that have booted, and of machines that run."""

from random import Random

import pytest
from driver import Driver
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_state import broken, program, store_of

from hafnium.abi import PAGE_SIZE
from hafnium.boot import BootError, Description, Secondary, Section, boot, vm_init
from hafnium.page_table import TABLE
from hafnium.state import Cpu, Machine, VcpuState
from hafnium.switch import cpu_start
from hafnium.vcpu import cpu_off, cpu_on
from hfverify.explain.concrete import Env, Evaluator, default
from hfverify.explain.maps import Map
from hfverify.model.types import MapType

# Cells that are not there in every object: buffers and memory are all zero, which other tests show.
LEFT_OUT = {"vm.mailbox.recv.data", "vm.mailbox.send.data", "machine.contents"}
HALF_BLOCK = 256 * PAGE_SIZE


def test_new_objects_have_the_initial_values_of_the_specification() -> None:
    """No constructor looks at anything but positions, so one object of each kind stands for all."""
    machine = Machine(cpus=[Cpu(0)])
    machine.pool.free = 100
    assert vm_init(machine, 2) is not None and vm_init(machine, 1) is not None
    item, store = program(), store_of(machine)
    evaluator = Evaluator(item)
    found = {name for name, _ in store.cells}
    assert found | LEFT_OUT == {cell.name for cell in item.cells()}
    for (name, keys), value in store.cells.items():
        state, _, path = name.partition(".")
        cell = item.states[state].cells[path]
        if cell.is_constant or state in ("machine", "pool"):
            continue
        wanted = default(cell)
        if cell.initial is not None:
            number = evaluator.evaluate(cell.initial, Env(store))
            wanted = Map((0,), (number,)) if isinstance(cell.type, MapType) and isinstance(number, int) else number
        assert value == wanted, (name, keys)


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    """Machines of any shape whose memory has one owner; some have too few pages in the pool."""
    ids = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8, unique=True))
    places = draw(st.lists(st.integers(1, 4000), min_size=2, max_size=12, unique=True).map(sorted))
    pages = draw(st.integers(1, 256))
    ranges = [(place * HALF_BLOCK, place * HALF_BLOCK + pages * PAGE_SIZE) for place in places]
    image = tuple(Section(*pair, 5) for pair in ranges[1:3])
    vms = tuple(Secondary(draw(st.integers(0, 8)), *pair) for pair in ranges[3:])
    return Description(tuple(ids), draw(st.sampled_from(ids)), draw(st.integers(20, 400)), ranges[0][0], image, vms)


@given(description=descriptions(), starts=st.lists(st.integers(0, 7), max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_boot_leaves_behind(description: Description, starts: list[int]) -> None:
    try:
        machine = boot(description)
    except BootError:
        return
    assert broken(machine) == []
    for index in starts:
        cpu = machine.cpus[index % len(machine.cpus)]
        if cpu_on(machine, cpu, 1 << 63, 5):
            continue
        assert broken(machine, tables=False, running=False) == []
        cpu_start(machine, cpu)
        assert broken(machine, tables=False) == []
    cpu_off(machine.vms[0].vcpus[0])
    assert broken(machine) == []


def test_random_runs() -> None:
    for seed in range(3):
        random = Random(seed)
        driver = Driver((3, 2, 2, 1), 3, 40)
        driver.configure_all()
        for step in range(600):
            driver.random_step(random)
            apart = any(window is not None for window in driver.windows)
            assert broken(driver.machine, tables=step % 50 == 0, running=not apart) == []


def booted() -> Machine:
    return boot(Description((0, 1), 0, 100, 0, (), (Secondary(2, 1 << 30, 1 << 31),)))


def primary_moves(machine: Machine) -> None:
    machine.vms[0].vcpus[0].cpu = machine.cpus[1]


def interrupt_is_not_counted(machine: Machine) -> None:
    machine.vms[1].vcpus[1].interrupts.enabled[1] = machine.vms[1].vcpus[1].interrupts.pending[1] = 8


def pages_are_owed(machine: Machine) -> None:
    machine.pool.free = -1


def page_differs_from_its_block(machine: Machine) -> None:
    machine.vms[1].ptable.pages.fill(5 * 512, 5 * 512 + 1, 1)


def block_of_a_region_is_a_table(machine: Machine) -> None:
    machine.vms[1].ptable.blocks.fill(1 << 17, 1 + (1 << 17), TABLE)


def secondary_runs_with_saved_registers(machine: Machine) -> None:
    machine.vms[1].vcpus[0].state = VcpuState.RUNNING


WRONG = {
    primary_moves: ["home_is_here on CPU 0", "on_this_cpu of vcpu[0, 0]"],
    interrupt_is_not_counted: ["interrupts_counted of vcpu[1, 1]"],
    pages_are_owed: ["pages_left of pool"],
    page_differs_from_its_block: ["blocks_agree of memory[1]"],
    block_of_a_region_is_a_table: ["regions_agree of memory[1]"],
    secondary_runs_with_saved_registers: ["running_means_taken of vcpu[1, 0]"],
}


@pytest.mark.parametrize("change", WRONG)
def test_what_is_wrong_is_seen(change) -> None:  # type: ignore[no-untyped-def]
    machine = booted()
    assert broken(machine) == []
    change(machine)
    assert broken(machine) == WRONG[change]
