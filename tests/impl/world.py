"""A machine on which tests make calls and whole switches, one physical CPU at a time."""

from hafnium.abi import PAGE_SIZE, U64_MASK, Call
from hafnium.dispatch import hypercall
from hafnium.page_table import PageTable, page_table_get, page_table_map
from hafnium.pool import Pool
from hafnium.spinlock import TakingTurns
from hafnium.state import Machine, Vcpu, VcpuState, create_machine
from hafnium.switch import switch_context
from hafnium.vcpu import preempt, wait_for_interrupt

MINUS_ONE = U64_MASK
NOTHING = 0xFFFF_FFFF
INDEFINITE = 0xFFFF_FFFF_FFFF_FF02
PAGES = 16


def base(vm_id: int) -> int:
    return 0x4000_0000 + vm_id * 0x10_0000


def put(table: PageTable, address: int, mode: int, count: int = 1) -> None:
    """Map pages from an address on, whatever it costs."""
    first = address // PAGE_SIZE
    page_table_map(table, first, first + count, mode, Pool(free=9))


def look(table: PageTable, address: int, count: int = 1) -> int | None:
    """Return the mode of pages from an address on."""
    first = address // PAGE_SIZE
    return page_table_get(table, first, first + count)


class World:
    """VMs with `PAGES` pages each; every virtual CPU is on."""

    machine: Machine

    def __init__(self, vcpus: tuple[int, ...] = (1, 1, 1), cpus: int = 1, pool: int = 64) -> None:
        self.machine = create_machine(cpus, list(vcpus))
        self.machine.waiting = TakingTurns()
        for vm in self.machine.vms:
            put(vm.ptable, base(vm.id), 7, PAGES)
            for vcpu in vm.vcpus:
                vcpu.state = VcpuState.READY
        self.machine.pool.free = pool

    def current(self, cpu: int = 0) -> Vcpu:
        current = self.machine.cpus[cpu].current
        assert current is not None
        return current

    def call(self, call: int, *args: int, cpu: int = 0) -> int:
        """Make a call, and switch if it says so; return what the one that goes on finds in x0."""
        registers = (*args, 0, 0, 0)[:3]
        _, to = hypercall(self.machine, self.current(cpu), call, *registers)
        self.go(to, cpu)
        return self.current(cpu).regs.r0

    def go(self, to: Vcpu | None, cpu: int = 0) -> None:
        if to is not None:
            switch_context(self.machine.cpus[cpu], self.current(cpu), to)

    def run(self, vm: int, vcpu: int = 0, cpu: int = 0) -> int:
        return self.call(Call.VCPU_RUN, vm, vcpu, cpu=cpu)

    def wfi(self, cpu: int = 0) -> int:
        self.go(wait_for_interrupt(self.machine, self.current(cpu)), cpu)
        return self.current(cpu).regs.r0

    def preempt(self, cpu: int = 0) -> int:
        self.go(preempt(self.machine, self.current(cpu)), cpu)
        return self.current(cpu).regs.r0

    def configure(self, cpu: int = 0) -> int:
        begin = base(self.current(cpu).vm.id)
        return self.call(Call.VM_CONFIGURE, begin, begin + PAGE_SIZE, cpu=cpu)

    def configure_all(self) -> None:
        """Configure every VM and come back to the primary VM."""
        assert self.configure() == 0
        for vm in self.machine.vms[1:]:
            self.run(vm.id)
            assert self.configure() == 0
            self.preempt()
