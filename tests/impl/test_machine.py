"""Whole machines under random calls, switches, interrupts and time: the rules hold after each step."""

from random import Random

from driver import BASE, PAGES_EACH, STRIDE, Driver
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hafnium.abi import MAILBOX_WRITABLE_INTID, PAGE_SIZE, U64_MASK, Call

CPUS = st.integers(0, 2)
VMS = st.integers(0, 4)
IDS = VMS | st.sampled_from([1 << 32, (1 << 32) + 1, U64_MASK])
REGISTERS = st.integers(0, U64_MASK)
PAGES = st.builds(
    lambda vm, page: BASE + vm * STRIDE + page * PAGE_SIZE, st.integers(0, 3), st.integers(0, PAGES_EACH)
) | st.sampled_from([0, 1, PAGE_SIZE, 1 << 39, 1 << 41, U64_MASK - PAGE_SIZE + 1, U64_MASK])
SIZES = st.sampled_from([0, PAGE_SIZE, 2 * PAGE_SIZE, STRIDE, 1 << 40, U64_MASK, 5])
INTIDS = st.sampled_from([0, 2, 3, 5, 31, 32, 63, 64, (1 << 32) + 5, U64_MASK])


class Machines(RuleBasedStateMachine):
    """Four VMs on three physical CPUs."""

    @initialize(pool=st.integers(0, 12) | st.just(64), configured=st.booleans())
    def start(self, pool: int, configured: bool) -> None:
        self.driver = Driver((3, 2, 2, 1), 3, pool)
        if configured:
            self.driver.configure_all()

    @rule(cpu=CPUS, vm=IDS, vcpu=st.integers(0, 2))
    def run(self, cpu: int, vm: int, vcpu: int) -> None:
        self.driver.hvc(cpu, Call.VCPU_RUN, vm, vcpu, 0)
        for _ in range(3):
            self.driver.window(cpu)

    @rule(cpu=CPUS, vm=IDS, vcpu=st.integers(0, 2))
    def run_with_window(self, cpu: int, vm: int, vcpu: int) -> None:
        self.driver.hvc(cpu, Call.VCPU_RUN, vm, vcpu, 0)

    @rule(cpu=CPUS)
    def window(self, cpu: int) -> None:
        self.driver.window(cpu)

    @rule(cpu=CPUS, how=st.sampled_from(["preempt", "wfi", "wfe"]))
    def leave(self, cpu: int, how: str) -> None:
        self.driver.leave(cpu, how)

    @rule(cpu=CPUS, address=PAGES, access=st.sampled_from([1, 2, 4]), size=st.sampled_from([1, 4, 4096, 4097]))
    def fault(self, cpu: int, address: int, access: int, size: int) -> None:
        self.driver.fault(cpu, address, access, size)

    @rule(cpu=CPUS, send=PAGES, recv=PAGES)
    def configure(self, cpu: int, send: int, recv: int) -> None:
        self.driver.hvc(cpu, Call.VM_CONFIGURE, send, recv, 0)

    @rule(cpu=CPUS, page=st.integers(0, PAGES_EACH - 2))
    def configure_own(self, cpu: int, page: int) -> None:
        current = self.driver.current(cpu)
        if current is not None:
            send = BASE + current.vm.id * STRIDE + page * PAGE_SIZE
            self.driver.hvc(cpu, Call.VM_CONFIGURE, send, send + PAGE_SIZE, 0)

    @rule(cpu=CPUS, vm=IDS, size=st.sampled_from([0, 1, 4096, 4097, U64_MASK]), notify=st.booleans())
    def send(self, cpu: int, vm: int, size: int, notify: bool) -> None:
        self.driver.hvc(cpu, Call.MAILBOX_SEND, vm, size, notify)

    @rule(vm=st.integers(0, 3), seed=st.integers(0, 9))
    def fill(self, vm: int, seed: int) -> None:
        self.driver.fill(vm, seed)

    @rule(cpu=CPUS, block=REGISTERS | st.just(0))
    def receive(self, cpu: int, block: int) -> None:
        self.driver.hvc(cpu, Call.MAILBOX_RECEIVE, block, 0, 0)

    @rule(cpu=CPUS, call=st.sampled_from([Call.MAILBOX_CLEAR, Call.MAILBOX_WRITABLE_GET, Call.INTERRUPT_GET]))
    def get(self, cpu: int, call: Call) -> None:
        self.driver.hvc(cpu, call, 0, 0, 0)

    @rule(cpu=CPUS, vm=IDS)
    def waiter(self, cpu: int, vm: int) -> None:
        result = self.driver.hvc(cpu, Call.MAILBOX_WAITER_GET, vm, 0, 0)
        if result is not None and result != U64_MASK:
            self.driver.hvc(cpu, Call.INTERRUPT_INJECT, result, 0, MAILBOX_WRITABLE_INTID)

    @rule(cpu=CPUS, intid=INTIDS, enable=st.booleans())
    def enable(self, cpu: int, intid: int, enable: bool) -> None:
        self.driver.hvc(cpu, Call.INTERRUPT_ENABLE, intid, enable, 0)

    @rule(cpu=CPUS, vm=IDS, vcpu=st.integers(0, 2), intid=INTIDS)
    def inject(self, cpu: int, vm: int, vcpu: int, intid: int) -> None:
        self.driver.hvc(cpu, Call.INTERRUPT_INJECT, vm, vcpu, intid)

    @rule(cpu=CPUS, vm=VMS, share=st.integers(0, 3), page=PAGES, size=SIZES)
    def share(self, cpu: int, vm: int, share: int, page: int, size: int) -> None:
        self.driver.hvc(cpu, Call.SHARE_MEMORY, vm << 32 | share, page, size)

    @rule(
        cpu=CPUS,
        vm=VMS,
        share=st.integers(0, 2),
        page=st.integers(0, PAGES_EACH - 1),
        owner=st.integers(0, 3),
    )
    def share_page(self, cpu: int, vm: int, share: int, page: int, owner: int) -> None:
        address = BASE + owner * STRIDE + page * PAGE_SIZE
        self.driver.hvc(cpu, Call.SHARE_MEMORY, vm << 32 | share, address, PAGE_SIZE)

    @rule(cpu=CPUS, control=st.integers(0, 7), ticks=st.integers(0, 100) | REGISTERS)
    def timer(self, cpu: int, control: int, ticks: int) -> None:
        self.driver.timer(cpu, control, ticks)

    @rule(ticks=st.integers(0, 200) | REGISTERS)
    def tick(self, ticks: int) -> None:
        self.driver.tick(ticks)

    @rule(cpu=CPUS, on=st.booleans())
    def power(self, cpu: int, on: bool) -> None:
        self.driver.power(cpu, on)

    @rule(
        cpu=CPUS,
        x0=REGISTERS | st.sampled_from([int(call) | 1 << 30 for call in Call]),
        x=st.tuples(*[REGISTERS] * 3),
    )
    def garbage(self, cpu: int, x0: int, x: tuple[int, int, int]) -> None:
        self.driver.hvc(cpu, x0, *x)

    @invariant()
    def rules_hold(self) -> None:
        if hasattr(self, "driver"):
            self.driver.check()


Machines.TestCase.settings = settings(
    max_examples=120, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMachines = Machines.TestCase


def test_long_random_runs_keep_the_rules() -> None:
    for seed in range(4):
        random = Random(seed)
        driver = Driver((3, 2, 2, 1), 3, 40)
        driver.configure_all()
        for _ in range(1500):
            driver.random_step(random)
            driver.check()
