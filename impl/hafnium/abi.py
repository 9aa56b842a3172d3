"""Numbers and encodings that a guest kernel sees.

Registers are 64 bits wide; a value that crosses the ABI is an `int` in the range of its width.
Source: reference R4, sections 1 and 2.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

PRIMARY_VM_ID: Final = 0
INVALID_VM_ID: Final = 0xFFFF_FFFF
SLEEP_INDEFINITE: Final = (1 << 56) - 1
NUM_INTIDS: Final = 64
INVALID_INTID: Final = 0xFFFF_FFFF
MAILBOX_READABLE_INTID: Final = 1
MAILBOX_WRITABLE_INTID: Final = 2
VIRTUAL_TIMER_INTID: Final = 3
PAGE_SIZE: Final = 4096
MAILBOX_SIZE: Final = 4096
MAX_CPUS: Final = 8
MAX_VMS: Final = 16
U32_MASK: Final = (1 << 32) - 1
U64_MASK: Final = (1 << 64) - 1


class Call(IntEnum):
    """The number of a call, in the low 32 bits of x0; bit 30 does not matter."""

    VM_GET_ID = 0xFF00
    VM_GET_COUNT = 0xFF01
    VCPU_GET_COUNT = 0xFF02
    VCPU_RUN = 0xFF03
    VCPU_YIELD = 0xFF04
    VM_CONFIGURE = 0xFF05
    MAILBOX_SEND = 0xFF06
    MAILBOX_RECEIVE = 0xFF07
    MAILBOX_CLEAR = 0xFF08
    MAILBOX_WRITABLE_GET = 0xFF09
    MAILBOX_WAITER_GET = 0xFF0A
    INTERRUPT_ENABLE = 0xFF0B
    INTERRUPT_GET = 0xFF0C
    INTERRUPT_INJECT = 0xFF0D
    SHARE_MEMORY = 0xFF0E


class Share(IntEnum):
    """What `share_memory` does with memory (32 bits)."""

    GIVE = 0
    LEND = 1
    SHARE = 2


class RunCode(IntEnum):
    """Why `vcpu_run` came back to the scheduler (8 bits)."""

    PREEMPTED = 0
    YIELD = 1
    WAIT_FOR_INTERRUPT = 2
    WAIT_FOR_MESSAGE = 3
    WAKE_UP = 4
    MESSAGE = 5
    NOTIFY_WAITERS = 6
    ABORTED = 7


@dataclass(frozen=True, slots=True)
class RunReturn:
    """What `vcpu_run` reports: a code, and the fields that belong to it.

    WAKE_UP carries `vm_id` (32 bits) and `vcpu` (16 bits), MESSAGE carries `vm_id` (16 bits) and
    `size` (32 bits, bytes), the two WAIT codes carry `ns` (64 bits, nanoseconds).
    """

    code: RunCode
    vm_id: int = 0
    vcpu: int = 0
    size: int = 0
    ns: int = 0


def encode_run_return(ret: RunReturn) -> int:
    """Pack a run return into one register (reference R4, 2.3). The top 8 bits of `ns` are lost."""
    match ret.code:
        case RunCode.WAKE_UP:
            return ret.vm_id << 32 | ret.vcpu << 16 | ret.code
        case RunCode.MESSAGE:
            return ret.size << 32 | ret.vm_id << 16 | ret.code
        case RunCode.WAIT_FOR_INTERRUPT | RunCode.WAIT_FOR_MESSAGE:
            return (ret.ns << 8 | ret.code) & U64_MASK
        case _:
            return ret.code


def encode_receive_return(vm_id: int, size: int) -> int:
    """Pack the sender (32 bits) and the size in bytes (32 bits) of a message (reference R4, 2.4)."""
    return size << 32 | vm_id


def decode_run_return(value: int) -> RunReturn:
    """Unpack a register (64 bits) that `vcpu_run` gave back (reference R4, 2.3).

    Raises:
        ValueError: the low 8 bits are no run code.
    """
    code = RunCode(value & 0xFF)
    match code:
        case RunCode.WAKE_UP:
            return RunReturn(code, vm_id=value >> 32 & U32_MASK, vcpu=value >> 16 & 0xFFFF)
        case RunCode.MESSAGE:
            return RunReturn(code, vm_id=value >> 16 & 0xFFFF, size=value >> 32 & U32_MASK)
        case RunCode.WAIT_FOR_INTERRUPT | RunCode.WAIT_FOR_MESSAGE:
            return RunReturn(code, ns=value >> 8)
        case _:
            return RunReturn(code)


def decode_receive_return(value: int) -> tuple[int, int]:
    """Unpack a register (64 bits) that `mailbox_receive` gave back: sender and size in bytes."""
    return value & U32_MASK, value >> 32
