"""Memory that changes hands, and calls that run out of page-table pages."""

import pytest
from world import MINUS_ONE, World, base

from hafnium.abi import PAGE_SIZE, U64_MASK, Call, Share
from hafnium.memory import handle_page_fault
from hafnium.page_table import STAGE1_LIMIT, page_table_get, page_table_map, table_pages
from hafnium.physical import read_memory, write_memory
from hafnium.pool import Pool

PAGE = base(0) + 4 * PAGE_SIZE


def modes(world: World, page: int = PAGE) -> list[int | None]:
    return [page_table_get(vm.ptable, page, page + PAGE_SIZE) for vm in world.machine.vms]


def share(world: World, to: int, kind: int, page: int = PAGE, size: int = PAGE_SIZE) -> int:
    return world.call(Call.SHARE_MEMORY, to << 32 | kind, page, size)


@pytest.mark.parametrize(
    ("kind", "after"),
    [(Share.GIVE, [0x30, 0x07]), (Share.LEND, [0x10, 0x27]), (Share.SHARE, [0x47, 0x67])],
)
def test_memory_goes_and_comes_back(kind: Share, after: list[int]) -> None:
    world = World()
    write_memory(world.machine.memory, PAGE, b"secret")
    assert share(world, 1, kind) == 0
    assert modes(world)[:2] == after
    assert read_memory(world.machine.memory, PAGE, 6) == bytes(6)
    for other in (1, 2):
        assert [share(world, other, again) for again in range(4)] == [MINUS_ONE] * 4
    world.run(1)
    if kind is not Share.GIVE:
        assert share(world, 2, Share.GIVE) == MINUS_ONE
        assert share(world, 0, Share.LEND) == MINUS_ONE
    write_memory(world.machine.memory, PAGE, b"answer")
    assert share(world, 0, Share.GIVE) == 0
    assert modes(world) == [0x07, 0x30, 0x70]
    assert read_memory(world.machine.memory, PAGE, 6) == bytes(6)
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
    write_memory(world.machine.memory, PAGE, b"kept")
    assert share(world, to, kind, page, size) == MINUS_ONE
    assert modes(world) == [0x07, 0x70, 0x70]
    assert read_memory(world.machine.memory, PAGE, 4) == b"kept"


def test_mailbox_pages_stay() -> None:
    world = World()
    world.configure()
    assert share(world, 1, Share.GIVE, base(0)) == MINUS_ONE
    assert share(world, 1, Share.SHARE, base(0) + PAGE_SIZE) == MINUS_ONE


def block_world(pool: int) -> World:
    """A world in which VM 0 has blocks, so that single pages of it cost page-table pages."""
    world = World(pool=pool)
    for begin in (1 << 30, 3 << 30, 5 << 30):
        assert page_table_map(world.machine.vms[0].ptable, begin, begin + (1 << 30), 7, Pool(free=9))
    return world


def tables(world: World) -> int:
    roots = [vm.ptable.root for vm in world.machine.vms] + [world.machine.stage1.ptable.root]
    return sum(table_pages(root) for root in roots)


@pytest.mark.parametrize("pool", range(8))
def test_configure_with_too_few_pages_changes_nothing(pool: int) -> None:
    world = block_world(pool)
    before = tables(world)
    assert world.call(Call.VM_CONFIGURE, 3 << 30, 5 << 30) == MINUS_ONE
    assert (world.machine.pool.free, tables(world)) == (pool, before)
    assert world.machine.vms[0].mailbox.send is None
    assert page_table_get(world.machine.vms[0].ptable, 3 << 30, 4 << 30) == 7
    world.machine.pool.free = 8
    assert world.call(Call.VM_CONFIGURE, 3 << 30, 5 << 30) == 0
    assert world.machine.pool.free == 0


@pytest.mark.parametrize("pool", range(4))
def test_share_with_too_few_pages_changes_nothing(pool: int) -> None:
    world = block_world(pool)
    page = 3 << 30
    before = tables(world)
    write_memory(world.machine.memory, page, b"kept")
    assert share(world, 1, Share.GIVE, page) == MINUS_ONE
    assert (world.machine.pool.free, tables(world)) == (pool, before)
    assert read_memory(world.machine.memory, page, 4) == b"kept"
    assert page_table_get(world.machine.vms[0].ptable, page, page + (1 << 30)) == 7
    world.machine.pool.free = 4
    assert share(world, 1, Share.GIVE, page) == 0
    assert world.machine.pool.free == 0
    assert tables(world) == before + 4
    assert read_memory(world.machine.memory, page, 4) == bytes(4)


@pytest.mark.parametrize(
    ("receiver", "hypervisor", "needed"),
    [(False, False, 4), (False, True, 4), (True, False, 4), (True, True, 2)],
)
def test_the_receiver_uses_the_pages_of_the_hypervisor(receiver: bool, hypervisor: bool, needed: int) -> None:
    """Tables that are there already, because a neighbouring page is mapped, cost nothing."""
    page = 3 << 30
    for pool in (needed - 1, needed):
        world = block_world(pool)
        neighbour = page + PAGE_SIZE, page + 2 * PAGE_SIZE
        if receiver:
            assert page_table_map(world.machine.vms[1].ptable, *neighbour, 0x67, Pool(free=9))
        if hypervisor:
            assert page_table_map(world.machine.stage1.ptable, *neighbour, 0x01, Pool(free=9))
        done = share(world, 1, Share.LEND, page) == 0
        assert done is (pool == needed)
        assert modes(world, page)[:2] == ([0x10, 0x27] if done else [0x07, 0x70])
        assert page_table_get(world.machine.stage1.ptable, page, page + PAGE_SIZE) == 0x70


@pytest.mark.parametrize("page", [STAGE1_LIMIT, STAGE1_LIMIT - PAGE_SIZE])
def test_memory_that_the_hypervisor_cannot_reach(page: int) -> None:
    world = World()
    assert page_table_map(world.machine.vms[0].ptable, page, page + 2 * PAGE_SIZE, 7, Pool(free=9))
    assert world.call(Call.VM_CONFIGURE, page + PAGE_SIZE, base(0)) == MINUS_ONE
    assert world.call(Call.VM_CONFIGURE, base(0), page + PAGE_SIZE) == MINUS_ONE
    assert share(world, 1, Share.GIVE, page, 2 * PAGE_SIZE) == MINUS_ONE
    assert page_table_get(world.machine.vms[0].ptable, page, page + 2 * PAGE_SIZE) == 7


def test_memory_of_the_hypervisor_itself() -> None:
    world = World()
    stage1 = world.machine.stage1.ptable
    assert page_table_map(stage1, PAGE, PAGE + PAGE_SIZE, 0x0B, Pool(free=9))
    assert world.call(Call.VM_CONFIGURE, PAGE, base(0)) == MINUS_ONE
    assert world.call(Call.VM_CONFIGURE, base(0), PAGE) == MINUS_ONE
    assert share(world, 1, Share.SHARE) == MINUS_ONE
    assert page_table_get(stage1, PAGE, PAGE + PAGE_SIZE) == 0x0B


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
    table = world.machine.vms[0].ptable
    assert page_table_map(table, PAGE, PAGE + PAGE_SIZE, 0x05, Pool())
    assert [handle_page_fault(world.current(), PAGE, access, 1) for access in (1, 2, 4)] == [
        True,
        False,
        True,
    ]
    assert page_table_map(table, PAGE, PAGE + PAGE_SIZE, 0x17, Pool())
    assert not handle_page_fault(world.current(), PAGE, 1, 1)
