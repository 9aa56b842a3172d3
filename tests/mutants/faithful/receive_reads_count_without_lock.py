"""Deviation 1: the count of pending interrupts is read under the VM lock only.

Another physical CPU may inject between the read and the step into the blocked state: the count is guarded
by the lock of the virtual CPU, which is not held when it is read.
"""

from hafnium.abi import INVALID_VM_ID, PRIMARY_VM_ID, RunCode, RunReturn, encode_receive_return
from hafnium.state import Machine, MailboxState, Vcpu, VcpuState
from hafnium.vcpu import switch_to_primary

MODULE = "hafnium.mailbox"
REFUTES = "mailbox_receive.lock.held"


def mailbox_receive(machine: Machine, current: Vcpu, block: bool) -> tuple[int, Vcpu | None]:
    """Hand the message in the caller's mailbox over, or wait for one if `block` is set."""
    vm = current.vm
    nothing = encode_receive_return(INVALID_VM_ID, 0)
    if vm.id == PRIMARY_VM_ID:
        return nothing, None
    with vm.lock:
        mailbox = vm.mailbox
        if mailbox.state == MailboxState.RECEIVED:
            mailbox.state = MailboxState.READ
            return encode_receive_return(mailbox.recv_from_id, mailbox.recv_bytes), None
        if not block or current.interrupts.enabled_and_pending_count > 0:
            return nothing, None
        ret = RunReturn(RunCode.WAIT_FOR_MESSAGE)
        return nothing, switch_to_primary(machine, current, ret, VcpuState.BLOCKED_MAILBOX)
