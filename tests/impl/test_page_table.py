"""Page tables against a flat map, and the pages that they take."""

from checks import check_table, table_pages
from hypothesis import given, settings
from hypothesis import strategies as st

from hafnium.page_table import (
    ABSENT,
    BLOCK,
    REGION,
    STAGE1_LIMIT,
    STAGE2_LIMIT,
    PageTable,
    page_table_cost,
    page_table_cost_of_two,
    page_table_get,
    page_table_map,
    page_table_prune,
    page_table_unmap,
)
from hafnium.pool import Pool

LIMITS = (REGION, 3 * REGION, STAGE1_LIMIT, STAGE2_LIMIT)
FREE = 1000
EDGES = (0, BLOCK - 1, BLOCK, 2 * BLOCK, REGION - BLOCK, REGION, REGION + BLOCK + 1, 3 * REGION)
MODES = st.sampled_from([0x07, 0x03, 0x10, 0x30, 0x47, 0x63, ABSENT, 0x00])
Change = tuple[str, int, int, int]


def marks(limit: int) -> list[int]:
    """Return the pages at which something may begin or end: near the beginning and near the limit."""
    near = {edge + d for edge in EDGES for d in range(-2, 3)}
    return sorted(page for page in near | {limit - page for page in near} if 0 <= page <= limit)


def ranges(limit: int) -> st.SearchStrategy[tuple[int, int]]:
    """Draw a range that is not empty."""
    ends = st.sampled_from(marks(limit))
    return st.tuples(ends, ends).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: (min(pair), max(pair)))


def single_pages(limit: int) -> st.SearchStrategy[int]:
    """Draw a page below the limit."""
    return st.sampled_from([page for page in marks(limit) if page + 1 in marks(limit)])


class Model:
    """A mode for each stretch between two marks, and the tables that are there: a set of sizes and first pages."""

    def __init__(self, limit: int) -> None:
        self.modes = dict.fromkeys(marks(limit)[:-1], ABSENT)
        self.tables: set[tuple[int, int]] = set()

    def common(self, first: int, last: int) -> int | None:
        """Return the mode that the pages of a range have in common."""
        begin = max(page for page in self.modes if page <= first)
        found = {mode for page, mode in self.modes.items() if begin <= page < last}
        return found.pop() if len(found) == 1 else None

    def needed(self, first: int, last: int) -> set[tuple[int, int]]:
        """Return the tables that are missing: an end within an entry makes a table of it."""
        ends = {(size, end - end % size) for end in (first, last) for size in (REGION, BLOCK) if end % size != 0}
        return ends - self.tables

    def put(self, first: int, last: int, mode: int) -> None:
        """Give a range a mode: the tables of entries that lie within it go away."""
        for page in self.modes:
            if first <= page < last:
                self.modes[page] = mode
        self.tables |= self.needed(first, last)
        self.tables = {(size, begin) for size, begin in self.tables if not first <= begin <= begin + size <= last}

    def prune(self, page: int) -> None:
        """Remove the tables above a page in which everything is absent, with all tables below them."""
        for size in (BLOCK, REGION):
            begin = page - page % size
            if (size, begin) in self.tables and self.common(begin, begin + size) == ABSENT:
                self.tables -= {(s, b) for s, b in self.tables if begin <= b < begin + size and s <= size}


def check(table: PageTable, model: Model, pool: Pool) -> None:
    for page, mode in model.modes.items():
        assert page_table_get(table, page, page + 1) == mode
    assert table_pages(table) == len(model.tables)
    assert pool.free + table_pages(table) == FREE
    check_table(table)


def change(table: PageTable, model: Model, pool: Pool, what: str, first: int, last: int, mode: int) -> None:
    """Change a table and its model; it costs what is missing, and gives back what is not there any more."""
    cost, before = len(model.needed(first, last)), set(model.tables)
    assert page_table_cost(table, first, last) == cost
    exact = Pool(free=cost)
    if what == "unmap":
        page_table_unmap(table, first, last, exact)
        model.put(first, last, ABSENT)
        model.prune(first)
        model.prune(last - 1)
    else:
        page_table_map(table, first, last, mode, exact)
        model.put(first, last, mode)
        assert exact.free == len(before - model.tables)
    assert exact.free == cost + len(before) - len(model.tables)
    pool.free += exact.free - cost
    check(table, model, pool)


def changes(limit: int) -> st.SearchStrategy[list[Change]]:
    """Draw some changes."""
    return st.lists(
        st.builds(
            lambda what, ends, mode: (what, *ends, mode), st.sampled_from(["map", "unmap"]), ranges(limit), MODES
        ),
        max_size=8,
    )


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(LIMITS))
def test_a_table_is_a_map_that_takes_what_it_costs(data: st.DataObject, limit: int) -> None:
    table, pool, model = PageTable(limit), Pool(free=FREE), Model(limit)
    for step in data.draw(changes(limit)):
        change(table, model, pool, *step)
        for _ in range(3):
            first, last = data.draw(ranges(limit))
            assert page_table_get(table, first, last) == model.common(first, last)
        page = data.draw(single_pages(limit))
        page_table_prune(table, page, pool)
        model.prune(page)
        check(table, model, pool)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(LIMITS))
def test_two_pages_take_what_they_cost(data: st.DataObject, limit: int) -> None:
    table, pool, model = PageTable(limit), Pool(free=FREE), Model(limit)
    for step in data.draw(changes(limit)):
        change(table, model, pool, *step)
    pages = [data.draw(single_pages(limit)) for _ in range(2)]
    cost = page_table_cost_of_two(table, *pages)
    assert cost == len(set[tuple[int, int]]().union(*(model.needed(page, page + 1) for page in pages)))
    before = pool.free
    for page, mode in zip(pages, data.draw(st.tuples(MODES, MODES)), strict=True):
        page_table_map(table, page, page + 1, mode, pool)
        model.put(page, page + 1, mode)
    assert pool.free == before - cost
    check(table, model, pool)


def test_a_range_that_has_no_mode() -> None:
    for limit in LIMITS:
        table = PageTable(limit)
        assert page_table_get(table, 0, limit) == ABSENT
        assert page_table_get(table, limit - 1, limit) == ABSENT
        assert page_table_get(table, 0, limit + 1) is None
        assert page_table_get(table, limit, limit + 1) is None
        assert page_table_get(table, 1, 1) is None
        assert page_table_get(table, 2, 1) is None
        assert page_table_get(table, 1, (1 << 52) - 1) is None
        assert page_table_get(table, (1 << 52) - 1, 1 << 52) is None


def test_a_range_up_to_the_limit() -> None:
    table, pool = PageTable(STAGE1_LIMIT), Pool()
    page_table_map(table, STAGE1_LIMIT - REGION, STAGE1_LIMIT, 7, pool)
    assert page_table_get(table, STAGE1_LIMIT - REGION, STAGE1_LIMIT) == 7
    assert page_table_cost(table, STAGE1_LIMIT - 1, STAGE1_LIMIT) == 2
    page_table_map(table, 0, STAGE1_LIMIT, 3, pool)
    assert page_table_get(table, 0, STAGE1_LIMIT) == 3
    check_table(table)


def test_blocks_cost_nothing_and_pages_cost_tables() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=9)
    page_table_map(table, 0, REGION, 7, pool)
    assert pool.free == 9
    page_table_map(table, REGION, REGION + BLOCK, 7, pool)
    assert pool.free == 8
    page_table_map(table, 0, 1, 3, pool)
    assert pool.free == 6
    page_table_map(table, 0, REGION, 7, pool)
    assert pool.free == 8
    page_table_map(table, REGION, REGION + BLOCK, ABSENT, pool)
    assert pool.free == 8
    page_table_unmap(table, REGION, REGION + BLOCK, pool)
    assert pool.free == 9
    page_table_unmap(table, REGION, REGION + 1, pool)
    assert pool.free == 9


def test_what_it_costs() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=9)
    costs = [
        (0, REGION, 0),
        (0, 1, 2),
        (BLOCK - 1, REGION + BLOCK + 1, 4),
        (BLOCK, 2 * BLOCK, 1),
        (1, 2 * BLOCK + 1, 3),
    ]
    assert [page_table_cost(table, first, last) for first, last, _ in costs] == [cost for _, _, cost in costs]
    page_table_map(table, *costs[2][:2], 7, pool)
    assert pool.free == 5
    assert [page_table_cost(table, first, last) for first, last, _ in costs] == [0, 0, 0, 0, 1]


def test_what_two_pages_cost() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=9)
    pairs = [((0, 0), 2), ((0, BLOCK - 1), 2), ((BLOCK - 1, BLOCK), 3), ((REGION - 1, REGION), 4), ((1, 2), 2)]
    assert [page_table_cost_of_two(table, *pair) for pair, _ in pairs] == [cost for _, cost in pairs]
    assert [page_table_cost_of_two(table, *reversed(pair)) for pair, _ in pairs] == [cost for _, cost in pairs]
    page_table_map(table, 0, 1, 7, pool)
    assert [page_table_cost_of_two(table, *pair) for pair, _ in pairs] == [0, 0, 1, 3, 0]


def test_unmapping_gives_empty_tables_back() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=4)
    page_table_map(table, 0, 1, 7, pool)
    page_table_map(table, BLOCK, BLOCK + 1, 7, pool)
    assert pool.free == 1
    page_table_unmap(table, 0, 1, pool)
    assert pool.free == 2
    page_table_unmap(table, BLOCK, BLOCK + 1, pool)
    assert pool.free == 4


def test_an_entry_keeps_the_mode_of_what_it_stood_for() -> None:
    table, pool = PageTable(STAGE2_LIMIT), Pool(free=4)
    page_table_map(table, 0, REGION, 7, pool)
    page_table_map(table, BLOCK, BLOCK + 1, 3, pool)
    assert page_table_get(table, 0, BLOCK) == page_table_get(table, BLOCK + 1, REGION) == 7
    assert page_table_get(table, 0, REGION) is None
    page_table_map(table, BLOCK, BLOCK + 1, 7, pool)
    assert page_table_get(table, 0, REGION) == 7
    assert pool.free == 2
