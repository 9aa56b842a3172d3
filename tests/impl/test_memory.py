"""Memory that changes hands, and calls that run out of page-table pages."""

from collections.abc import Callable

import pytest
from checks import check_table, guard_table, page_tables, pages_in_all, table_pages
from world import MINUS_ONE, World, base, look, put

from hafnium.abi import PAGE_SIZE, U64_MASK, Call, Share
from hafnium.memory import handle_page_fault
from hafnium.page_table import REGION, STAGE1_LIMIT, page_table_map
from hafnium.physical import memory_page, read_memory, write_memory
from hafnium.pool import Pool
from hafnium.spinlock import SpinLock

PAGE = base(0) + 4 * PAGE_SIZE
GIB = 1 << 30


def modes(world: World, page: int = PAGE) -> list[int | None]:
    return [look(vm.ptable, page) for vm in world.machine.vms]


def share(world: World, to: int, kind: int, page: int = PAGE, size: int = PAGE_SIZE) -> int:
    return world.call(Call.SHARE_MEMORY, to << 32 | kind, page, size)


@pytest.mark.parametrize(
    ("kind", "after"),
    [(Share.GIVE, [0x30, 0x07]), (Share.LEND, [0x10, 0x27]), (Share.SHARE, [0x47, 0x67])],
)
def test_memory_goes_and_comes_back(kind: Share, after: list[int]) -> None:
    world = World()
    write_memory(world.machine, PAGE, b"secret")
    assert share(world, 1, kind) == 0
    assert modes(world)[:2] == after
    assert read_memory(world.machine, PAGE, 6) == bytes(6)
    for other in (1, 2):
        assert [share(world, other, again) for again in range(4)] == [MINUS_ONE] * 4
    world.run(1)
    if kind is not Share.GIVE:
        assert share(world, 2, Share.GIVE) == MINUS_ONE
        assert share(world, 0, Share.LEND) == MINUS_ONE
    write_memory(world.machine, PAGE, b"answer")
    assert share(world, 0, Share.GIVE) == 0
    assert modes(world) == [0x07, 0x30, 0x70]
    assert read_memory(world.machine, PAGE, 6) == bytes(6)
    world.preempt()
    assert share(world, 2, Share.LEND) == 0


@pytest.mark.parametrize(
    ("to", "kind", "page", "size"),
    [
        (0, 0, PAGE, PAGE_SIZE),
        (3, 0, PAGE, PAGE_SIZE),
        (1, 3, PAGE, PAGE_SIZE),
        (1, 4, PAGE, PAGE_SIZE),
        (1, 1 << 31, PAGE, PAGE_SIZE),
        (1, 0, PAGE + 1, PAGE_SIZE),
        (1, 0, PAGE, PAGE_SIZE - 1),
        (1, 0, PAGE, 0),
        (1, 0, PAGE, -PAGE_SIZE & U64_MASK),
        (1, 0, PAGE, 1 << 41),
        (1, 0, 0, PAGE_SIZE),
        (1, 0, base(1), PAGE_SIZE),
        (1, 0, PAGE, 64 * PAGE_SIZE),
    ],
)
def test_share_refuses(to: int, kind: int, page: int, size: int) -> None:
    world = World()
    write_memory(world.machine, PAGE, b"kept")
    assert share(world, to, kind, page, size) == MINUS_ONE
    assert modes(world) == [0x07, 0x70, 0x70]
    assert read_memory(world.machine, PAGE, 4) == b"kept"


def test_mailbox_pages_stay() -> None:
    world = World()
    world.configure()
    assert share(world, 1, Share.GIVE, base(0)) == MINUS_ONE
    assert share(world, 1, Share.SHARE, base(0) + PAGE_SIZE) == MINUS_ONE


def block_world(pool: int) -> World:
    """A world in which VM 0 has blocks, so that single pages of it cost page-table pages."""
    world = World(pool=pool)
    for begin in (GIB, 3 * GIB, 5 * GIB):
        put(world.machine.vms[0].ptable, begin, 7, REGION)
    return world


def tables(world: World) -> list[int]:
    return [table_pages(table) for table in page_tables(world.machine)]


@pytest.mark.parametrize("pool", range(8))
def test_configure_with_too_few_pages_changes_nothing(pool: int) -> None:
    world = block_world(pool)
    before = tables(world)
    assert world.call(Call.VM_CONFIGURE, 3 * GIB, 5 * GIB) == MINUS_ONE
    assert (world.machine.pool.free, tables(world)) == (pool, before)
    assert world.machine.vms[0].mailbox.send is None
    assert look(world.machine.vms[0].ptable, 3 * GIB, REGION) == 7
    world.machine.pool.free = 8
    assert world.call(Call.VM_CONFIGURE, 3 * GIB, 5 * GIB) == 0
    assert world.machine.pool.free == 0
    assert tables(world) == [before[0] + 4, *before[1:3], before[3] + 4]


@pytest.mark.parametrize("pool", range(4))
def test_share_with_too_few_pages_changes_nothing(pool: int) -> None:
    world = block_world(pool)
    page = 3 * GIB
    before = tables(world)
    write_memory(world.machine, page, b"kept")
    assert share(world, 1, Share.GIVE, page) == MINUS_ONE
    assert (world.machine.pool.free, tables(world)) == (pool, before)
    assert read_memory(world.machine, page, 4) == b"kept"
    assert look(world.machine.vms[0].ptable, page, REGION) == 7
    world.machine.pool.free = 4
    assert share(world, 1, Share.GIVE, page) == 0
    assert world.machine.pool.free == 0
    assert tables(world) == [before[0] + 2, before[1] + 2, *before[2:]]
    assert read_memory(world.machine, page, 4) == bytes(4)


@pytest.mark.parametrize(
    ("receiver", "hypervisor", "needed"),
    [(False, False, 4), (False, True, 4), (True, False, 4), (True, True, 2)],
)
def test_the_receiver_uses_the_pages_of_the_hypervisor(receiver: bool, hypervisor: bool, needed: int) -> None:
    """Tables that are there already, because a neighbouring page is mapped, cost nothing."""
    page = 3 * GIB
    for pool in (needed - 1, needed):
        world = block_world(pool)
        if receiver:
            put(world.machine.vms[1].ptable, page + PAGE_SIZE, 0x67)
        if hypervisor:
            put(world.machine.stage1, page + PAGE_SIZE, 0x01)
        total = pages_in_all(world.machine)
        done = share(world, 1, Share.LEND, page) == 0
        assert done is (pool == needed)
        assert modes(world, page)[:2] == ([0x10, 0x27] if done else [0x07, 0x70])
        assert look(world.machine.stage1, page) == 0x70
        assert pages_in_all(world.machine) == total


@pytest.mark.parametrize("page", [STAGE1_LIMIT * PAGE_SIZE, (STAGE1_LIMIT - 1) * PAGE_SIZE])
def test_memory_that_the_hypervisor_cannot_reach(page: int) -> None:
    world = World()
    put(world.machine.vms[0].ptable, page, 7, 2)
    before = (world.machine.pool.free, tables(world))
    assert world.call(Call.VM_CONFIGURE, page + PAGE_SIZE, base(0)) == MINUS_ONE
    assert world.call(Call.VM_CONFIGURE, base(0), page + PAGE_SIZE) == MINUS_ONE
    assert share(world, 1, Share.GIVE, page, 2 * PAGE_SIZE) == MINUS_ONE
    assert look(world.machine.vms[0].ptable, page, 2) == 7
    assert (world.machine.pool.free, tables(world)) == before
    check_table(world.machine.stage1)


def test_memory_of_the_hypervisor_itself() -> None:
    world = World()
    stage1 = world.machine.stage1
    put(stage1, PAGE, 0x0B)
    assert world.call(Call.VM_CONFIGURE, PAGE, base(0)) == MINUS_ONE
    assert world.call(Call.VM_CONFIGURE, base(0), PAGE) == MINUS_ONE
    assert share(world, 1, Share.SHARE) == MINUS_ONE
    assert look(stage1, PAGE) == 0x0B


class Watched(bytearray):
    """The bytes of a page, with what is known when they change."""

    look: Callable[[], object]
    seen: object = None

    def __setitem__(self, *args: object) -> None:
        self.seen = self.look()
        super().__setitem__(*args)  # type: ignore[call-overload]


@pytest.mark.parametrize(("kind", "left"), [(Share.GIVE, 0x30), (Share.LEND, 0x10), (Share.SHARE, 0x47)])
def test_memory_is_zeroed_when_the_sender_has_lost_it_and_before_the_receiver_has_it(kind: Share, left: int) -> None:
    world = World()
    page = memory_page(world.machine, PAGE)
    page.data = watched = Watched(b"s" * PAGE_SIZE)
    watched.look = lambda: [look(table, PAGE) for table in page_tables(world.machine)]
    assert share(world, 1, kind) == 0
    assert watched.seen == [left, 0x70, 0x70, 0x02]
    assert watched == bytes(PAGE_SIZE)


class Noted(SpinLock):
    """A lock that notes when it is taken and given back."""

    def __init__(self, name: str, log: list[str]) -> None:
        super().__init__()
        self.name = name
        self.log = log

    def acquire(self) -> None:
        super().acquire()
        self.log.append(self.name)

    def release(self) -> None:
        self.log.append(f"-{self.name}")
        super().release()


def note_locks(world: World) -> list[str]:
    """Return where the locks of VMs, page tables and the pool write down what happens to them."""
    log: list[str] = []
    for vm in world.machine.vms:
        vm.lock = Noted(f"vm {vm.id}", log)
        vm.ptable.lock = Noted(f"table {vm.id}", log)
    world.machine.stage1.lock = Noted("stage 1", log)
    world.machine.pool.lock = Noted("pool", log)
    return log


@pytest.mark.parametrize("pool", [0, 9])
@pytest.mark.parametrize(
    ("call", "args", "locks"),
    [
        (Call.VM_CONFIGURE, (base(1), base(1) + PAGE_SIZE), ["vm 1", "table 1", "stage 1", "pool"]),
        (Call.SHARE_MEMORY, (2 << 32, base(1), PAGE_SIZE), ["table 1", "table 2", "stage 1", "pool"]),
        (Call.SHARE_MEMORY, (0 << 32, base(1), PAGE_SIZE), ["table 0", "table 1", "stage 1", "pool"]),
    ],
)
def test_a_call_takes_all_locks_once_and_uses_no_table_without(
    call: Call, args: tuple[int, ...], locks: list[str], pool: int
) -> None:
    world = World(pool=pool)
    world.run(1)
    log = note_locks(world)
    levels = [level for table in page_tables(world.machine) for level in guard_table(table)]
    assert world.call(call, *args) == (0 if pool > 0 else MINUS_ONE)
    assert log == locks + [f"-{name}" for name in reversed(locks)]
    assert not any(level.violated for level in levels)


@pytest.mark.parametrize(
    ("address", "access", "size", "resumed"),
    [
        (PAGE, 1, 8, True),
        (PAGE, 4, 0, False),
        (PAGE + PAGE_SIZE - 2, 2, 4, True),
        (base(0) + 16 * PAGE_SIZE - 2, 2, 4, False),
        (base(0) - 1, 1, 1, False),
        (U64_MASK, 1, 4, False),
    ],
)
def test_page_faults(address: int, access: int, size: int, resumed: bool) -> None:
    world = World()
    assert handle_page_fault(world.current(), address, access, size) is resumed


def test_a_fault_needs_the_access_that_was_made() -> None:
    world = World()
    table, first, pool = world.machine.vms[0].ptable, PAGE // PAGE_SIZE, Pool()
    page_table_map(table, first, first + 1, 0x05, pool)
    assert [handle_page_fault(world.current(), PAGE, access, 1) for access in (1, 2, 4)] == [
        True,
        False,
        True,
    ]
    page_table_map(table, first, first + 1, 0x17, pool)
    assert not handle_page_fault(world.current(), PAGE, 1, 1)
    assert pool.free == 0
