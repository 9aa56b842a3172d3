"""Do what a recorded scenario did, and read the state in the words of the recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from hafnium.abi import PAGE_SIZE
from hafnium.dispatch import hypercall
from hafnium.lists import ListEntry
from hafnium.memory import handle_page_fault
from hafnium.page_table import MODE_D, MODE_R, MODE_W, page_table_get, page_table_map
from hafnium.physical import ZERO_PAGE, memory_page, write_memory
from hafnium.pool import Pool
from hafnium.spinlock import Spinning, TakingTurns
from hafnium.state import Cpu, Machine, Page, Vcpu, VcpuState, Vm, WaitEntry, create_machine
from hafnium.switch import switch_context
from hafnium.timer import ENABLE, MASK, Timer
from hafnium.trace import Header, Step
from hafnium.vcpu import abort, preempt, vcpu_yield, wait_for_interrupt

HYPERVISOR_MODE = MODE_R | MODE_W
ZERO_DIGEST = sha256(ZERO_PAGE).hexdigest()[:16]


class StepError(Exception):
    """A step that the state does not allow, such as one of a physical CPU that is between two vCPUs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step."""

    returned: int | None = None
    next: Vcpu | None = None
    spins: bool = False
    resumed: bool = False


@dataclass(slots=True)
class Replay:
    """A machine that is where a scenario is. `windows` has, for each physical CPU, whom it switches to.

    The clock stands still: a timer's compare value is the time that it has left. What the recorded
    hypervisor had mapped for itself is the page at address 0.
    """

    header: Header
    machine: Machine
    windows: list[Vcpu | None]
    digests: dict[Page, tuple[bytes, str]] = field(default_factory=dict)


def build_replay(header: Header) -> Replay:
    """Build the machine that a scenario starts with."""
    machine = create_machine(header.cpus, [vm.vcpus for vm in header.vms])
    machine.waiting = TakingTurns()
    for vm, setup in zip(machine.vms, header.vms, strict=True):
        for vcpu in vm.vcpus:
            vcpu.state = VcpuState.READY if vcpu.index in setup.on else VcpuState.OFF
    pool = Pool(free=1 << 32)
    for region in header.regions:
        first = region.begin // PAGE_SIZE
        page_table_map(machine.vms[region.vm].ptable, first, first + region.pages, region.mode & ~MODE_D, pool)
    page_table_map(machine.stage1, 0, 1, HYPERVISOR_MODE, pool)
    machine.pool.free = header.init["pool"]
    return Replay(header, machine, [None] * header.cpus)


def do_step(replay: Replay, step: Step) -> Outcome:
    """Do one step.

    Raises:
        StepError: the state does not allow it.
    """
    machine = replay.machine
    match step.op:
        case "fill":
            pattern = bytes((step.seed + 7 * i + 13 * (i // 256)) % 256 for i in range(step.size))
            write_memory(machine, step.address, pattern)
        case "timer":
            timer = timer_of(machine, machine.vms[step.vm].vcpus[step.vcpu])
            enable, mask = step.timer
            timer.control = (ENABLE if enable else 0) | (MASK if mask else 0)
            timer.compare = step.ns
        case "advance":
            for vm in machine.vms:
                for vcpu in vm.vcpus:
                    timer = timer_of(machine, vcpu)
                    timer.compare = max(0, timer.compare - step.ns)
        case "regs_saved":
            return end_window(replay, machine.cpus[step.cpu])
        case _:
            return do_cpu_step(replay, step)
    return Outcome()


def end_window(replay: Replay, cpu: Cpu) -> Outcome:
    """Save the registers of the virtual CPU that is left and go on with the next one."""
    incoming = replay.windows[cpu.index]
    if incoming is None or cpu.current is None:
        raise StepError(f"physical CPU {cpu.index} is not between two vCPUs")
    switch_context(cpu, cpu.current, incoming)
    replay.windows[cpu.index] = None
    return Outcome()


def do_cpu_step(replay: Replay, step: Step) -> Outcome:
    """Let one physical CPU enter the hypervisor."""
    cpu = replay.machine.cpus[step.cpu]
    current = cpu.current
    if current is None or replay.windows[step.cpu] is not None:
        raise StepError(f"physical CPU {step.cpu} is between two vCPUs")
    if current.vm.id == 0 and step.op in ("preempt", "wfi", "wfe"):
        raise StepError(f"{step.op} does not enter the hypervisor from the primary VM")
    try:
        outcome = enter(replay.machine, current, step)
    except Spinning:
        return Outcome(spins=True)
    replay.windows[step.cpu] = outcome.next
    return outcome


def enter(machine: Machine, current: Vcpu, step: Step) -> Outcome:
    """Enter the hypervisor from `current`."""
    match step.op:
        case "hvc":
            returned, next_vcpu = hypercall(machine, current, *step.registers)
            return Outcome(returned, next_vcpu)
        case "preempt":
            return Outcome(next=preempt(machine, current))
        case "wfi":
            return Outcome(next=wait_for_interrupt(machine, current))
        case "wfe":
            return Outcome(next=vcpu_yield(machine, current)[1])
        case "page_fault" if handle_page_fault(current, step.address, step.mode, step.size):
            return Outcome(resumed=True)
        case _:
            return Outcome(next=abort(machine, current))


def timer_of(machine: Machine, vcpu: Vcpu) -> Timer:
    """Return the timer registers of a virtual CPU: live while it is current, saved otherwise."""
    for cpu in machine.cpus:
        if cpu.current is vcpu:
            return cpu.timer
    return vcpu.regs.timer


def name(vcpu: Vcpu | None) -> str | None:
    """Return how a virtual CPU is written."""
    return None if vcpu is None else f"{vcpu.vm.id}.{vcpu.index}"


def read_state(replay: Replay) -> dict[str, Any]:
    """Return the whole state, in the words of the recording."""
    machine = replay.machine
    state: dict[str, Any] = {"pool": machine.pool.free}
    live = {cpu.current: cpu for cpu in machine.cpus if cpu.current is not None}
    for cpu, window in zip(machine.cpus, replay.windows, strict=True):
        state[f"pcpu.{cpu.index}.cur"] = name(cpu.current)
        state[f"pcpu.{cpu.index}.next"] = name(window)
    for vm in machine.vms:
        read_vm(replay, vm, state)
        for vcpu in vm.vcpus:
            read_vcpu(vcpu, live.get(vcpu), state)
    for page in replay.header.tracked:
        key = f"page.{page:x}"
        number = page // PAGE_SIZE
        state[f"{key}.s2"] = [page_table_get(vm.ptable, number, number + 1) for vm in machine.vms]
        state[f"{key}.s1"] = page_table_get(machine.stage1, number, number + 1)
        if f"{key}.sha" in replay.header.init:
            known = machine.memory.pages.get(page)
            state[f"{key}.sha"] = ZERO_DIGEST if known is None else page_digest(replay, known)
    return state


def page_digest(replay: Replay, page: Page) -> str:
    """Return the digest of a page; it is computed again only if the bytes have changed."""
    known = replay.digests.get(page)
    if known is None or known[0] != page.data:
        data = bytes(page.data)
        known = (data, sha256(data).hexdigest()[:16])
        replay.digests[page] = known
    return known[1]


def read_vm(replay: Replay, vm: Vm, state: dict[str, Any]) -> None:
    """Add what belongs to a VM."""
    mailbox = vm.mailbox
    key = f"vm.{vm.id}"
    state[f"{key}.mbox"] = mailbox.state.name.lower()
    state[f"{key}.recv_bytes"] = mailbox.recv_bytes
    state[f"{key}.recv_from"] = mailbox.recv_from_id
    state[f"{key}.send"] = None if mailbox.send is None else hex(mailbox.send.address)
    state[f"{key}.recv"] = None if mailbox.recv is None else hex(mailbox.recv.address)
    if mailbox.recv is None:
        state[f"{key}.msg"] = None
    else:
        page = memory_page(replay.machine, mailbox.recv.address)
        state[f"{key}.msg"] = sha256(page.data[: mailbox.recv_bytes]).hexdigest()[:16]
    waiters = read_list(mailbox.waiter_list)
    state[f"{key}.waiters"] = [[entry.waiting_vm.id, entry.awaited] for entry in waiters]
    state[f"{key}.ready"] = [entry.awaited for entry in read_list(mailbox.ready_list)]
    state[f"{key}.aborting"] = vm.aborting


def read_list(head: ListEntry[WaitEntry]) -> list[WaitEntry]:
    """Return the owners of the entries of a list, first to last."""
    owners = []
    entry = head.next
    while entry.owner is not None:
        owners.append(entry.owner)
        entry = entry.next
    return owners


def read_vcpu(vcpu: Vcpu, live: Cpu | None, state: dict[str, Any]) -> None:
    """Add what belongs to a virtual CPU; `live` is where its registers are if they are not saved."""
    interrupts = vcpu.interrupts
    timer = vcpu.regs.timer if live is None else live.timer
    key = f"vcpu.{vcpu.vm.id}.{vcpu.index}"
    state[f"{key}.state"] = vcpu.state.name.lower()
    state[f"{key}.regs"] = vcpu.regs_available
    state[f"{key}.r0"] = hex(vcpu.regs.r0)
    state[f"{key}.pcpu"] = -1 if vcpu.cpu is None else vcpu.cpu.index
    state[f"{key}.enabled"] = list(interrupts.enabled)
    state[f"{key}.pending"] = list(interrupts.pending)
    state[f"{key}.count"] = interrupts.enabled_and_pending_count
    state[f"{key}.virq"] = vcpu.regs.virtual_interrupt if live is None else live.virtual_interrupt
    state[f"{key}.timer"] = [timer.control & ENABLE, timer.control >> 1 & 1, timer.compare]
