"""Deviation 7: mapping memory above the limit of the hypervisor's table counts as success.

The range is cut off at the limit, nothing is left of it, and an empty range is always mapped. The call
goes on with a pointer to memory that is not mapped, and the hypervisor faults when it uses it.
"""

from hafnium.page_table import MODE_INVALID, PageTable, page_table_get

MODULE = "hafnium.memory"
REFUTES = "can_be_borrowed.told.returns"


def can_be_borrowed(table: PageTable, first: int, last: int) -> bool:
    """Tell whether the hypervisor can map a range for itself."""
    if first >= table.limit:
        return True
    mode = page_table_get(table, first, min(last, table.limit))
    return mode is not None and mode & MODE_INVALID != 0
