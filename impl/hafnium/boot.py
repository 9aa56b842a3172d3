"""From a description of the machine to the state in which the first instruction of the primary VM runs.

Source: reference R4, sections 3.5, 4, 8.5 and 9.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hafnium.abi import MAX_CPUS, MAX_VMS, PAGE_SIZE
from hafnium.boot_memory import map_console, map_memory, take_memory
from hafnium.memory import ALL_ACCESS
from hafnium.page_table import MODE_D, MODE_R, MODE_W, STAGE1_LIMIT, STAGE2_LIMIT
from hafnium.state import Cpu, Machine, Vcpu, Vm, WaitEntry
from hafnium.switch import cpu_start
from hafnium.vcpu import cpu_on, vcpu_on

# One page of a root table has entries for so many pages.
ROOT_TABLE_PAGES = 1 << 27
PRIMARY_PAGES = 1 << 28


class BootError(ValueError):
    """A description that no machine can be built from."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the hypervisor's own image: `[begin, end)`, with its stage-1 mode."""

    begin: int
    end: int
    mode: int


@dataclass(frozen=True, slots=True)
class Secondary:
    """A secondary VM: how many virtual CPUs, and the memory that is its own, `[begin, end)`."""

    vcpus: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Description:
    """A machine: physical CPUs by their ids (64 bits each), memory, VMs.

    `pool` is the number of page-table pages; `console` is the page with the registers of the console.
    """

    cpu_ids: tuple[int, ...]
    boot_cpu: int
    pool: int
    console: int
    image: tuple[Section, ...]
    secondaries: tuple[Secondary, ...]


def check_secondaries(secondaries: Sequence[Secondary]) -> None:
    """Refuse VMs that the tables have no room for.

    Raises:
        BootError: there are too many VMs, or one has too many virtual CPUs.
    """
    if len(secondaries) >= MAX_VMS:
        raise BootError(f"{1 + len(secondaries)} VMs, but there is room for {MAX_VMS}")
    for vm_id, secondary in enumerate(secondaries, 1):
        if not 0 <= secondary.vcpus <= MAX_CPUS:
            raise BootError(f"VM {vm_id} has {secondary.vcpus} virtual CPUs, but there is room for {MAX_CPUS}")


def check_memory(description: Description) -> None:
    """Refuse memory that has two owners, or that the page tables do not have.

    Raises:
        BootError: a range is not made of pages below the limit of its table, or two ranges overlap.
    """
    console = description.console
    claims = [("the console", console, console + PAGE_SIZE, STAGE1_LIMIT * PAGE_SIZE)]
    for number, section in enumerate(description.image):
        claims.append((f"section {number} of the image", section.begin, section.end, STAGE1_LIMIT * PAGE_SIZE))
    for vm_id, secondary in enumerate(description.secondaries, 1):
        claims.append((f"the memory of VM {vm_id}", secondary.begin, secondary.end, STAGE2_LIMIT * PAGE_SIZE))
    for what, begin, end, limit in claims:
        if begin % PAGE_SIZE != 0 or end % PAGE_SIZE != 0 or not 0 <= begin < end <= limit:
            raise BootError(f"{what}, {begin:#x} to {end:#x}, is not made of pages below {limit:#x}")
    claims.sort(key=lambda claim: claim[1])
    for (first, _, first_end, _), (second, second_begin, _, _) in pairwise(claims):
        if second_begin < first_end:
            raise BootError(f"{second} begins at {second_begin:#x}, within {first}, which ends at {first_end:#x}")


def cpu_order(ids: Sequence[int], boot_cpu: int) -> list[int]:
    """Return the ids in the order of the table: the boot CPU first, the others from the end.

    Raises:
        BootError: the boot CPU is not there exactly once, or there are too many.
    """
    others = [cpu_id for cpu_id in ids if cpu_id != boot_cpu]
    if len(ids) - len(others) != 1:
        raise BootError("the boot CPU must be listed once")
    if len(ids) > MAX_CPUS:
        raise BootError(f"more than {MAX_CPUS} physical CPUs")
    return [boot_cpu, *reversed(others)]


def vm_init(machine: Machine, vcpu_count: int) -> Vm | None:
    """Add a VM with its virtual CPUs, all off, and no memory; None if the table or the pool is used up."""
    if len(machine.vms) >= MAX_VMS:
        return None
    vm = Vm(len(machine.vms))
    root = vm.ptable.limit // ROOT_TABLE_PAGES
    if machine.pool.free < root:
        return None
    machine.pool.free -= root
    vm.vcpus = [Vcpu(vm, index) for index in range(vcpu_count)]
    vm.wait_entries = [WaitEntry(vm, awaited) for awaited in range(MAX_VMS)]
    machine.vms.append(vm)
    return vm


def afford(done: bool) -> None:
    """Go on if a step could be done.

    Raises:
        BootError: there are not enough page-table pages.
    """
    if not done:
        raise BootError("not enough page-table pages")


def boot(description: Description) -> Machine:
    """Build a machine that runs the first virtual CPU of the primary VM on the boot CPU.

    Raises:
        BootError: the description is not that of a machine.
    """
    order = cpu_order(description.cpu_ids, description.boot_cpu)
    check_secondaries(description.secondaries)
    check_memory(description)
    machine = Machine(cpus=[Cpu(index, id=cpu_id) for index, cpu_id in enumerate(order)])
    machine.pool.free = description.pool
    console = description.console // PAGE_SIZE
    image = [(section.begin // PAGE_SIZE, section.end // PAGE_SIZE, section.mode) for section in description.image]
    afford(map_memory(machine, machine.stage1, console, console + 1, MODE_R | MODE_W | MODE_D))
    for first, last, mode in image:
        afford(map_memory(machine, machine.stage1, first, last, mode))
    primary = vm_init(machine, MAX_CPUS)
    if primary is None:
        raise BootError("not enough page-table pages for the primary VM")
    afford(map_memory(machine, primary.ptable, 0, PRIMARY_PAGES, ALL_ACCESS))
    afford(map_console(machine, primary, console))
    for first, last, _ in image:
        afford(take_memory(machine, primary.ptable, first, last))
    for secondary in description.secondaries:
        vm = vm_init(machine, secondary.vcpus)
        if vm is None:
            raise BootError("not enough page-table pages for another VM")
        first, last = secondary.begin // PAGE_SIZE, secondary.end // PAGE_SIZE
        afford(map_console(machine, vm, console))
        afford(take_memory(machine, primary.ptable, first, last))
        afford(map_memory(machine, vm.ptable, first, last, ALL_ACCESS))
        vcpu_on(vm, 0, secondary.begin, 0)
    cpu_on(machine, machine.cpus[0], 0, 0)
    cpu_start(machine, machine.cpus[0])
    return machine


def cpu_find(machine: Machine, cpu_id: int) -> Cpu | None:
    """Return the first physical CPU with this id (64 bits), or None."""
    for cpu in machine.cpus:
        if cpu.id == cpu_id:
            return cpu
    return None
