"""Guest programs for secondary VMs, and the payloads that they send each other.

The first two pages of a VM's memory are its mailbox: `base` is sent from, `base + 0x1000` received in.
"""

from __future__ import annotations

from collections.abc import Generator
from hashlib import sha256

from hafnium.abi import (
    INVALID_INTID,
    INVALID_VM_ID,
    MAILBOX_SIZE,
    MAILBOX_WRITABLE_INTID,
    PAGE_SIZE,
    VIRTUAL_TIMER_INTID,
    Call,
    Share,
    decode_receive_return,
)
from hafnium.actions import Action, Program, ReadClock, Reply, SetTimer, Store, Wfe, Wfi, call, load
from hafnium.physical import ZERO_PAGE
from hafnium.timer import ENABLE

NUMBER_BYTES = 8
FULL_EVERY = 64
PING = 8
PONG = 9


class CorruptedError(Exception):
    """A guest received something that was not sent so."""


def payload(number: int) -> bytes:
    """Return the message with this number: its bytes and its length follow from it."""
    head = number.to_bytes(NUMBER_BYTES, "little")
    size = MAILBOX_SIZE if number % FULL_EVERY == 0 else NUMBER_BYTES + number % 251
    body = sha256(head).digest()
    return (head + body * (size // len(body) + 1))[:size]


def number_of(data: bytes) -> int:
    """Return the number of a message.

    Raises:
        CorruptedError: a byte is not what it was.
    """
    number = int.from_bytes(data[:NUMBER_BYTES], "little")
    if payload(number) != data:
        raise CorruptedError(f"message {number} is not what was sent")
    return number


def require(condition: bool, what: str) -> None:
    """Stop a guest that has found something wrong.

    Raises:
        CorruptedError: the condition does not hold.
    """
    if not condition:
        raise CorruptedError(what)


def configure(base: int) -> Program:
    """Set the mailbox up and listen for mailboxes that become writable."""
    result = yield from call(Call.VM_CONFIGURE, base, base + PAGE_SIZE)
    require(result == 0, "the mailbox was refused")
    yield from call(Call.INTERRUPT_ENABLE, MAILBOX_WRITABLE_INTID, 1)


def drain_interrupts() -> Generator[Action, Reply, list[int]]:
    """Acknowledge every pending interrupt."""
    taken: list[int] = []
    while True:
        intid = yield from call(Call.INTERRUPT_GET)
        if intid == INVALID_INTID:
            return taken
        taken.append(intid)


def send(base: int, to: int, data: bytes) -> Program:
    """Send a message, as soon as the mailbox of the receiver can be written."""
    yield Store(base, data)
    while (yield from call(Call.MAILBOX_SEND, to, len(data), 1)) != 0:
        while (yield from call(Call.MAILBOX_WRITABLE_GET)) != to:
            yield Wfi()
            yield from drain_interrupts()


def receive(base: int) -> Generator[Action, Reply, tuple[int, bytes]]:
    """Wait for a message; return its sender and its bytes, and make room for the next one."""
    while True:
        result = yield from call(Call.MAILBOX_RECEIVE, 1)
        sender, size = decode_receive_return(result)
        if sender != INVALID_VM_ID:
            data = yield from load(base + PAGE_SIZE, size)
            yield from call(Call.MAILBOX_CLEAR)
            return sender, data
        yield from drain_interrupts()


def echo(base: int) -> Program:
    """Send every message back to where it came from."""
    yield from configure(base)
    while True:
        sender, data = yield from receive(base)
        yield from send(base, sender, data)


def client(base: int, to: int, count: int, log: list[int]) -> Program:
    """Send numbered messages to an echo and note what comes back."""
    yield from configure(base)
    for number in range(count):
        yield from send(base, to, payload(number))
        sender, data = yield from receive(base)
        require(sender == to, "a message from nowhere")
        log.append(number_of(data))


def relay(base: int, to: int) -> Program:
    """Pass every message on."""
    yield from configure(base)
    while True:
        _, data = yield from receive(base)
        yield from send(base, to, data)


def busy_sender(base: int, to: int, count: int) -> Program:
    """Send as fast as the mailbox of the receiver allows."""
    yield from configure(base)
    for number in range(count):
        yield from send(base, to, payload(number))


def collector(base: int, log: dict[int, list[int]]) -> Program:
    """Note the numbers of all messages, by sender."""
    yield from configure(base)
    while True:
        sender, data = yield from receive(base)
        log.setdefault(sender, []).append(number_of(data))


def player(vm_id: int, index: int, serves: bool, count: int, log: list[int]) -> Program:
    """Play interrupt ping-pong with the other of two virtual CPUs of one VM, `count` rounds."""
    mine, other = (PONG, PING) if serves else (PING, PONG)
    yield from call(Call.INTERRUPT_ENABLE, mine, 1)
    for number in range(count):
        if serves:
            yield from call(Call.INTERRUPT_INJECT, vm_id, index, other)
        while mine not in (yield from drain_interrupts()):
            yield Wfi()
        log.append(number)
        if not serves:
            yield from call(Call.INTERRUPT_INJECT, vm_id, index, other)


def donor(base: int, to: int, count: int, log: list[int]) -> Program:
    """Hand a page over in each of the three ways, in turn, and find it clean when it comes back."""
    yield from configure(base)
    for number in range(count):
        page = base + (2 + number % 8) * PAGE_SIZE
        share = number % len(Share)
        yield Store(page, payload(number))
        result = yield from call(Call.SHARE_MEMORY, to << 32 | share, page, PAGE_SIZE)
        require(result == 0, f"page {page:#x} was refused")
        yield from send(base, to, page.to_bytes(NUMBER_BYTES, "little"))
        _, data = yield from receive(base)
        require(int.from_bytes(data, "little") == page, "another page came back")
        require((yield from load(page, PAGE_SIZE)) == ZERO_PAGE, "the page came back with data in it")
        log.append(number)


def recipient(base: int) -> Program:
    """Take pages, check that they are clean, write to them and give them back."""
    yield from configure(base)
    while True:
        sender, data = yield from receive(base)
        page = int.from_bytes(data, "little")
        require((yield from load(page, PAGE_SIZE)) == ZERO_PAGE, "the page came with data in it")
        yield Store(page, payload(page))
        result = yield from call(Call.SHARE_MEMORY, sender << 32 | Share.GIVE, page, PAGE_SIZE)
        require(result == 0, f"page {page:#x} cannot be given back")
        yield from send(base, sender, data)


def sleeper(ticks: int, count: int, log: list[int]) -> Program:
    """Sleep until the timer fires, `count` times, and let others run in between."""
    yield from call(Call.INTERRUPT_ENABLE, VIRTUAL_TIMER_INTID, 1)
    for number in range(count):
        now = yield ReadClock()
        assert isinstance(now, int)
        yield SetTimer(ENABLE, now + ticks)
        while VIRTUAL_TIMER_INTID not in (yield from drain_interrupts()):
            yield Wfi()
        later = yield ReadClock()
        assert isinstance(later, int)
        require(later >= now + ticks, "the timer fired too early")
        log.append(number)
        yield Wfe()


def trespasser(page: int) -> Program:
    """Touch memory that belongs to somebody else."""
    yield Store(page, b"mine")
