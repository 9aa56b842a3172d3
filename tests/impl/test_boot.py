"""From a description to a machine."""

from dataclasses import replace

import pytest
from checks import check_table, page_tables, pages_in_all, table_pages
from world import look

from hafnium.abi import MAX_CPUS, MAX_VMS, PAGE_SIZE, PRIMARY_VM_ID
from hafnium.boot import (
    PRIMARY_PAGES,
    ROOT_TABLE_PAGES,
    BootError,
    Description,
    Secondary,
    Section,
    boot,
    cpu_find,
    cpu_order,
    vm_init,
)
from hafnium.page_table import ABSENT, STAGE1_LIMIT, STAGE2_LIMIT
from hafnium.state import Machine, VcpuState
from hafnium.switch import cpu_start
from hafnium.timer import ENABLE, Timer
from hafnium.vcpu import cpu_off, cpu_on, vcpu_on

CONSOLE = 0x0900_0000
STAGE2_END = STAGE2_LIMIT * PAGE_SIZE
IMAGE = (Section(0x10_0000, 0x20_0000, 5),)
VM1 = Secondary(2, 0x4000_0000, 0x4010_0000)
PLAIN = Description((8, 9, 7), 9, 200, CONSOLE, IMAGE, (VM1, Secondary(1, 0x5000_0000, 0x5000_1000)))


def mode(machine: Machine, vm: int, page: int) -> int | None:
    return look(machine.vms[vm].ptable, page)


def test_memory_and_vcpus_after_boot() -> None:
    machine = boot(PLAIN)
    assert [vm.id for vm in machine.vms] == [0, 1, 2]
    assert [len(vm.vcpus) for vm in machine.vms] == [MAX_CPUS, 2, 1]
    assert [len(vm.wait_entries) for vm in machine.vms] == [MAX_VMS] * 3
    assert [mode(machine, vm, 0x4000_0000) for vm in range(3)] == [ABSENT, 7, ABSENT]
    assert [mode(machine, vm, 0x6000_0000) for vm in range(3)] == [7, ABSENT, ABSENT]
    assert mode(machine, 0, 0x10_0000) == ABSENT
    assert mode(machine, 0, (PRIMARY_PAGES - 1) * PAGE_SIZE) == 7
    assert mode(machine, 0, PRIMARY_PAGES * PAGE_SIZE) == ABSENT
    assert [mode(machine, vm, CONSOLE) for vm in range(3)] == [0x63] * 3
    assert look(machine.stage1, CONSOLE) == 0x0B
    states = [vcpu.state for vm in machine.vms for vcpu in vm.vcpus]
    assert [index for index, state in enumerate(states) if state is VcpuState.READY] == [0, 8, 10]
    assert machine.vms[1].vcpus[0].regs.pc == 0x4000_0000
    boot_cpu = machine.cpus[0]
    assert boot_cpu.current is machine.vms[PRIMARY_VM_ID].vcpus[0]


def test_the_boot_cpu_comes_first_and_the_others_from_the_end() -> None:
    machine = boot(PLAIN)
    assert [cpu.id for cpu in machine.cpus] == [9, 7, 8]
    assert cpu_find(machine, 7) is machine.cpus[1]
    assert cpu_find(machine, 1) is None
    assert cpu_order((3, 4, 5, 6), 5) == [5, 6, 4, 3]


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ((), "the boot CPU must be listed once"),
        ((1, 2), "the boot CPU must be listed once"),
        ((9, 9), "the boot CPU must be listed once"),
        (tuple(range(1, 10)), "more than 8 physical CPUs"),
    ],
)
def test_cpu_ids_that_are_refused(ids: tuple[int, ...], told: str) -> None:
    with pytest.raises(BootError, match=told):
        boot(replace(PLAIN, cpu_ids=ids))


def test_every_page_of_the_pool_is_in_a_table_or_free() -> None:
    machine = boot(replace(PLAIN, pool=29))
    roots = sum(vm.ptable.limit // ROOT_TABLE_PAGES for vm in machine.vms)
    assert machine.pool.free == 0
    assert pages_in_all(machine) + roots == 29
    for table in page_tables(machine):
        check_table(table)


def test_tables_in_which_nothing_is_left_are_given_back() -> None:
    """Two blocks of the primary VM: each loses a half, and then both lose the other one at once."""
    half, begin = 256 * PAGE_SIZE, 0x4000_0000
    parts = [Secondary(1, begin + first * half, begin + last * half) for first, last in ((0, 1), (3, 4), (1, 3))]
    tables = [table_pages(boot(replace(PLAIN, secondaries=tuple(parts[:n]))).vms[0].ptable) for n in range(4)]
    assert tables == [3, 5, 6, 4]


@pytest.mark.parametrize("pool", range(29))
def test_too_few_pages_to_boot(pool: int) -> None:
    with pytest.raises(BootError, match="not enough page-table pages"):
        boot(replace(PLAIN, pool=pool))


def secondaries(count: int, vcpus: int = 1) -> tuple[Secondary, ...]:
    begins = [0x4000_0000 + number * PAGE_SIZE for number in range(count)]
    return tuple(Secondary(vcpus, begin, begin + PAGE_SIZE) for begin in begins)


def test_too_many_vms() -> None:
    machine = boot(replace(PLAIN, pool=999, secondaries=secondaries(MAX_VMS - 1)))
    assert len(machine.vms) == MAX_VMS
    assert vm_init(machine, 1) is None
    with pytest.raises(ValueError, match="17 VMs, but there is room for 16"):
        boot(replace(PLAIN, pool=999, secondaries=secondaries(MAX_VMS)))


@pytest.mark.parametrize("vcpus", [-1, MAX_CPUS + 1, 1 << 32])
def test_too_many_virtual_cpus(vcpus: int) -> None:
    assert len(boot(replace(PLAIN, secondaries=secondaries(2, MAX_CPUS))).vms[2].vcpus) == MAX_CPUS
    with pytest.raises(ValueError, match=f"VM 2 has {vcpus} virtual CPUs, but there is room for 8"):
        boot(replace(PLAIN, secondaries=(VM1, Secondary(vcpus, 0x5000_0000, 0x5000_1000))))


def with_memory(begin: int, end: int) -> Description:
    return replace(PLAIN, secondaries=(VM1, Secondary(1, begin, end)))


@pytest.mark.parametrize(
    ("description", "told"),
    [
        (
            with_memory(0x400F_F000, 0x4020_0000),
            "the memory of VM 2 begins at 0x400ff000, within the memory of VM 1, which ends at 0x40100000",
        ),
        (
            with_memory(0x3000_0000, 0x5000_0000),
            "the memory of VM 1 begins at 0x40000000, within the memory of VM 2, which ends at 0x50000000",
        ),
        (with_memory(0x4000_0000, 0x4010_0000), "the memory of VM 2 begins at 0x40000000, within the memory of VM 1"),
        (with_memory(0x1F_F000, 0x21_0000), "the memory of VM 2 begins at 0x1ff000, within section 0 of the image"),
        (with_memory(0x0800_0000, 0x0900_1000), "the console begins at 0x9000000, within the memory of VM 2"),
        (replace(PLAIN, console=0x10_0000), "section 0 of the image begins at 0x100000, within the console"),
        (replace(PLAIN, image=IMAGE * 2), "section 1 of the image begins at 0x100000, within section 0 of the image"),
    ],
)
def test_memory_with_two_owners(description: Description, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        boot(description)


@pytest.mark.parametrize(
    ("description", "told"),
    [
        (with_memory(0x5000_0001, 0x5000_1000), "the memory of VM 2, 0x50000001 to 0x50001000, is not made of pages"),
        (with_memory(0x5000_0000, 0x5000_0FFF), "the memory of VM 2, 0x50000000 to 0x50000fff, is not made of pages"),
        (with_memory(0x5000_0000, 0x5000_0000), "the memory of VM 2, 0x50000000 to 0x50000000, is not made of pages"),
        (with_memory(0x5000_1000, 0x5000_0000), "the memory of VM 2, 0x50001000 to 0x50000000, is not made of pages"),
        (with_memory(-PAGE_SIZE, PAGE_SIZE), "the memory of VM 2, -0x1000 to 0x1000, is not made of pages"),
        (with_memory(STAGE2_END - PAGE_SIZE, STAGE2_END + PAGE_SIZE), "is not made of pages below 0x20000000000"),
        (
            replace(PLAIN, console=STAGE1_LIMIT * PAGE_SIZE),
            "the console, 0x8000000000 to 0x8000001000, is not made of pages below",
        ),
        (replace(PLAIN, image=(Section(0x800, 0x1800, 5),)), "section 0 of the image, 0x800 to 0x1800, is not made of"),
    ],
)
def test_memory_that_page_tables_do_not_have(description: Description, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        boot(description)


def test_memory_at_the_limit_of_the_table() -> None:
    last = STAGE2_END - PAGE_SIZE
    machine = boot(with_memory(last, STAGE2_END))
    assert [mode(machine, vm, last) for vm in range(3)] == [ABSENT, ABSENT, 7]


def test_only_vcpus_that_exist_start() -> None:
    machine = boot(PLAIN)
    vcpu_on(machine.vms[2], 1, 0x1000, 0)
    vcpu_on(machine.vms[1], 1, 0x2000, 4)
    vcpu_on(machine.vms[1], 1, 0x3000, 5)
    assert machine.vms[1].vcpus[1].state is VcpuState.READY
    assert machine.vms[1].vcpus[1].regs.r0 == 4


def test_registers_after_a_cpu_was_off() -> None:
    machine = boot(PLAIN)
    cpu = machine.cpus[0]
    cpu.timer = Timer(ENABLE, 5)
    cpu.virtual_interrupt = True
    machine.vms[PRIMARY_VM_ID].vcpus[0].regs.timer = Timer(ENABLE, 9)
    cpu_off(machine.vms[PRIMARY_VM_ID].vcpus[0])
    assert not cpu_on(machine, cpu, 0x1000, 7)
    vcpu = cpu_start(machine, cpu)
    assert (cpu.timer, cpu.virtual_interrupt, cpu.current) == (Timer(), False, vcpu)
    assert (vcpu.regs.pc, vcpu.regs.r0) == (0x1000, 7)
