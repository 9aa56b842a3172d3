"""Deviation 2: the lock of the caller is taken while the lock of the target is held, in call order.

Two virtual CPUs of one VM that inject into each other at the same time wait for each other for ever.
"""

from hafnium.abi import NUM_INTIDS, PRIMARY_VM_ID, RunCode, RunReturn
from hafnium.state import Machine, Vcpu, VcpuState, find_vm
from hafnium.vcpu import switch_to_primary

MODULE = "hafnium.interrupts"
REFUTES = "interrupt_inject.lock.order"


def interrupt_inject(
    machine: Machine, current: Vcpu, vm_id: int, vcpu_index: int, intid: int
) -> tuple[int, Vcpu | None]:
    """Make `intid` pending for a virtual CPU."""
    vm = find_vm(machine, vm_id)
    if intid >= NUM_INTIDS or vm is None or vcpu_index >= len(vm.vcpus):
        return -1, None
    if current.vm.id != PRIMARY_VM_ID and current.vm.id != vm_id:
        return -1, None
    target = vm.vcpus[vcpu_index]
    word = intid // 32
    mask = 1 << intid % 32
    result = 0
    next_vcpu: Vcpu | None = None
    with target.lock:
        interrupts = target.interrupts
        if interrupts.enabled[word] & mask and not interrupts.pending[word] & mask:
            interrupts.enabled_and_pending_count += 1
            if interrupts.enabled_and_pending_count == 1:
                if current.vm.id == PRIMARY_VM_ID:
                    result = 1
                elif current is not target:
                    ret = RunReturn(RunCode.WAKE_UP, vm_id=vm_id, vcpu=vcpu_index)
                    next_vcpu = switch_to_primary(machine, current, ret, VcpuState.READY)
        interrupts.pending[word] |= mask
    return result, next_vcpu
