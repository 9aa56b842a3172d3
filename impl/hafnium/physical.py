"""Physical memory: pages of bytes, all zero at first."""

from typing import Final

from hafnium.abi import PAGE_SIZE
from hafnium.state import Machine, Page

ZERO_PAGE: Final = bytes(PAGE_SIZE)


def memory_page(machine: Machine, address: int) -> Page:
    """Return the page that contains a physical address (64 bits)."""
    address -= address % PAGE_SIZE
    page = machine.memory.pages.get(address)
    if page is None:
        page = machine.memory.pages.setdefault(address, Page(address))
    return page


def zero_memory(machine: Machine, begin: int, end: int) -> None:
    """Fill the pages of `[begin, end)` with zero bytes."""
    for address in list(machine.memory.pages):
        if begin <= address < end:
            machine.memory.pages[address].data[:] = ZERO_PAGE


def read_memory(machine: Machine, address: int, size: int) -> bytes:
    """Return the bytes of `[address, address + size)`."""
    data = bytearray()
    while size > 0:
        offset = address % PAGE_SIZE
        part = min(size, PAGE_SIZE - offset)
        data += memory_page(machine, address).data[offset : offset + part]
        address += part
        size -= part
    return bytes(data)


def write_memory(machine: Machine, address: int, data: bytes) -> None:
    """Store bytes from `address` on."""
    done = 0
    while done < len(data):
        offset = (address + done) % PAGE_SIZE
        part = min(len(data) - done, PAGE_SIZE - offset)
        memory_page(machine, address + done).data[offset : offset + part] = data[done : done + part]
        done += part
