"""How the scheduler runs a virtual CPU (reference R4, 5.5 and 6.4)."""

from hafnium.abi import (
    PRIMARY_VM_ID,
    SLEEP_INDEFINITE,
    VIRTUAL_TIMER_INTID,
    RunCode,
    RunReturn,
    encode_receive_return,
    encode_run_return,
)
from hafnium.interrupts import set_pending
from hafnium.spinlock import cpu_relax
from hafnium.state import Machine, MailboxState, Vcpu, VcpuState, find_vm
from hafnium.timer import remaining_ns_at, timer_enabled, timer_mask, timer_pending_at


def refused() -> RunReturn:
    """What the scheduler is told when there is nothing more to say than that it did not work."""
    return RunReturn(RunCode.WAIT_FOR_INTERRUPT, ns=SLEEP_INDEFINITE)


def take_message(vcpu: Vcpu) -> bool:
    """Let a blocked `mailbox_receive` return with the message, if there is one; both locks are held."""
    mailbox = vcpu.vm.mailbox
    if mailbox.state != MailboxState.RECEIVED:
        return False
    vcpu.regs.r0 = encode_receive_return(mailbox.recv_from_id, mailbox.recv_bytes)
    mailbox.state = MailboxState.READ
    return True


def still_blocked(machine: Machine, vcpu: Vcpu) -> RunReturn | None:
    """Return what a blocked virtual CPU waits for, or None if it can go on; `vcpu.lock` is held.

    The clock is read once: the timer that has not expired and the time that it has left are one fact.
    """
    if vcpu.interrupts.enabled_and_pending_count > 0:
        return None
    timer = vcpu.regs.timer
    now = machine.clock.count
    if timer_pending_at(timer, now):
        return None
    if not timer_enabled(timer):
        return refused()
    ns = remaining_ns_at(timer, now, machine.clock.frequency)
    if vcpu.state == VcpuState.BLOCKED_MAILBOX:
        return RunReturn(RunCode.WAIT_FOR_MESSAGE, ns=ns)
    return RunReturn(RunCode.WAIT_FOR_INTERRUPT, ns=ns)


def start_locked(machine: Machine, current: Vcpu, vcpu: Vcpu) -> RunReturn | None:
    """Make `vcpu`, whose registers are saved, run on this physical CPU, or return why it cannot.

    `vcpu.lock` is held, and the lock of its VM too if it waits for a message.
    """
    if vcpu.vm.aborting:
        vcpu.state = VcpuState.ABORTED
        return refused()
    match vcpu.state:
        case VcpuState.READY:
            pass
        case VcpuState.BLOCKED_MAILBOX:
            if not take_message(vcpu):
                blocked = still_blocked(machine, vcpu)
                if blocked is not None:
                    return blocked
        case VcpuState.BLOCKED_INTERRUPT:
            blocked = still_blocked(machine, vcpu)
            if blocked is not None:
                return blocked
        case _:
            return refused()
    vcpu.cpu = current.cpu
    vcpu.state = VcpuState.RUNNING
    vcpu.regs_available = False
    return None


def prepare_run(machine: Machine, current: Vcpu, vcpu: Vcpu) -> RunReturn | None:
    """Make a virtual CPU of a secondary VM run on this physical CPU, or return why it cannot.

    A virtual CPU that another physical CPU has left is waited for until its registers are saved. The
    lock of its VM is needed, and comes first, if it waits for a message.
    """
    while True:
        with vcpu.lock:
            need_vm = vcpu.state == VcpuState.BLOCKED_MAILBOX
            if not need_vm:
                if vcpu.regs_available:
                    return start_locked(machine, current, vcpu)
                if vcpu.state == VcpuState.RUNNING:
                    return refused()
        if need_vm:
            with vcpu.vm.lock, vcpu.lock:
                if vcpu.regs_available:
                    return start_locked(machine, current, vcpu)
                if vcpu.state == VcpuState.RUNNING:
                    return refused()
        cpu_relax(machine.waiting)


def vcpu_run(machine: Machine, current: Vcpu, vm_id: int, vcpu_index: int) -> tuple[int, Vcpu | None]:
    """Run a virtual CPU of a secondary VM (both arguments: 32 bits) on this physical CPU.

    The result is what `encode_run_return` makes of the reason why it came back or could not run.
    """
    if current.vm.id != PRIMARY_VM_ID:
        return encode_run_return(refused()), None
    if vm_id == PRIMARY_VM_ID:
        return encode_run_return(refused()), None
    vm = find_vm(machine, vm_id)
    if vm is None:
        return encode_run_return(refused()), None
    if vcpu_index >= len(vm.vcpus):
        return encode_run_return(refused()), None
    vcpu = vm.vcpus[vcpu_index]
    reason = prepare_run(machine, current, vcpu)
    if reason is not None:
        return encode_run_return(reason), None
    if timer_pending_at(vcpu.regs.timer, machine.clock.count):
        set_pending(vcpu, VIRTUAL_TIMER_INTID)
        timer_mask(vcpu.regs.timer)
    return encode_run_return(RunReturn(RunCode.PREEMPTED)), vcpu
