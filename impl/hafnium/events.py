"""What happens on a physical CPU, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

from hafnium.abi import PAGE_SIZE, SLEEP_INDEFINITE, Call, RunCode, RunReturn
from hafnium.actions import Hvc
from hafnium.state import Vcpu


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a physical CPU. `vcpu` and `next` are written `VM.VCPU`.

    `told` is what the scheduler is told when it is next.
    """

    time: int
    cpu: int
    vcpu: str
    kind: str
    detail: str = ""
    result: int | None = None
    next: str | None = None
    told: str | None = None


def explain(ret: RunReturn) -> str:
    """Return a run return in words."""
    words = ret.code.name.lower().replace("_", " ")
    match ret.code:
        case RunCode.WAKE_UP:
            return f"{words} {ret.vm_id}.{ret.vcpu}"
        case RunCode.MESSAGE:
            return f"{words} for VM {ret.vm_id}"
        case RunCode.WAIT_FOR_INTERRUPT | RunCode.WAIT_FOR_MESSAGE if ret.ns != SLEEP_INDEFINITE:
            return f"{words}, {ret.ns} ns"
        case _:
            return words


def position(vcpu: Vcpu) -> str:
    """Return how a virtual CPU is written."""
    return f"{vcpu.vm.id}.{vcpu.index}"


ARGUMENTS = {
    Call.VCPU_GET_COUNT: 1,
    Call.VCPU_RUN: 2,
    Call.VM_CONFIGURE: 2,
    Call.MAILBOX_SEND: 3,
    Call.MAILBOX_RECEIVE: 1,
    Call.MAILBOX_WAITER_GET: 1,
    Call.INTERRUPT_ENABLE: 2,
    Call.INTERRUPT_INJECT: 3,
    Call.SHARE_MEMORY: 3,
}


def describe(hvc: Hvc) -> str:
    """Return how a call is written."""
    try:
        number = Call(hvc.x0)
    except ValueError:
        return f"call {hvc.x0:#x}"
    arguments = (hvc.x1, hvc.x2, hvc.x3)[: ARGUMENTS.get(number, 0)]
    written = ", ".join(str(value) if value < PAGE_SIZE else f"{value:#x}" for value in arguments)
    return f"{number.name.lower()}({written})"
