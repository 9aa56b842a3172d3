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
MAILBOX_SIZE: Final = 4096
U64_MASK: Final = (1 << 64) - 1


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
