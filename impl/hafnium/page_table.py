"""Page tables: which mode each page has (reference R4, 1.5 and 3.9).

A table gives every page below its limit a mode. It has three levels: an entry stands for a region of 512 * 512
pages, for a block of 512 pages, or for one page. An entry of the upper two levels is either a mode, the same
for all its pages, or `TABLE`: then there is a table with 512 entries for its parts, which is one page of
the pool. Pages are given by their numbers; a range begins with `first` and ends before `last`, and is not empty.

To change the mode of a part of an entry takes pages of the pool. Who changes several things asks first what
they cost: with so many pages in the pool, nothing fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hafnium.interval_map import IntervalMap
from hafnium.pool import Pool
from hafnium.spinlock import SpinLock

MODE_R: Final = 0x01
MODE_W: Final = 0x02
MODE_X: Final = 0x04
MODE_D: Final = 0x08
MODE_INVALID: Final = 0x10
MODE_UNOWNED: Final = 0x20
MODE_SHARED: Final = 0x40
TABLE: Final = 0x80

NOBODY: Final = MODE_INVALID | MODE_UNOWNED
ABSENT: Final = MODE_INVALID | MODE_UNOWNED | MODE_SHARED

ENTRIES: Final = 512
BLOCK: Final = ENTRIES
REGION: Final = ENTRIES * ENTRIES
STAGE1_LIMIT: Final = 1 << 27
STAGE2_LIMIT: Final = 1 << 29


@dataclass(eq=False, slots=True)
class PageTable:
    """`pages` has the mode of each page, the other two what the entries of their levels hold.

    An entry that is a mode says that its pages and the entries below it have it too. `limit` is a number of
    pages, a multiple of a region.
    """

    limit: int
    lock: SpinLock = field(default_factory=SpinLock)
    regions: IntervalMap = field(default_factory=lambda: IntervalMap(ABSENT), repr=False)
    blocks: IntervalMap = field(default_factory=lambda: IntervalMap(ABSENT), repr=False)
    pages: IntervalMap = field(default_factory=lambda: IntervalMap(ABSENT), repr=False)


def page_table_get(table: PageTable, first: int, last: int) -> int | None:
    """Return the mode that all pages of the range have in common.

    None if they differ, if there are none, or if the range is not below the limit.
    """
    if last > table.limit or first >= last:
        return None
    mode = table.pages.get(first)
    if table.pages.count(first, last, mode) != last - first:
        return None
    return mode


def cut_cost(table: PageTable, page: int) -> int:
    """Count the entries that must become tables so that one entry ends where a page begins."""
    if page % REGION == 0:
        return 0
    if table.regions.get(page // REGION) != TABLE:
        return 1 if page % BLOCK == 0 else 2
    if page % BLOCK == 0 or table.blocks.get(page // BLOCK) == TABLE:
        return 0
    return 1


def page_table_cost(table: PageTable, first: int, last: int) -> int:
    """Count the pages of the pool that it takes to change the mode of a range."""
    cost = cut_cost(table, first) + cut_cost(table, last)
    if first // BLOCK == last // BLOCK and first % BLOCK != 0 and last % BLOCK != 0:
        return cut_cost(table, first)
    if first // REGION == last // REGION and first % REGION != 0 and table.regions.get(first // REGION) != TABLE:
        cost -= 1
    return cost


def page_table_cost_of_two(table: PageTable, page: int, other: int) -> int:
    """Count the pages of the pool that it takes to change the modes of two pages."""
    cost = page_table_cost(table, page, page + 1)
    if page // BLOCK == other // BLOCK:
        return cost
    cost += page_table_cost(table, other, other + 1)
    if page // REGION == other // REGION and table.regions.get(page // REGION) != TABLE:
        cost -= 1
    return cost


def cut(table: PageTable, page: int, pool: Pool) -> None:
    """Let one entry end where a page begins."""
    region, block = page // REGION, page // BLOCK
    if page % REGION != 0 and table.regions.get(region) != TABLE:
        table.regions.fill(region, region + 1, TABLE)
        pool.free -= 1
    if page % BLOCK != 0 and table.blocks.get(block) != TABLE:
        table.blocks.fill(block, block + 1, TABLE)
        pool.free -= 1


def page_table_map(table: PageTable, first: int, last: int, mode: int, pool: Pool) -> None:
    """Give the pages of a range a mode; the pool has as many pages as that costs, and gets those of freed tables."""
    cut(table, first, pool)
    cut(table, last, pool)
    first_block, last_block = (first + BLOCK - 1) // BLOCK, last // BLOCK
    first_region, last_region = (first + REGION - 1) // REGION, last // REGION
    pool.free += table.regions.count(first_region, last_region, TABLE)
    pool.free += table.blocks.count(first_block, last_block, TABLE)
    table.regions.fill(first_region, last_region, mode)
    table.blocks.fill(first_block, last_block, mode)
    table.pages.fill(first, last, mode)


def page_table_map_two(table: PageTable, page: int, mode: int, other: int, other_mode: int, pool: Pool) -> None:
    """Give two pages a mode each; the pool has as many pages as that costs."""
    page_table_map(table, page, page + 1, mode, pool)
    page_table_map(table, other, other + 1, other_mode, pool)


def page_table_prune(table: PageTable, page: int, pool: Pool) -> None:
    """Give the tables above a page back in which everything is absent."""
    block = page // BLOCK
    if table.blocks.get(block) == TABLE and table.pages.count(block * BLOCK, (block + 1) * BLOCK, ABSENT) == BLOCK:
        table.blocks.fill(block, block + 1, ABSENT)
        pool.free += 1
    region = page // REGION
    if (
        table.regions.get(region) == TABLE
        and table.pages.count(region * REGION, (region + 1) * REGION, ABSENT) == REGION
    ):
        first, last = region * ENTRIES, (region + 1) * ENTRIES
        pool.free += 1 + table.blocks.count(first, last, TABLE)
        table.blocks.fill(first, last, ABSENT)
        table.regions.fill(region, region + 1, ABSENT)


def page_table_unmap(table: PageTable, first: int, last: int, pool: Pool) -> None:
    """Make the pages of a range absent, as `page_table_map` does; tables in which nothing is left are freed."""
    page_table_map(table, first, last, ABSENT, pool)
    page_table_prune(table, first, pool)
    page_table_prune(table, last - 1, pool)
