"""How a physical CPU leaves a virtual CPU, and starts (reference R4, 4, 5.1, 6.5, 7.1, 7.2, 7.4 and 7.5).

A call that does not return to its caller answers with the virtual CPU that this physical CPU goes on
with; None means that the caller goes on.
"""

from hafnium.abi import PRIMARY_VM_ID, SLEEP_INDEFINITE, RunCode, RunReturn, encode_run_return
from hafnium.spinlock import cpu_relax
from hafnium.state import Cpu, Machine, Vcpu, VcpuState, Vm
from hafnium.timer import timer_enabled, timer_remaining_ns


def sleep_ns(machine: Machine, cpu: Cpu) -> int:
    """Return how long the virtual CPU that leaves `cpu` can sleep, in nanoseconds (64 bits)."""
    if timer_enabled(cpu.timer):
        return timer_remaining_ns(cpu.timer, machine.clock)
    return SLEEP_INDEFINITE


def leave_locked(machine: Machine, current: Vcpu, ret: RunReturn, state: VcpuState) -> Vcpu:
    """Leave `current` in `state` and tell the scheduler why; `current.lock` is held.

    The registers of the primary virtual CPU belong to this physical CPU, so no lock guards them.
    """
    cpu = current.cpu
    assert cpu is not None
    primary = machine.vms[PRIMARY_VM_ID].vcpus[cpu.index]
    if ret.code in (RunCode.WAIT_FOR_INTERRUPT, RunCode.WAIT_FOR_MESSAGE):
        ret = RunReturn(ret.code, ns=sleep_ns(machine, cpu))
    primary.regs.r0 = encode_run_return(ret)
    current.state = state
    return primary


def switch_to_primary(machine: Machine, current: Vcpu, ret: RunReturn, state: VcpuState) -> Vcpu:
    """Leave `current` in `state`; return the primary virtual CPU of this physical CPU."""
    with current.lock:
        return leave_locked(machine, current, ret, state)


def vcpu_yield(machine: Machine, current: Vcpu) -> tuple[int, Vcpu | None]:
    """Give the physical CPU back to the scheduler. The primary VM is the scheduler: nothing happens."""
    if current.vm.id == PRIMARY_VM_ID:
        return 0, None
    return 0, switch_to_primary(machine, current, RunReturn(RunCode.YIELD), VcpuState.READY)


def preempt(machine: Machine, current: Vcpu) -> Vcpu:
    """A physical interrupt arrived while a secondary VM ran."""
    return switch_to_primary(machine, current, RunReturn(RunCode.PREEMPTED), VcpuState.READY)


def wait_for_interrupt(machine: Machine, current: Vcpu) -> Vcpu:
    """A secondary VM executed WFI: it runs again when an interrupt or its timer wakes it."""
    ret = RunReturn(RunCode.WAIT_FOR_INTERRUPT)
    return switch_to_primary(machine, current, ret, VcpuState.BLOCKED_INTERRUPT)


def regs_state_saved(outgoing: Vcpu) -> None:
    """Announce that the registers of the virtual CPU that this physical CPU left are saved."""
    with outgoing.lock:
        outgoing.regs_available = True


def abort(machine: Machine, current: Vcpu) -> Vcpu:
    """The VM did something that it cannot go on after; an abort of the primary VM never returns."""
    if current.vm.id == PRIMARY_VM_ID:
        while True:
            cpu_relax(machine.waiting)
    current.vm.aborting = True
    return switch_to_primary(machine, current, RunReturn(RunCode.ABORTED), VcpuState.ABORTED)


def reset_registers(vcpu: Vcpu) -> None:
    """Bring the registers of a virtual CPU that is off into their first state, but for pc and r0; its lock is held."""
    vcpu.regs.timer.control = 0
    vcpu.regs.timer.compare = 0
    vcpu.regs.virtual_interrupt = False


def vcpu_on_locked(vcpu: Vcpu, entry: int, argument: int) -> None:
    """Make a virtual CPU that is off ready to start at `entry` with `argument` in r0; its lock is held."""
    reset_registers(vcpu)
    vcpu.regs.pc = entry
    vcpu.regs.r0 = argument
    vcpu.state = VcpuState.READY


def vcpu_on(vm: Vm, index: int, entry: int, argument: int) -> None:
    """Make a virtual CPU of a secondary VM ready to start at `entry` with `argument` in r0 (64 bits each).

    Nothing happens if the VM has no such virtual CPU, or if that one is not off.
    """
    if index >= len(vm.vcpus):
        return
    vcpu = vm.vcpus[index]
    with vcpu.lock:
        if vcpu.state == VcpuState.OFF:
            vcpu_on_locked(vcpu, entry, argument)


def cpu_on(machine: Machine, cpu: Cpu, entry: int, argument: int) -> bool:
    """Make the primary virtual CPU of a physical CPU ready to start; return whether the physical CPU was on before.

    A physical CPU is on if its primary virtual CPU is not off. The registers are its own from then on.
    """
    vcpu = machine.vms[PRIMARY_VM_ID].vcpus[cpu.index]
    with vcpu.lock:
        if vcpu.state != VcpuState.OFF:
            return True
        vcpu.cpu = cpu
        vcpu_on_locked(vcpu, entry, argument)
    return False


def cpu_off(current: Vcpu) -> None:
    """Turn the physical CPU off that runs this primary virtual CPU; it executes nothing more."""
    with current.lock:
        current.state = VcpuState.OFF
