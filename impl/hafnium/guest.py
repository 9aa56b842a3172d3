"""Guest programs on physical CPUs, one turn at a time.

Whoever has the turns, a schedule or a thread for each physical CPU, decides which CPU goes on; the three
steps of a context switch are a turn each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from hafnium.abi import PAGE_SIZE, PRIMARY_VM_ID, Call, decode_run_return
from hafnium.actions import Action, Hvc, Load, Program, Reply, SetTimer, Store, Wfe, Wfi, is_action
from hafnium.dispatch import hypercall
from hafnium.events import Event, describe, explain, position
from hafnium.memory import handle_page_fault, has_access
from hafnium.page_table import MODE_R, MODE_W
from hafnium.physical import read_memory, write_memory
from hafnium.spinlock import Spinning
from hafnium.state import Cpu, Machine, Vcpu, Vm
from hafnium.switch import restore_registers, save_registers
from hafnium.timer import timer_pending_at
from hafnium.vcpu import abort, preempt, regs_state_saved, vcpu_yield, wait_for_interrupt


class Phase(Enum):
    """Where a physical CPU is: with a guest, or between two virtual CPUs."""

    GUEST = auto()
    SAVE = auto()
    ANNOUNCE = auto()
    RESTORE = auto()
    HALTED = auto()


@dataclass(slots=True)
class Seat:
    """A physical CPU and what it is about to do. `idle` is true while the primary VM waits on it."""

    cpu: Cpu
    phase: Phase = Phase.GUEST
    outgoing: Vcpu | None = None
    incoming: Vcpu | None = None
    idle: bool = False
    turns: int = 0


@dataclass(slots=True)
class Guests:
    """A machine with a program for each virtual CPU. One without a program takes interrupts.

    `fetched` has what a program yielded and could not be done yet; `failures` has what programs raised.
    """

    machine: Machine
    programs: dict[Vcpu, Program]
    observe: Callable[[Event], None] | None = None
    seats: list[Seat] = field(init=False)
    replies: dict[Vcpu, Reply] = field(default_factory=dict)
    fetched: dict[Vcpu, Action] = field(default_factory=dict)
    called: set[Vcpu] = field(default_factory=set)
    failures: dict[Vcpu, BaseException] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seats = [Seat(cpu) for cpu in self.machine.cpus]


def take_turn(guests: Guests, seat: Seat, interrupt: bool = False) -> None:
    """Let one physical CPU do one thing. With `interrupt`, a secondary VM is preempted instead."""
    seat.idle = False
    match seat.phase:
        case Phase.GUEST:
            run_guest(guests, seat, interrupt)
        case Phase.SAVE:
            assert seat.outgoing is not None
            save_registers(seat.cpu, seat.outgoing)
            seat.phase = Phase.ANNOUNCE
        case Phase.ANNOUNCE:
            assert seat.outgoing is not None
            regs_state_saved(seat.outgoing)
            seat.phase = Phase.RESTORE
        case Phase.RESTORE:
            assert seat.outgoing is not None
            assert seat.incoming is not None
            restore_registers(seat.cpu, seat.outgoing, seat.incoming)
            seat.phase = Phase.GUEST
        case _:
            seat.idle = True
    if not seat.idle:
        seat.turns += 1


def run_guest(guests: Guests, seat: Seat, interrupt: bool) -> None:
    """Do what the current virtual CPU does next, or take the interrupt that comes first."""
    cpu = seat.cpu
    current = cpu.current
    assert current is not None
    now = guests.machine.clock.count
    timer_fires = timer_pending_at(cpu.timer, now) or timer_pending_at(cpu.physical_timer, now)
    if current.vm.id != PRIMARY_VM_ID and (interrupt or timer_fires):
        leave(guests, seat, current, "preempt", preempt(guests.machine, current))
        return
    try:
        action = next_action(guests, current)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        guests.failures[current] = error
        stop_guest(guests, seat, current, f"raises {type(error).__name__}")
        return
    if action is None:
        seat.phase = Phase.HALTED
        return
    try:
        perform(guests, seat, current, action)
    except Spinning:
        guests.fetched[current] = action


def next_action(guests: Guests, current: Vcpu) -> Action | None:
    """Return what a program does next.

    When it has ended, that is None for the primary VM; another VM takes its interrupts and waits.

    Raises:
        TypeError: the program yields what is no action. Whatever else the program raises comes through.
    """
    action = guests.fetched.pop(current, None)
    if action is not None:
        return action
    if current in guests.called:
        guests.called.discard(current)
        reply: Reply = current.regs.r0
    else:
        reply = guests.replies.pop(current, None)
    program = guests.programs.get(current)
    if program is not None:
        try:
            action = program.send(reply)
        except StopIteration:
            del guests.programs[current]
        else:
            if not is_action(action):
                raise TypeError(f"{action!r} is no action")
            return action
    if current.vm.id == PRIMARY_VM_ID:
        return None
    assert current.cpu is not None
    return Hvc(Call.INTERRUPT_GET) if current.cpu.virtual_interrupt else Wfi()


def stop_guest(guests: Guests, seat: Seat, current: Vcpu, why: str) -> None:
    """Abort the VM. An abort of the primary VM does not return: its physical CPU has no more turns."""
    guests.programs.pop(current, None)
    if current.vm.id == PRIMARY_VM_ID:
        seat.phase = Phase.HALTED
        notify(guests, seat, current, "halt", why)
    else:
        leave(guests, seat, current, "abort", abort(guests.machine, current), why)


def perform(guests: Guests, seat: Seat, current: Vcpu, action: Action) -> None:
    """Do one action of the current virtual CPU; what is left for the end is a look at the clock."""
    machine = guests.machine
    secondary = current.vm.id != PRIMARY_VM_ID
    match action:
        case Hvc(x0, x1, x2, x3):
            result, to = hypercall(machine, current, x0, x1, x2, x3)
            guests.called.add(current)
            finish_call(guests, seat, current, action, result, to)
        case Wfi() if secondary and not seat.cpu.virtual_interrupt:
            leave(guests, seat, current, "wfi", wait_for_interrupt(machine, current))
        case Wfi():
            seat.idle = not secondary
        case Wfe():
            _, to = vcpu_yield(machine, current)
            if to is not None:
                leave(guests, seat, current, "wfe", to)
        case Load(address, size):
            accessed = access_memory(machine, current.vm, address, size, None)
            finish_access(guests, seat, current, action, accessed, MODE_R)
        case Store(address, data):
            accessed = access_memory(machine, current.vm, address, len(data), data)
            finish_access(guests, seat, current, action, accessed, MODE_W)
        case SetTimer(control, compare):
            seat.cpu.timer.control = control
            seat.cpu.timer.compare = compare
        case _:
            guests.replies[current] = machine.clock.count


def access_memory(machine: Machine, vm: Vm, address: int, size: int, data: bytes | None) -> bytes | int:
    """Read or, with `data`, write memory of a VM. Returns the bytes, or the address that it lacks access to.

    The lock of its page table is held, as the hardware completes an access before the page can be taken away.
    """
    access = MODE_R if data is None else MODE_W
    first = address
    with vm.ptable.lock:
        while first < address + size:
            if not has_access(vm.ptable, first, access):
                return first
            first += PAGE_SIZE - first % PAGE_SIZE
        if data is None:
            return read_memory(machine, address, size)
        write_memory(machine, address, data)
        return data


def finish_access(
    guests: Guests, seat: Seat, current: Vcpu, action: Action, accessed: bytes | int, access: int
) -> None:
    """Go on after an access, or let the hypervisor look at a fault: it is made again, or the VM aborts."""
    if isinstance(accessed, bytes):
        guests.replies[current] = accessed if access == MODE_R else None
    elif handle_page_fault(current, accessed, access, 1):
        guests.fetched[current] = action
    else:
        stop_guest(guests, seat, current, f"no access to {accessed:#x}")


def leave(guests: Guests, seat: Seat, current: Vcpu, kind: str, to: Vcpu, detail: str = "") -> None:
    """Begin the context switch to another virtual CPU."""
    seat.outgoing = current
    seat.incoming = to
    seat.phase = Phase.SAVE
    notify(guests, seat, current, kind, detail, to=to)


def finish_call(guests: Guests, seat: Seat, current: Vcpu, hvc: Hvc, result: int, to: Vcpu | None) -> None:
    """Go on with the caller of a hypercall, or begin the switch to another virtual CPU."""
    if to is not None:
        seat.outgoing = current
        seat.incoming = to
        seat.phase = Phase.SAVE
    if guests.observe is not None:
        notify(guests, seat, current, "call", describe(hvc), result, to)


def notify(
    guests: Guests,
    seat: Seat,
    vcpu: Vcpu,
    kind: str,
    detail: str = "",
    result: int | None = None,
    to: Vcpu | None = None,
) -> None:
    """Tell the observer, if there is one."""
    if guests.observe is not None:
        time = guests.machine.clock.count
        target = None if to is None else position(to)
        told = None
        if to is not None and to.vm.id == PRIMARY_VM_ID:
            told = explain(decode_run_return(to.regs.r0))
        guests.observe(Event(time, seat.cpu.index, position(vcpu), kind, detail, result, target, told))
