"""Page tables: which mode each page has (reference R4, 1.5 and 3.9).

A table maps every page below its limit to a mode. It is a tree of three levels: an entry stands for one
page, 512 pages or 512 * 512 pages, and is either a mode, the same for all its pages, or a table with an
entry for each 512th part. A table below the root costs one page of a pool.

Changes come in two steps. `page_table_prepare` makes sure that the range has entries of its own: it may
split entries, which takes pages and can fail, but no page changes its mode. `page_table_commit` then sets
the mode, and cannot fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hafnium.abi import PAGE_SIZE, U64_MASK
from hafnium.pool import Pool, pool_alloc, pool_free

MODE_R: Final = 0x01
MODE_W: Final = 0x02
MODE_X: Final = 0x04
MODE_D: Final = 0x08
MODE_INVALID: Final = 0x10
MODE_UNOWNED: Final = 0x20
MODE_SHARED: Final = 0x40

NOBODY: Final = MODE_INVALID | MODE_UNOWNED
ABSENT: Final = MODE_INVALID | MODE_UNOWNED | MODE_SHARED

ENTRIES: Final = 512
ROOT_PAGES: Final = ENTRIES * ENTRIES
STAGE1_LIMIT: Final = 1 << 39
STAGE2_LIMIT: Final = 1 << 41


@dataclass(eq=False, slots=True)
class Table:
    """A table below the root: 512 entries."""

    entries: list[int | Table] = field(repr=False)


@dataclass(eq=False, slots=True)
class PageTable:
    """A map from pages to modes. `limit` is in bytes, a multiple of what a root entry stands for."""

    limit: int
    root: list[int | Table] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.root = [ABSENT] * (self.limit // (ROOT_PAGES * PAGE_SIZE))


def present(mode: int) -> bool:
    """Tell whether a mode means anything to the VM: valid or owned."""
    return mode & NOBODY != NOBODY


def keeps_entry(entry: int | Table, mode: int) -> bool:
    """Tell whether an entry is already as it should be. To be absent is to be not present."""
    if isinstance(entry, Table):
        return False
    return not present(entry) if mode == ABSENT else entry == mode and present(mode)


def page_table_get(table: PageTable, begin: int, end: int) -> int | None:
    """Return the mode that all pages of `[begin, end)` (bytes, 64 bits) have in common.

    None if they differ, if there are none, or if the range is not below the limit.
    """
    begin -= begin % PAGE_SIZE
    end = (end + PAGE_SIZE - 1 & U64_MASK) // PAGE_SIZE * PAGE_SIZE
    if end > table.limit or begin >= end:
        return None
    return common_mode(table.root, begin // PAGE_SIZE, end // PAGE_SIZE, ROOT_PAGES)


def common_mode(entries: list[int | Table], begin: int, end: int, size: int) -> int | None:
    """Return the mode that the pages `begin` to `end` have in common; each entry has `size` pages."""
    found: int | None = None
    while begin < end:
        start = begin - begin % size
        stop = min(end, start + size)
        entry = entries[begin // size]
        if isinstance(entry, Table):
            mode = common_mode(entry.entries, begin - start, stop - start, size // ENTRIES)
        else:
            mode = entry
        if mode is None or (found is not None and mode != found):
            return None
        found = mode
        begin = stop
    return found


def page_range(table: PageTable, begin: int, end: int) -> tuple[int, int]:
    """Round `[begin, end)` (bytes, 64 bits) out to pages, cut it off at the limit; give page numbers."""
    end = (end + PAGE_SIZE - 1 & U64_MASK) // PAGE_SIZE
    return begin // PAGE_SIZE, min(end, table.limit // PAGE_SIZE)


def page_table_prepare(table: PageTable, begin: int, end: int, mode: int, pool: Pool) -> bool:
    """Make sure that `[begin, end)` can get `mode` without any more pages; False if `pool` has too few.

    Pages that it takes stay in the table until they are merged again.
    """
    first, last = page_range(table, begin, end)
    return split_entries(table.root, first, last, ROOT_PAGES, mode, pool)


def split_entries(entries: list[int | Table], begin: int, end: int, size: int, mode: int, pool: Pool) -> bool:
    """Split the entries that the pages `begin` to `end` cover in part, unless they have `mode` already."""
    while begin < end:
        start = begin - begin % size
        stop = min(end, start + size)
        entry = entries[begin // size]
        if stop - begin < size and not keeps_entry(entry, mode):
            if not isinstance(entry, Table):
                if not pool_alloc(pool):
                    return False
                entry = Table([entry if present(entry) else ABSENT] * ENTRIES)
                entries[begin // size] = entry
            if not split_entries(entry.entries, begin - start, stop - start, size // ENTRIES, mode, pool):
                return False
        begin = stop
    return True


def page_table_cost(table: PageTable, begin: int, end: int, mode: int) -> int:
    """Count the pages that it takes to prepare `[begin, end)` for `mode`."""
    first, last = page_range(table, begin, end)
    return count_splits(table.root, first, last, ROOT_PAGES, mode)


def count_splits(entries: list[int | Table], begin: int, end: int, size: int, mode: int) -> int:
    """Count the entries that have to be split for the pages `begin` to `end`, at this level and below."""
    splits = 0
    while begin < end:
        start = begin - begin % size
        stop = min(end, start + size)
        entry = entries[begin // size]
        if stop - begin < size and not keeps_entry(entry, mode):
            if isinstance(entry, Table):
                below = entry.entries
            else:
                splits += 1
                below = [entry] * ENTRIES
            splits += count_splits(below, begin - start, stop - start, size // ENTRIES, mode)
        begin = stop
    return splits


def page_table_commit(table: PageTable, begin: int, end: int, mode: int, pool: Pool) -> None:
    """Give the pages of `[begin, end)`, which must be prepared for it, `mode`; freed tables go to `pool`."""
    first, last = page_range(table, begin, end)
    set_entries(table.root, first, last, ROOT_PAGES, mode, pool)


def set_entries(entries: list[int | Table], begin: int, end: int, size: int, mode: int, pool: Pool) -> None:
    """Set the entries of the pages `begin` to `end`, which have entries of their own, to `mode`."""
    while begin < end:
        start = begin - begin % size
        stop = min(end, start + size)
        entry = entries[begin // size]
        if keeps_entry(entry, mode):
            pass
        elif stop - begin == size:
            entries[begin // size] = mode
            free_entry(entry, pool)
        else:
            assert isinstance(entry, Table)
            set_entries(entry.entries, begin - start, stop - start, size // ENTRIES, mode, pool)
            if mode == ABSENT and is_empty(entry):
                entries[begin // size] = ABSENT
                free_entry(entry, pool)
        begin = stop


def is_empty(table: Table) -> bool:
    """Tell whether no entry of a table is present or a table."""
    return not any(isinstance(entry, Table) or present(entry) for entry in table.entries)


def free_entry(entry: int | Table, pool: Pool) -> None:
    """Give the pages of the tables that hang on an entry back."""
    if isinstance(entry, Table):
        for below in entry.entries:
            free_entry(below, pool)
        pool_free(pool)


def page_table_map(table: PageTable, begin: int, end: int, mode: int, pool: Pool) -> bool:
    """Give the pages of `[begin, end)` `mode`; False, and no page has changed, if `pool` has too few pages.

    To give them the mode `ABSENT` is to unmap them.
    """
    if not page_table_prepare(table, begin, end, mode, pool):
        return False
    page_table_commit(table, begin, end, mode, pool)
    return True


def page_table_merge(table: PageTable, begin: int, end: int, pool: Pool) -> None:
    """Undo the splits in `[begin, end)` that nothing needs; freed tables go to `pool`."""
    first, last = page_range(table, begin, end)
    merge_entries(table.root, first, last, ROOT_PAGES, pool)


def merge_entries(entries: list[int | Table], begin: int, end: int, size: int, pool: Pool) -> None:
    """Replace tables whose entries are all the same mode by that mode, for the pages `begin` to `end`."""
    while begin < end:
        start = begin - begin % size
        stop = min(end, start + size)
        entry = entries[begin // size]
        if isinstance(entry, Table):
            merge_entries(entry.entries, begin - start, stop - start, size // ENTRIES, pool)
            mode = common_mode(entry.entries, 0, size, size // ENTRIES)
            if mode is not None:
                entries[begin // size] = mode
                free_entry(entry, pool)
        begin = stop


def table_pages(entries: list[int | Table]) -> int:
    """Count the pages of the tables below these entries."""
    pages = 0
    for entry in entries:
        if isinstance(entry, Table):
            pages += 1 + table_pages(entry.entries)
    return pages
