"""The context switch of a physical CPU (reference R4, 8.3).

A switch is three steps, between which other physical CPUs go on: the registers of the virtual CPU that
is left are saved; `regs_state_saved` announces it, and from then on another CPU may run it; the
registers of the next one are restored.
"""

from hafnium.abi import PRIMARY_VM_ID
from hafnium.state import Cpu, Machine, Vcpu
from hafnium.timer import timer_copy
from hafnium.vcpu import regs_state_saved


def save_registers(cpu: Cpu, outgoing: Vcpu) -> None:
    """Store the live registers into the block of the virtual CPU that `cpu` leaves and still owns."""
    outgoing.regs.virtual_interrupt = cpu.virtual_interrupt
    timer_copy(outgoing.regs.timer, cpu.timer)


def restore_registers(cpu: Cpu, left: Vcpu, incoming: Vcpu) -> None:
    """Make `incoming`, whose block `cpu` owns, the current virtual CPU after `left`.

    While a secondary VM runs, the physical timer fires when the virtual timer of the primary VM would.
    """
    if left.vm.id == PRIMARY_VM_ID:
        timer_copy(cpu.physical_timer, cpu.timer)
    enter(cpu, incoming)


def enter(cpu: Cpu, incoming: Vcpu) -> None:
    """Load the registers of `incoming` and go on with it; the first one on a physical CPU is entered here."""
    cpu.current = incoming
    cpu.virtual_interrupt = incoming.regs.virtual_interrupt
    timer_copy(cpu.timer, incoming.regs.timer)
    if incoming.vm.id == PRIMARY_VM_ID:
        cpu.physical_timer.control = 0
        cpu.physical_timer.compare = 0


def cpu_start(machine: Machine, cpu: Cpu) -> Vcpu:
    """Let a physical CPU that is on begin with its primary virtual CPU."""
    vcpu = machine.vms[PRIMARY_VM_ID].vcpus[cpu.index]
    enter(cpu, vcpu)
    return vcpu


def switch_context(cpu: Cpu, outgoing: Vcpu, incoming: Vcpu) -> None:
    """Do all three steps of a switch in one go."""
    save_registers(cpu, outgoing)
    regs_state_saved(outgoing)
    restore_registers(cpu, outgoing, incoming)
