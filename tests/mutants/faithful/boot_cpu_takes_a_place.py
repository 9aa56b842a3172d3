"""Deviation 12: a boot CPU that is not listed takes the place of the last one that is.

The id of that one is overwritten: the physical CPU can never be turned on, and nobody is told.
"""

from collections.abc import Sequence

MODULE = "hafnium.boot"


def cpu_order(ids: Sequence[int], boot_cpu: int) -> list[int]:
    """Return the ids in the order of the table."""
    order = [0] * len(ids)
    place = len(ids)
    found = False
    for cpu_id in ids:
        if cpu_id == boot_cpu and not found:
            found = True
            order[0] = cpu_id
        else:
            place -= 1
            order[place] = cpu_id
    order[0] = boot_cpu
    return order
