"""Calls that tell a VM about itself and the machine (reference R4, 6.1 to 6.3). They take no lock."""

from hafnium.abi import PRIMARY_VM_ID
from hafnium.state import Machine, Vcpu, find_vm


def vm_get_id(current: Vcpu) -> int:
    """Return the id of the calling VM."""
    return current.vm.id


def vm_get_count(machine: Machine) -> int:
    """Return the number of VMs, the primary VM included."""
    return len(machine.vms)


def vcpu_get_count(machine: Machine, current: Vcpu, vm_id: int) -> int:
    """Return the number of virtual CPUs of a VM (id: 32 bits), or -1."""
    if current.vm.id != PRIMARY_VM_ID:
        return -1
    vm = find_vm(machine, vm_id)
    if vm is None:
        return -1
    return len(vm.vcpus)
