"""Deviation 11: the clock is read once to see whether the timer has expired, and again for the rest.

Between the two the timer can expire: the scheduler is told to wait, for no time at all, for a virtual CPU
that could have run.
"""

from hafnium.abi import RunCode, RunReturn
from hafnium.run import refused
from hafnium.state import Machine, Vcpu, VcpuState
from hafnium.timer import timer_enabled, timer_pending_at, timer_remaining_ns

MODULE = "hafnium.run"
REFUTES = "vcpu_run.waits_for_message.returns"


def still_blocked(machine: Machine, vcpu: Vcpu) -> RunReturn | None:
    """Return what a blocked virtual CPU waits for, or None if it can go on."""
    if vcpu.interrupts.enabled_and_pending_count > 0:
        return None
    timer = vcpu.regs.timer
    if timer_pending_at(timer, machine.clock.count):
        return None
    if not timer_enabled(timer):
        return refused()
    ns = timer_remaining_ns(timer, machine.clock)
    if vcpu.state == VcpuState.BLOCKED_MAILBOX:
        return RunReturn(RunCode.WAIT_FOR_MESSAGE, ns=ns)
    return RunReturn(RunCode.WAIT_FOR_INTERRUPT, ns=ns)
