"""Deviation 5: what the hypervisor has mapped for itself is mapped anew, and unmapped afterwards.

A VM that shares such a page, as the page of the console is one, takes the hypervisor's mapping away: the
next access to it by the hypervisor faults in the hypervisor.
"""

from hafnium.page_table import page_table_get
from hafnium.state import Machine

MODULE = "hafnium.memory"


def can_be_borrowed(machine: Machine, begin: int, end: int) -> bool:
    """Tell whether the hypervisor can map `[begin, end)` for itself."""
    return page_table_get(machine.stage1.ptable, begin, end) is not None
