"""A guest for the primary VM: it schedules the others and does what every run code asks for.

Its virtual CPUs, one for each physical CPU, share one queue. What the hypervisor tells one of them may
concern a virtual CPU that another of them runs at the moment: such a wake-up is remembered until that one
comes back, and then it runs again whatever it came back with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Lock

from hafnium.abi import (
    MAILBOX_WRITABLE_INTID,
    PRIMARY_VM_ID,
    SLEEP_INDEFINITE,
    Call,
    RunCode,
    RunReturn,
    decode_run_return,
)
from hafnium.actions import Action, Program, ReadClock, Reply, SetTimer, Wfi, call, load
from hafnium.timer import ENABLE

Position = tuple[int, int]


class Fate(Enum):
    """What the scheduler does with a virtual CPU."""

    QUEUED = auto()
    RUNNING = auto()
    PARKED = auto()
    DEAD = auto()


@dataclass(eq=False, slots=True)
class Scheduler:
    """The scheduler of the primary VM, without mail of its own.

    `woken` has those that are to run again as soon as they are back; `deadlines` has when those that
    sleep want to run again (ticks of a nanosecond).
    """

    base: int
    vcpus: list[Position]
    queue: deque[Position] = field(default_factory=deque)
    fates: dict[Position, Fate] = field(default_factory=dict)
    woken: set[Position] = field(default_factory=set)
    deadlines: dict[Position, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    codes: dict[RunCode, int] = field(default_factory=lambda: dict.fromkeys(RunCode, 0))
    started: bool = False

    def __post_init__(self) -> None:
        for vcpu in self.vcpus:
            self.fates[vcpu] = Fate.QUEUED
            self.queue.append(vcpu)

    def program(self) -> Program:
        """Run on one virtual CPU of the primary VM, for ever."""
        with self.lock:
            first = not self.started
            self.started = True
        if first:
            yield from call(Call.VM_CONFIGURE, self.base, self.base + 0x1000)
            yield from self.on_start()
        armed = False
        while True:
            if self.deadlines or armed:
                armed = yield from self.wake_sleepers()
            vcpu = self.take()
            if vcpu is None:
                yield Wfi()
                continue
            ret = decode_run_return((yield from call(Call.VCPU_RUN, *vcpu)))
            self.codes[ret.code] += 1
            yield from self.react(vcpu, ret)

    def react(self, vcpu: Position, ret: RunReturn) -> Program:
        """Do what a run code asks for, and put the virtual CPU where it belongs.

        The code that is left for the end is that of a VM that aborted.
        """
        match ret.code:
            case RunCode.PREEMPTED | RunCode.YIELD:
                self.put(vcpu)
            case RunCode.WAIT_FOR_INTERRUPT | RunCode.WAIT_FOR_MESSAGE:
                if ret.ns != SLEEP_INDEFINITE:
                    now = yield ReadClock()
                    assert isinstance(now, int)
                    self.park(vcpu, now + ret.ns)
                else:
                    self.park(vcpu, None)
            case RunCode.WAKE_UP:
                self.wake((ret.vm_id, ret.vcpu))
                self.put(vcpu)
            case RunCode.MESSAGE:
                if ret.vm_id == PRIMARY_VM_ID:
                    yield from self.read_mail(vcpu[0], ret.size)
                else:
                    self.wake_vm(ret.vm_id)
                self.put(vcpu)
            case RunCode.NOTIFY_WAITERS:
                yield from self.notify_waiters(vcpu[0])
                self.put(vcpu)
            case _:
                self.bury(vcpu[0])

    def read_mail(self, sender: int, size: int) -> Program:
        """Take the message in the mailbox of the primary VM, and let the next one come."""
        data = yield from load(self.base + 0x1000, size)
        yield from self.on_message(sender, data)
        if (yield from call(Call.MAILBOX_CLEAR)) == 1:
            yield from self.notify_waiters(PRIMARY_VM_ID)

    def notify_waiters(self, vm_id: int) -> Program:
        """Tell those who wait for a mailbox that they can try again."""
        while True:
            waiter = yield from call(Call.MAILBOX_WAITER_GET, vm_id)
            if waiter == -1:
                return
            if waiter == PRIMARY_VM_ID:
                writable = yield from call(Call.MAILBOX_WRITABLE_GET)
                if writable != -1:
                    yield from self.on_writable(writable)
            elif (yield from call(Call.INTERRUPT_INJECT, waiter, 0, MAILBOX_WRITABLE_INTID)) == 1:
                self.wake((waiter, 0))

    def wake_sleepers(self) -> Generator[Action, Reply, bool]:
        """Queue those whose time has come, and set the timer for the next one if there is one."""
        now = yield ReadClock()
        assert isinstance(now, int)
        with self.lock:
            for vcpu in [vcpu for vcpu, deadline in self.deadlines.items() if deadline <= now]:
                self.enqueue(vcpu)
            deadline = min(self.deadlines.values(), default=None)
        yield SetTimer(0, 0) if deadline is None else SetTimer(ENABLE, deadline)
        return deadline is not None

    def take(self) -> Position | None:
        """Take the first virtual CPU off the queue."""
        with self.lock:
            if not self.queue:
                return None
            vcpu = self.queue.popleft()
            self.fates[vcpu] = Fate.RUNNING
            return vcpu

    def enqueue(self, vcpu: Position) -> None:
        """Put a virtual CPU on the queue unless it is dead; the lock is held."""
        self.deadlines.pop(vcpu, None)
        self.woken.discard(vcpu)
        if self.fates[vcpu] is not Fate.DEAD:
            self.fates[vcpu] = Fate.QUEUED
            self.queue.append(vcpu)

    def put(self, vcpu: Position) -> None:
        """Let a virtual CPU that came back run again later."""
        with self.lock:
            self.enqueue(vcpu)

    def park(self, vcpu: Position, deadline: int | None) -> None:
        """Let a virtual CPU that came back sleep, unless it was woken in the meantime."""
        with self.lock:
            if vcpu in self.woken:
                self.enqueue(vcpu)
            elif self.fates[vcpu] is not Fate.DEAD:
                self.fates[vcpu] = Fate.PARKED
                if deadline is not None:
                    self.deadlines[vcpu] = deadline

    def wake(self, vcpu: Position) -> None:
        """Let a virtual CPU run again: now, or as soon as it is back."""
        with self.lock:
            fate = self.fates.get(vcpu)
            if fate is Fate.PARKED:
                self.enqueue(vcpu)
            elif fate is Fate.RUNNING:
                self.woken.add(vcpu)

    def wake_vm(self, vm_id: int) -> None:
        """Let every virtual CPU of a VM look at its mailbox."""
        for vcpu in self.vcpus:
            if vcpu[0] == vm_id:
                self.wake(vcpu)

    def bury(self, vm_id: int) -> None:
        """Forget a VM that aborted; those of its virtual CPUs that run elsewhere end when they are back."""
        with self.lock:
            for vcpu in self.vcpus:
                if vcpu[0] == vm_id:
                    self.fates[vcpu] = Fate.DEAD
                    self.deadlines.pop(vcpu, None)
            self.queue = deque(vcpu for vcpu in self.queue if vcpu[0] != vm_id)

    def on_start(self) -> Program:
        """Do what comes before the first run."""
        return nothing()

    def on_message(self, sender: int, data: bytes) -> Program:
        """Do something with a message to the primary VM; `sender` and the bytes are given."""
        del sender, data
        return nothing()

    def on_writable(self, vm_id: int) -> Program:
        """Do something now that the mailbox of a VM, which the primary VM waited for, can be written."""
        del vm_id
        return nothing()


def nothing() -> Program:
    """Do nothing."""
    return
    yield
