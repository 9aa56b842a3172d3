"""Machines with guests that do something worth watching.

Each demo is a machine, its guests, and a check that nothing was lost, doubled or torn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hafnium.abi import PAGE_SIZE, Call
from hafnium.actions import Program, Store, call
from hafnium.boot import Description, Secondary, Section, boot
from hafnium.guest import Guests
from hafnium.page_table import MODE_R, MODE_W, MODE_X
from hafnium.programs import (
    busy_sender,
    client,
    collector,
    donor,
    echo,
    number_of,
    payload,
    player,
    recipient,
    relay,
    sleeper,
    trespasser,
)
from hafnium.scheduler import Scheduler
from hafnium.switch import cpu_start
from hafnium.vcpu import cpu_on, vcpu_on

PRIMARY_BASE: Final = 0x8000_0000
SECONDARY_BASE: Final = 0x4000_0000
SECONDARY_SIZE: Final = 0x10_0000


@dataclass(slots=True)
class Demo:
    """Guests on a machine, their scheduler, and how to tell that all went well: a complaint, or None."""

    title: str
    guests: Guests
    scheduler: Scheduler
    check: Callable[[], str | None]


def base_of(vm_id: int) -> int:
    """Return where the memory of a VM begins, as far as the demos use it."""
    return PRIMARY_BASE if vm_id == 0 else SECONDARY_BASE + vm_id * SECONDARY_SIZE


def build_guests(cpus: int, programs: list[list[Program]]) -> Guests:
    """Boot a machine with one secondary VM for each list of programs, and a virtual CPU for each program.

    The physical CPUs other than the first are turned on, as the primary VM would.
    """
    secondaries = tuple(
        Secondary(len(vcpus), base_of(vm_id), base_of(vm_id) + SECONDARY_SIZE)
        for vm_id, vcpus in enumerate(programs, 1)
    )
    image = (
        Section(0x10_0000, 0x12_0000, MODE_X),
        Section(0x12_0000, 0x13_0000, MODE_R),
        Section(0x13_0000, 0x20_0000, MODE_R | MODE_W),
    )
    machine = boot(Description(tuple(range(cpus)), 0, 256, 0x0900_0000, image, secondaries))
    for cpu in machine.cpus[1:]:
        cpu_on(machine, cpu, 0, 0)
        cpu_start(machine, cpu)
    assigned = {}
    for vm, vcpus in zip(machine.vms[1:], programs, strict=True):
        for vcpu, program in zip(vm.vcpus, vcpus, strict=True):
            vcpu_on(vm, vcpu.index, base_of(vm.id), 0)
            assigned[vcpu] = program
    return Guests(machine, assigned)


def seat_scheduler(guests: Guests, scheduler: Scheduler) -> None:
    """Let the scheduler run on every physical CPU."""
    for cpu in guests.machine.cpus:
        assert cpu.current is not None
        guests.programs[cpu.current] = scheduler.program()


def positions(programs: list[list[Program]]) -> list[tuple[int, int]]:
    """Return the positions of the virtual CPUs that have these programs."""
    return [(vm_id, index) for vm_id, vcpus in enumerate(programs, 1) for index in range(len(vcpus))]


def assemble(
    title: str,
    cpus: int,
    programs: list[list[Program]],
    check: Callable[[], str | None],
    scheduler: Scheduler | None = None,
) -> Demo:
    """Put a demo together."""
    scheduler = scheduler or Scheduler(PRIMARY_BASE, positions(programs))
    guests = build_guests(cpus, programs)
    seat_scheduler(guests, scheduler)
    return Demo(title, guests, scheduler, check)


def compare(what: str, log: list[int], count: int) -> str | None:
    """Complain unless the log has every number, once and in order."""
    if log == list(range(count)):
        return None
    missing = len(set(range(count)) - set(log))
    return f"{what}: {len(log)} of {count}, {missing} missing"


def echo_demo(count: int) -> Demo:
    """A client and an echo."""
    log: list[int] = []
    programs = [[client(base_of(1), 2, count, log)], [echo(base_of(2))]]
    return assemble("VM 1 talks to an echo in VM 2", 2, programs, lambda: compare("echo", log, count))


@dataclass(eq=False, slots=True)
class RelayScheduler(Scheduler):
    """A scheduler that sends messages round: to the first relay, and back from the last one.

    Only one of its virtual CPUs sends at a time, as there is one send page.
    """

    count: int = 0
    sent: int = 0
    log: list[int] = field(default_factory=list)
    sending: bool = False
    again: bool = False

    def on_start(self) -> Program:
        """Send the first message."""
        return self.send_more()

    def on_writable(self, vm_id: int) -> Program:
        """Send the next message to the first relay, the only one that is ever waited for."""
        del vm_id
        return self.send_more()

    def on_message(self, sender: int, data: bytes) -> Program:
        """Note a message that came round."""
        del sender
        self.log.append(number_of(data))
        return self.send_more()

    def send_more(self) -> Program:
        """Send until the first relay is busy; it will say when it is not."""
        with self.lock:
            self.again = True
            if self.sending:
                return
            self.sending = True
        while True:
            with self.lock:
                if not self.again or self.sent == self.count:
                    self.sending = False
                    return
                self.again = False
            data = payload(self.sent)
            yield Store(self.base, data)
            if (yield from call(Call.MAILBOX_SEND, 1, len(data), 1)) == 0:
                self.sent += 1
                self.again = True
                self.wake_vm(1)


def relay_demo(count: int) -> Demo:
    """Messages go round: the primary VM, three relays, the primary VM."""
    programs = [[relay(base_of(vm_id), (vm_id + 1) % 4)] for vm_id in (1, 2, 3)]
    scheduler = RelayScheduler(PRIMARY_BASE, positions(programs), count=count)
    title = "messages go round: the primary VM, VM 1, VM 2, VM 3 and back"
    return assemble(title, 2, programs, lambda: compare("relay", scheduler.log, count), scheduler)


def busy_demo(count: int) -> Demo:
    """Two senders that are faster than the receiver."""
    log: dict[int, list[int]] = {}
    half = count // 2
    programs = [
        [busy_sender(base_of(1), 3, count - half)],
        [busy_sender(base_of(2), 3, half)],
        [collector(base_of(3), log)],
    ]

    def check() -> str | None:
        first = compare("from VM 1", log.get(1, []), count - half)
        return first or compare("from VM 2", log.get(2, []), half)

    return assemble("VM 1 and VM 2 are faster than VM 3, and wait until it can take more", 3, programs, check)


def ping_pong_demo(count: int) -> Demo:
    """Two virtual CPUs of one VM interrupt each other."""
    first: list[int] = []
    second: list[int] = []
    programs = [[player(1, 1, True, count, first), player(1, 0, False, count, second)]]

    def check() -> str | None:
        return compare("pong", first, count) or compare("ping", second, count)

    return assemble("two virtual CPUs of VM 1 interrupt each other", 2, programs, check)


def alarm_demo(count: int) -> Demo:
    """Two VMs that sleep most of the time."""
    logs: list[list[int]] = [[], []]
    programs = [[sleeper(50_000, count, logs[0])], [sleeper(30_000, count, logs[1])]]

    def check() -> str | None:
        return compare("alarms of VM 1", logs[0], count) or compare("alarms of VM 2", logs[1], count)

    return assemble("VM 1 and VM 2 sleep, each until its timer fires", 2, programs, check)


def donor_demo(count: int) -> Demo:
    """A VM hands pages to another one, and a third one touches what is not its own."""
    log: list[int] = []
    programs = [
        [donor(base_of(1), 2, count, log)],
        [recipient(base_of(2))],
        [trespasser(base_of(1) + 2 * PAGE_SIZE)],
    ]
    demo = assemble(
        "VM 1 gives, lends and shares pages with VM 2; VM 3 touches one of them",
        2,
        programs,
        lambda: compare("pages", log, count),
    )

    def check() -> str | None:
        if not demo.guests.machine.vms[3].aborting:
            return "VM 3 went on"
        return compare("pages", log, count)

    demo.check = check
    return demo


DEMOS: Final[dict[str, Callable[[int], Demo]]] = {
    "echo": echo_demo,
    "relay": relay_demo,
    "busy": busy_demo,
    "ping-pong": ping_pong_demo,
    "alarm": alarm_demo,
    "donor": donor_demo,
}
