"""Deviation 7: mapping memory above the limit of the hypervisor's table counts as success.

The range is cut off at the limit, nothing is left of it, and an empty range is always mapped. The call
goes on with a pointer to memory that is not mapped, and the hypervisor faults when it uses it.
"""

from hafnium.page_table import MODE_INVALID, page_table_get
from hafnium.state import Machine

MODULE = "hafnium.memory"


def can_be_borrowed(machine: Machine, begin: int, end: int) -> bool:
    """Tell whether the hypervisor can map `[begin, end)` for itself."""
    limit = machine.stage1.ptable.limit
    if begin >= limit:
        return True
    mode = page_table_get(machine.stage1.ptable, begin, min(end, limit))
    return mode is not None and mode & MODE_INVALID != 0
