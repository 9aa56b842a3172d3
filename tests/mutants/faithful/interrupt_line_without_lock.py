"""Deviation 8: the virtual interrupt line follows a count that is read without its lock."""

from hafnium.state import Vcpu

MODULE = "hafnium.interrupts"
REFUTES = "go_on.lock.held"


def interrupt_pending(vcpu: Vcpu) -> bool:
    """Tell whether a virtual CPU has an interrupt to take."""
    return vcpu.interrupts.enabled_and_pending_count > 0
