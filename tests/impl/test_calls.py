"""The worked scenarios of the reference (section 11), and what each call refuses."""

import pytest
from world import INDEFINITE, MINUS_ONE, NOTHING, World, base

from hafnium.abi import PAGE_SIZE, U64_MASK, Call, RunCode, decode_run_return
from hafnium.spinlock import Spinning
from hafnium.state import VcpuState
from hafnium.timer import ENABLE, MASK
from hafnium.vcpu import abort, cpu_off, cpu_on, vcpu_yield


def message(vm_id: int, size: int) -> int:
    return size << 32 | vm_id << 16 | RunCode.MESSAGE


@pytest.mark.parametrize("target", [(0, 0), (3, 0), (1, 1), (1 << 31, 0)])
def test_run_of_what_is_not_there(target: tuple[int, int]) -> None:
    assert World().run(*target) == INDEFINITE


def test_only_the_primary_vm_runs_counts_and_fetches_waiters() -> None:
    world = World()
    world.run(1)
    assert world.run(2) == INDEFINITE
    assert world.call(Call.VCPU_GET_COUNT, 0) == MINUS_ONE
    assert world.call(Call.MAILBOX_WAITER_GET, 0) == MINUS_ONE


def test_ids_and_counts() -> None:
    world = World((2, 3, 1))
    assert world.call(Call.VM_GET_ID) == 0
    assert world.call(Call.VM_GET_COUNT) == 3
    assert [world.call(Call.VCPU_GET_COUNT, vm) for vm in range(4)] == [2, 3, 1, MINUS_ONE]
    assert world.call(Call.VCPU_GET_COUNT, 0x7_0000_0001) == 3
    world.run(1, 2)
    assert world.call(Call.VM_GET_ID | 1 << 30) == 1
    assert world.call(0xABCD_0000_0000_0000 | Call.VM_GET_ID) == 1


@pytest.mark.parametrize("number", [0, 0xFEFF, 0xFF0F, 0xFFFF_FFFF, 1 << 40])
def test_unknown_calls(number: int) -> None:
    assert World().call(number) == MINUS_ONE


@pytest.mark.parametrize(
    ("send", "recv"),
    [
        (1, PAGE_SIZE),
        (0, PAGE_SIZE + 8),
        (0, 0),
        (PAGE_SIZE, PAGE_SIZE),
        (0x20_0000, 0),
        (0, 0x20_0000),
        (U64_MASK - PAGE_SIZE + 1, 0),
        (0, 1 << 41),
    ],
)
def test_configure_refuses(send: int, recv: int) -> None:
    world = World()
    begin = base(0)
    send, recv = (page + begin if page < 1 << 30 else page for page in (send, recv))
    assert world.call(Call.VM_CONFIGURE, send, recv) == MINUS_ONE
    assert world.machine.vms[0].mailbox.send is None
    assert world.configure() == 0
    assert world.configure() == MINUS_ONE


def test_messages_go_both_ways() -> None:
    world = World()
    assert world.call(Call.MAILBOX_SEND, 1, 5) == MINUS_ONE
    world.configure_all()
    world.run(1)
    assert decode_run_return(world.call(Call.MAILBOX_RECEIVE, 1)).code is RunCode.WAIT_FOR_MESSAGE
    assert world.run(1) == INDEFINITE
    page = world.machine.vms[0].mailbox.send
    assert page is not None
    page.data[:5] = b"hello"
    assert world.call(Call.MAILBOX_SEND, 1, 5) == 0
    assert world.run(1) == 5 << 32
    received = world.machine.vms[1].mailbox.recv
    assert received is not None
    assert received.data[:5] == b"hello"
    assert world.call(Call.MAILBOX_CLEAR) == 0
    assert world.call(Call.MAILBOX_SEND, 0, 9) == message(0, 9)
    assert world.call(Call.MAILBOX_RECEIVE) == NOTHING
    world.run(1)
    assert world.call(Call.MAILBOX_SEND, 0, 9) == MINUS_ONE
    assert world.call(Call.MAILBOX_SEND, 2, 9) == message(2, 0)
    assert world.call(Call.MAILBOX_CLEAR) == 0


def test_a_message_that_was_not_read_is_kept() -> None:
    world = World()
    world.configure_all()
    world.call(Call.MAILBOX_SEND, 1, 3)
    world.run(1)
    assert world.call(Call.MAILBOX_CLEAR) == MINUS_ONE
    assert world.call(Call.MAILBOX_RECEIVE) == 3 << 32
    assert world.call(Call.MAILBOX_RECEIVE) == NOTHING
    assert world.call(Call.MAILBOX_CLEAR) == 0
    assert world.call(Call.MAILBOX_CLEAR) == 0


@pytest.mark.parametrize("args", [(1, 4097), (0, 1), (3, 1), (1, U64_MASK)])
def test_send_refuses(args: tuple[int, int]) -> None:
    world = World()
    world.configure_all()
    assert world.call(Call.MAILBOX_SEND, *args) == MINUS_ONE


def test_waiting_for_a_mailbox_of_a_secondary() -> None:
    world = World()
    world.configure()
    assert world.call(Call.MAILBOX_SEND, 1, 1, 1) == MINUS_ONE
    assert world.call(Call.MAILBOX_SEND, 1, 1, 1) == MINUS_ONE
    assert world.call(Call.MAILBOX_WAITER_GET, 1) == MINUS_ONE
    world.run(1)
    assert world.configure() == RunCode.NOTIFY_WAITERS
    assert world.call(Call.MAILBOX_WAITER_GET, 1) == 0
    assert world.call(Call.MAILBOX_WAITER_GET, 1) == MINUS_ONE
    assert world.call(Call.MAILBOX_WAITER_GET, 7) == MINUS_ONE
    assert world.call(Call.MAILBOX_WRITABLE_GET) == 1
    assert world.call(Call.MAILBOX_WRITABLE_GET) == MINUS_ONE
    assert world.call(Call.MAILBOX_SEND, 1, 1) == 0
    assert world.call(Call.MAILBOX_SEND, 1, 1, 1) == MINUS_ONE
    world.run(1)
    world.call(Call.MAILBOX_RECEIVE)
    assert world.call(Call.MAILBOX_CLEAR) == RunCode.NOTIFY_WAITERS


def test_waiting_for_the_mailbox_of_the_primary() -> None:
    world = World()
    world.run(1)
    world.configure()
    world.call(Call.INTERRUPT_ENABLE, 2, 1)
    assert world.call(Call.MAILBOX_SEND, 0, 1, 1) == MINUS_ONE
    assert world.wfi() == INDEFINITE
    assert world.configure() == 1
    assert world.call(Call.MAILBOX_WAITER_GET, 0) == 1
    assert world.call(Call.INTERRUPT_INJECT, 1, 0, 2) == 1
    world.run(1)
    assert world.machine.cpus[0].virtual_interrupt
    assert world.call(Call.MAILBOX_WRITABLE_GET) == 0
    assert world.call(Call.MAILBOX_SEND, 0, 1, 1) == message(0, 1)
    world.run(1)
    assert world.call(Call.MAILBOX_SEND, 0, 1, 1) == MINUS_ONE
    world.preempt()
    assert world.call(Call.MAILBOX_CLEAR) == 1
    assert world.call(Call.MAILBOX_WAITER_GET, 0) == 1
    assert world.call(Call.MAILBOX_CLEAR) == 0


def test_a_second_notification_does_not_put_an_entry_on_the_list_twice() -> None:
    world = World()
    world.configure_all()
    for _ in range(2):
        world.call(Call.MAILBOX_SEND, 1, 1)
        assert world.call(Call.MAILBOX_SEND, 1, 1, 1) == MINUS_ONE
        world.run(1)
        world.call(Call.MAILBOX_RECEIVE)
        assert world.call(Call.MAILBOX_CLEAR) == RunCode.NOTIFY_WAITERS
        assert world.call(Call.MAILBOX_WAITER_GET, 1) == 0
    assert world.call(Call.MAILBOX_WRITABLE_GET) == 1
    assert world.call(Call.MAILBOX_WRITABLE_GET) == MINUS_ONE


def test_interrupts_wake_a_blocked_receiver() -> None:
    world = World()
    world.configure_all()
    world.run(1)
    for intid in (5, 40):
        assert world.call(Call.INTERRUPT_ENABLE, intid, 1) == 0
    world.call(Call.MAILBOX_RECEIVE, 1)
    assert world.call(Call.INTERRUPT_INJECT, 1, 0, 6) == 0
    assert world.run(1) == INDEFINITE
    assert world.call(Call.INTERRUPT_INJECT, 1, 0, 40) == 1
    assert world.call(Call.INTERRUPT_INJECT, 1, 0, 5) == 0
    assert world.call(Call.INTERRUPT_INJECT, 1, 0, 5) == 0
    assert world.run(1) == NOTHING
    assert world.call(Call.MAILBOX_RECEIVE, 1) == NOTHING
    assert [world.call(Call.INTERRUPT_GET) for _ in range(3)] == [5, 40, NOTHING]
    assert world.call(Call.INTERRUPT_ENABLE, 6, 1) == 0
    assert world.machine.cpus[0].virtual_interrupt
    assert world.call(Call.INTERRUPT_ENABLE, 6, 0) == 0
    assert not world.machine.cpus[0].virtual_interrupt
    assert world.call(Call.INTERRUPT_ENABLE, 6, 0) == 0
    assert world.call(Call.INTERRUPT_ENABLE, 64, 1) == MINUS_ONE


@pytest.mark.parametrize("args", [(1, 0, 64), (3, 0, 1), (1, 1, 1)])
def test_inject_refuses(args: tuple[int, int, int]) -> None:
    world = World()
    assert world.call(Call.INTERRUPT_INJECT, *args) == MINUS_ONE
    world.run(1)
    assert world.call(Call.INTERRUPT_INJECT, 2, 0, 1) == MINUS_ONE


def test_a_secondary_injects_into_itself_and_its_sibling() -> None:
    world = World((1, 2))
    world.run(1, 1)
    world.call(Call.INTERRUPT_ENABLE, 9, 1)
    assert world.call(Call.INTERRUPT_INJECT, 1, 1, 9) == 0
    assert world.call(Call.INTERRUPT_GET) == 9
    world.preempt()
    world.run(1, 0)
    assert world.call(Call.INTERRUPT_INJECT, 1, 1, 9) == 1 << 32 | 1 << 16 | RunCode.WAKE_UP
    assert world.run(1, 0) == 0
    assert world.call(Call.INTERRUPT_INJECT, 1, 1, 9) == 0


def test_timers() -> None:
    world = World()
    world.run(1)
    clock, timer = world.machine.clock, world.machine.cpus[0].timer
    timer.control, timer.compare = ENABLE, 100
    clock.count = 40
    assert decode_run_return(world.wfi()).ns == 60
    clock.count = 50
    assert decode_run_return(world.run(1)).ns == 50
    clock.count = 100
    world.run(1)
    assert world.current().vm.id == 1
    assert timer.control == ENABLE | MASK
    assert world.current().interrupts.pending == [8, 0]
    timer.control, timer.compare = ENABLE, 300
    assert decode_run_return(world.call(Call.MAILBOX_RECEIVE, 1)).ns == 200
    again = decode_run_return(world.run(1))
    assert (again.code, again.ns) == (RunCode.WAIT_FOR_MESSAGE, 200)


def test_the_timer_of_the_primary_goes_on_while_a_secondary_runs() -> None:
    world = World()
    cpu = world.machine.cpus[0]
    cpu.timer.control, cpu.timer.compare = ENABLE, 77
    world.run(1)
    assert (cpu.timer.control, cpu.physical_timer.control, cpu.physical_timer.compare) == (0, ENABLE, 77)
    world.preempt()
    assert (cpu.timer.control, cpu.timer.compare, cpu.physical_timer.control) == (ENABLE, 77, 0)


def test_an_aborted_vm_runs_no_more() -> None:
    world = World((1, 2))
    world.run(1)
    world.go(abort(world.machine, world.current()))
    assert world.current().regs.r0 == RunCode.ABORTED
    assert world.run(1, 0) == INDEFINITE
    assert world.run(1, 1) == INDEFINITE
    assert world.machine.vms[1].vcpus[1].state is VcpuState.ABORTED
    with pytest.raises(Spinning):
        abort(world.machine, world.current())


@pytest.mark.parametrize("state", [VcpuState.OFF, VcpuState.ABORTED])
def test_a_vcpu_that_is_off_or_aborted_does_not_run(state: VcpuState) -> None:
    world = World()
    world.machine.vms[1].vcpus[0].state = state
    assert world.run(1) == INDEFINITE
    assert world.machine.vms[1].vcpus[0].state is state


def test_yield() -> None:
    world = World()
    assert vcpu_yield(world.machine, world.current()) == (0, None)
    assert world.call(Call.VCPU_YIELD) == 0
    world.run(1)
    assert world.call(Call.VCPU_YIELD) == RunCode.YIELD
    assert world.run(1) == 0


def test_two_cpus_run_the_same_vcpu() -> None:
    world = World((2, 1), cpus=2)
    world.run(1, cpu=0)
    assert world.run(1, cpu=1) == INDEFINITE
    world.preempt(cpu=0)
    world.run(1, cpu=1)
    assert world.current(1).vm.id == 1


@pytest.mark.parametrize("how", ["wfi", "receive"])
def test_a_vcpu_that_is_not_saved_is_waited_for(how: str) -> None:
    world = World((2, 1), cpus=2)
    world.run(1)
    vcpu = world.current()
    vcpu.state = VcpuState.BLOCKED_MAILBOX if how == "receive" else VcpuState.BLOCKED_INTERRUPT
    with pytest.raises(Spinning):
        world.run(1, cpu=1)
    vcpu.regs_available = True
    assert world.run(1, cpu=1) == INDEFINITE


def test_the_state_may_change_between_the_two_looks_of_a_run() -> None:
    world = World((2, 1), cpus=2)
    vm = world.machine.vms[1]
    vcpu = vm.vcpus[0]
    vcpu.state = VcpuState.BLOCKED_MAILBOX

    class Meddler(type(vm.lock)):  # type: ignore[misc]
        def acquire(self) -> None:
            super().acquire()
            vcpu.state = VcpuState.RUNNING
            vcpu.regs_available = False

    vm.lock = Meddler()
    assert world.run(1) == INDEFINITE


def test_cpus_go_on_and_off() -> None:
    world = World((2, 1), cpus=1)
    machine = world.machine
    cpu = machine.cpus[0]
    assert cpu_on(machine, cpu, 1, 2)
    vcpu = machine.vms[0].vcpus[0]
    cpu_off(vcpu)
    assert not cpu_on(machine, cpu, 0x8000, 7)
    assert (vcpu.state, vcpu.regs.pc, vcpu.regs.r0) == (VcpuState.READY, 0x8000, 7)


def test_an_interrupt_that_is_disabled_does_not_count() -> None:
    world = World()
    interrupts = world.current().interrupts
    counts = []
    for enable in (1, 0, 0, 1 << 40, 1):
        world.call(Call.INTERRUPT_ENABLE, 40, enable)
        world.call(Call.INTERRUPT_INJECT, 0, 0, 40)
        counts.append(interrupts.enabled_and_pending_count)
    assert counts == [1, 0, 0, 1, 1]
    assert (interrupts.enabled, interrupts.pending) == ([0, 1 << 8], [0, 1 << 8])


@pytest.mark.parametrize("intid", [0, 31, 32, 63])
def test_the_first_and_the_last_interrupt_of_a_word(intid: int) -> None:
    world = World()
    world.call(Call.INTERRUPT_ENABLE, intid, 1)
    assert world.call(Call.INTERRUPT_INJECT, 0, 0, intid) == 1
    assert world.call(Call.INTERRUPT_GET) == intid
    assert world.call(Call.INTERRUPT_GET) == NOTHING
