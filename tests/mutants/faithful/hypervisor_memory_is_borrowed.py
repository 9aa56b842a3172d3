"""Deviation 5: what the hypervisor has mapped for itself is mapped anew, and unmapped afterwards.

A VM that shares such a page, as the page of the console is one, takes the hypervisor's mapping away: the
next access to it by the hypervisor faults in the hypervisor.
"""

from hafnium.page_table import PageTable, page_table_get

MODULE = "hafnium.memory"
REFUTES = "can_be_borrowed.told.returns"


def can_be_borrowed(table: PageTable, first: int, last: int) -> bool:
    """Tell whether the hypervisor can map a range for itself."""
    return page_table_get(table, first, last) is not None
