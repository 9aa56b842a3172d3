"""Page tables against a plain map, and the pages that they take."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hafnium.abi import PAGE_SIZE, U64_MASK
from hafnium.page_table import (
    ABSENT,
    ENTRIES,
    NOBODY,
    STAGE1_LIMIT,
    STAGE2_LIMIT,
    PageTable,
    page_table_cost,
    page_table_get,
    page_table_map,
    page_table_merge,
    page_table_prepare,
    table_pages,
)
from hafnium.pool import Pool, pool_alloc, pool_finish, pool_free, pool_reserve

BLOCK = ENTRIES * PAGE_SIZE
GIB = ENTRIES * BLOCK
MARKS = [0, 1, 2, 511, 512, 513, 1024, 512 * 512 - 1, 512 * 512, 512 * 512 + 513, 512 * 512 * 3]
MODES = st.sampled_from([0x07, 0x03, 0x10, 0x30, 0x47, 0x63, 0x70, 0x00])
ENDS = st.tuples(st.sampled_from(MARKS), st.integers(-2, 2)).map(lambda pair: max(0, sum(pair)))


def absent(mode: int) -> int:
    return ABSENT if mode & NOBODY == NOBODY else mode


class Model:
    """A map from the pages at which something may change to modes."""

    def __init__(self) -> None:
        self.starts = sorted({max(0, mark + d) for mark in MARKS for d in range(-2, 4)})
        self.modes = dict.fromkeys(self.starts, ABSENT)

    def put(self, begin: int, end: int, mode: int) -> None:
        for page in self.starts:
            if begin <= page < end:
                self.modes[page] = mode

    def get(self, begin: int, end: int) -> set[int]:
        return {absent(self.modes[page]) for page in self.starts if begin <= page < end}


def check(table: PageTable, model: Model) -> None:
    for page in model.starts:
        mode = page_table_get(table, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        assert mode is not None
        assert absent(mode) == absent(model.modes[page])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(ENDS, ENDS, MODES), max_size=8), st.integers(0, 12), st.data())
def test_table_is_a_map(changes: list[tuple[int, int, int]], free: int, data: st.DataObject) -> None:
    table, pool, model = PageTable(STAGE2_LIMIT), Pool(free=free), Model()
    for begin, end, mode in changes:
        cost = page_table_cost(table, begin * PAGE_SIZE, end * PAGE_SIZE, mode)
        affordable = cost <= pool.free
        mapped = page_table_map(table, begin * PAGE_SIZE, end * PAGE_SIZE, mode, pool)
        assert mapped is affordable
        if mapped:
            model.put(begin, end, mode)
        else:
            assert pool.free == 0
        assert pool.free + table_pages(table.root) == free
        check(table, model)
        if data.draw(st.booleans()):
            page_table_merge(table, begin * PAGE_SIZE, end * PAGE_SIZE, pool)
            assert pool.free + table_pages(table.root) == free
            check(table, model)
        first, last = data.draw(ENDS), data.draw(ENDS)
        common = page_table_get(table, first * PAGE_SIZE, last * PAGE_SIZE)
        if common is not None:
            assert model.get(first, last) <= {absent(common)}
        elif first < last:
            assert len(model.get(first, last)) > 1 or absent(next(iter(model.get(first, last)))) == ABSENT


def test_a_range_that_has_no_mode() -> None:
    table = PageTable(STAGE1_LIMIT)
    assert page_table_get(table, 0, STAGE1_LIMIT) == ABSENT
    assert page_table_get(table, 0, STAGE1_LIMIT + 1) is None
    assert page_table_get(table, PAGE_SIZE, PAGE_SIZE) is None
    assert page_table_get(table, 2 * PAGE_SIZE, PAGE_SIZE) is None
    assert page_table_get(table, PAGE_SIZE, U64_MASK) is None
    assert page_table_get(table, 5, 6) == ABSENT


def test_a_range_above_the_limit_is_empty() -> None:
    table, pool = PageTable(STAGE1_LIMIT), Pool()
    assert page_table_map(table, STAGE1_LIMIT, STAGE1_LIMIT + PAGE_SIZE, 7, pool)
    assert page_table_map(table, STAGE1_LIMIT - GIB, U64_MASK - PAGE_SIZE, 7, pool)
    assert page_table_get(table, STAGE1_LIMIT - GIB, STAGE1_LIMIT) == 7


def test_blocks_cost_nothing_and_pages_cost_tables() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=9)
    assert page_table_map(table, 0, GIB, 7, pool)
    assert pool.free == 9
    assert page_table_map(table, GIB, GIB + BLOCK, 7, pool)
    assert pool.free == 8
    assert page_table_map(table, 0, PAGE_SIZE, 3, pool)
    assert pool.free == 6
    assert page_table_map(table, 0, GIB, 7, pool)
    assert pool.free == 8
    assert page_table_map(table, GIB, GIB + BLOCK, ABSENT, pool)
    assert pool.free == 9
    assert page_table_map(table, GIB, GIB + PAGE_SIZE, ABSENT, pool)
    assert pool.free == 9


def test_prepare_keeps_every_mode_and_merge_undoes_it() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=5)
    assert page_table_map(table, 0, GIB, 7, pool)
    assert not page_table_prepare(table, PAGE_SIZE, GIB + BLOCK * 3 - PAGE_SIZE, 3, Pool(free=2))
    assert page_table_get(table, 0, GIB) == 7
    assert table_pages(table.root) == 2
    page_table_merge(table, 0, 2 * GIB, pool)
    assert table_pages(table.root) == 0


def test_what_it_costs_is_what_is_taken() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=9)
    ranges = [(0, GIB, 0), (0, PAGE_SIZE, 2), (BLOCK - PAGE_SIZE, GIB + BLOCK + PAGE_SIZE, 4)]
    for begin, end, cost in ranges:
        assert page_table_cost(table, begin, end, 7) == cost
        assert page_table_cost(table, begin, end, ABSENT) == 0
    assert page_table_prepare(table, *ranges[2][:2], 7, pool)
    assert pool.free == 5
    assert page_table_cost(table, *ranges[2][:2], 7) == 0


def test_unmapping_gives_empty_tables_back() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=4)
    assert page_table_map(table, 0, PAGE_SIZE, 7, pool)
    assert page_table_map(table, BLOCK, BLOCK + PAGE_SIZE, 7, pool)
    assert pool.free == 1
    assert page_table_map(table, 0, PAGE_SIZE, ABSENT, pool)
    assert pool.free == 2
    assert page_table_map(table, BLOCK, BLOCK + PAGE_SIZE, ABSENT, pool)
    assert pool.free == 4


def test_pools_fall_back_and_settle() -> None:
    general = Pool(free=3)
    local = Pool(fallback=general)
    assert pool_alloc(local)
    pool_free(local)
    assert (local.free, general.free) == (1, 2)
    assert pool_alloc(local)
    assert (local.free, general.free) == (0, 2)
    assert pool_alloc(local, 2)
    assert not pool_alloc(local)
    pool_free(local, 3)
    pool_finish(local)
    assert (local.free, general.free, local.fallback) == (0, 3, None)
    assert not pool_alloc(local)
    pool_finish(general)
    assert general.free == 3


def test_pages_are_set_aside() -> None:
    general = Pool(free=3)
    local = Pool(free=1, fallback=general)
    assert pool_reserve(local, 1)
    assert (local.free, general.free) == (1, 3)
    assert pool_reserve(local, 3)
    assert (local.free, general.free) == (3, 1)
    assert not pool_reserve(local, 5)
    pool_finish(local)
    assert general.free == 4
    assert not pool_reserve(general, 5)
    assert general.free == 4
