"""Virtual interrupts (reference R4, 5.4, 5.8 and 6.12 to 6.14).

An interrupt id is a bit in one of two words of 32 bits, of which the lowest bit is the lowest id.
"""

from hafnium.abi import INVALID_INTID, NUM_INTIDS, PRIMARY_VM_ID, RunCode, RunReturn
from hafnium.state import Machine, Vcpu, VcpuState, find_vm
from hafnium.vcpu import switch_to_primary


def interrupt_enable(current: Vcpu, intid: int, enable: bool) -> int:
    """Let the calling virtual CPU be interrupted by `intid` (32 bits) or not; -1 if there is no such id."""
    if intid >= NUM_INTIDS:
        return -1
    word = intid // 32
    mask = 1 << intid % 32
    with current.lock:
        interrupts = current.interrupts
        if enable:
            if interrupts.pending[word] & mask and not interrupts.enabled[word] & mask:
                interrupts.enabled_and_pending_count += 1
            interrupts.enabled[word] |= mask
        else:
            if interrupts.pending[word] & mask and interrupts.enabled[word] & mask:
                interrupts.enabled_and_pending_count -= 1
            interrupts.enabled[word] &= ~mask
    return 0


def lowest_bit(word: int) -> int:
    """Return the number of the lowest bit that is set in a word (32 bits) that is not 0."""
    for bit in range(31):
        if word >> bit & 1:
            return bit
    return 31


def interrupt_get(current: Vcpu) -> int:
    """Acknowledge the lowest interrupt that is enabled and pending; return its id (32 bits) or the invalid one."""
    with current.lock:
        interrupts = current.interrupts
        for word in range(2):
            ready = interrupts.enabled[word] & interrupts.pending[word]
            if ready:
                bit = lowest_bit(ready)
                interrupts.pending[word] &= ~(1 << bit)
                interrupts.enabled_and_pending_count -= 1
                return word * 32 + bit
    return INVALID_INTID


def set_pending_locked(target: Vcpu, intid: int) -> bool:
    """Make `intid` pending; tell whether it is the only one that is enabled and pending, and new; the lock is held."""
    word = intid // 32
    mask = 1 << intid % 32
    interrupts = target.interrupts
    first = False
    if interrupts.enabled[word] & mask and not interrupts.pending[word] & mask:
        interrupts.enabled_and_pending_count += 1
        first = interrupts.enabled_and_pending_count == 1
    interrupts.pending[word] |= mask
    return first


def set_pending(target: Vcpu, intid: int) -> bool:
    """Do so, and take the lock for it."""
    with target.lock:
        return set_pending_locked(target, intid)


def interrupt_inject(
    machine: Machine, current: Vcpu, vm_id: int, vcpu_index: int, intid: int
) -> tuple[int, Vcpu | None]:
    """Make `intid` pending for a virtual CPU; all three are 32 bits wide.

    Returns 1 to the primary VM if the target had nothing to do and should run now; a secondary VM that
    so wakes another virtual CPU of its own goes back to the scheduler. The lock of the target is free
    again before the caller's is taken: two virtual CPUs may inject into each other at the same time.
    """
    vm = find_vm(machine, vm_id)
    if intid >= NUM_INTIDS:
        return -1, None
    if vm is None:
        return -1, None
    if vcpu_index >= len(vm.vcpus):
        return -1, None
    if current.vm.id != PRIMARY_VM_ID and current.vm.id != vm_id:
        return -1, None
    target = vm.vcpus[vcpu_index]
    first = set_pending(target, intid)
    if not first:
        return 0, None
    if current.vm.id == PRIMARY_VM_ID:
        return 1, None
    if current is target:
        return 0, None
    ret = RunReturn(RunCode.WAKE_UP, vm_id=vm_id, vcpu=vcpu_index)
    return 0, switch_to_primary(machine, current, ret, VcpuState.READY)


def interrupt_pending(vcpu: Vcpu) -> bool:
    """Tell whether a virtual CPU has an interrupt to take."""
    with vcpu.lock:
        return vcpu.interrupts.enabled_and_pending_count > 0
