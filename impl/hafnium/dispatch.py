"""The register level: one HVC in, one result out (reference R4, 2.1, 2.2 and 8.1)."""

from typing import Final

from hafnium.abi import U32_MASK, U64_MASK, Call
from hafnium.info import vcpu_get_count, vm_get_count, vm_get_id
from hafnium.interrupts import interrupt_enable, interrupt_get, interrupt_inject, interrupt_pending
from hafnium.mailbox import (
    mailbox_clear,
    mailbox_receive,
    mailbox_send,
    mailbox_waiter_get,
    mailbox_writable_get,
)
from hafnium.memory import share_memory, vm_configure
from hafnium.run import vcpu_run
from hafnium.state import Machine, Vcpu
from hafnium.vcpu import vcpu_yield

CONVENTION_BIT: Final = 1 << 30


def dispatch(machine: Machine, current: Vcpu, x0: int, x1: int, x2: int, x3: int) -> tuple[int, Vcpu | None]:
    """Call what x0 names (registers: 64 bits), with arguments cut to their width; -1 if it names nothing."""
    match x0 & U32_MASK & ~CONVENTION_BIT:
        case Call.VM_GET_ID:
            return vm_get_id(current), None
        case Call.VM_GET_COUNT:
            return vm_get_count(machine), None
        case Call.VCPU_GET_COUNT:
            return vcpu_get_count(machine, current, x1 & U32_MASK), None
        case Call.VCPU_RUN:
            return vcpu_run(machine, current, x1 & U32_MASK, x2 & U32_MASK)
        case Call.VCPU_YIELD:
            return vcpu_yield(machine, current)
        case Call.VM_CONFIGURE:
            return vm_configure(machine, current, x1, x2)
        case Call.MAILBOX_SEND:
            return mailbox_send(machine, current, x1 & U32_MASK, x2, x3 != 0)
        case Call.MAILBOX_RECEIVE:
            return mailbox_receive(machine, current, x1 != 0)
        case Call.MAILBOX_CLEAR:
            return mailbox_clear(machine, current)
        case Call.MAILBOX_WRITABLE_GET:
            return mailbox_writable_get(current), None
        case Call.MAILBOX_WAITER_GET:
            return mailbox_waiter_get(machine, current, x1 & U32_MASK), None
        case Call.INTERRUPT_ENABLE:
            return interrupt_enable(current, x1 & U32_MASK, x2 != 0), None
        case Call.INTERRUPT_GET:
            return interrupt_get(current), None
        case Call.INTERRUPT_INJECT:
            return interrupt_inject(machine, current, x1 & U32_MASK, x2 & U32_MASK, x3 & U32_MASK)
        case Call.SHARE_MEMORY:
            return share_memory(machine, current, x1 >> 32, x2, x3, x1 & U32_MASK), None
        case _:
            return -1, None


def go_on(current: Vcpu, result: int) -> None:
    """Give the caller its result; the virtual interrupt line says whether it has an interrupt to take."""
    pending = interrupt_pending(current)
    cpu = current.cpu
    assert cpu is not None
    cpu.virtual_interrupt = pending
    current.regs.r0 = result


def go_on_with(outgoing: Vcpu, incoming: Vcpu, result: int) -> None:
    """Leave the caller, which finds its result when it runs again, for another virtual CPU."""
    incoming.regs.virtual_interrupt = interrupt_pending(incoming)
    outgoing.regs.r0 = result


def hypercall(machine: Machine, current: Vcpu, x0: int, x1: int, x2: int, x3: int) -> tuple[int, Vcpu | None]:
    """Do one HVC of `current` (registers: 64 bits); return x0 (64 bits) and who goes on if not the caller.

    x1 to x17 come back as zero. The result is also in the caller's registers, which belong to this
    physical CPU. The virtual interrupt line of the one that goes on says whether it has an interrupt.
    """
    result, next_vcpu = dispatch(machine, current, x0, x1, x2, x3)
    result &= U64_MASK
    if next_vcpu is None:
        go_on(current, result)
    else:
        go_on_with(current, next_vcpu, result)
    return result, next_vcpu
