"""Physical memory: pages of bytes, all zero at first."""

from typing import Final

from hafnium.abi import PAGE_SIZE
from hafnium.state import Memory, Page

ZERO_PAGE: Final = bytes(PAGE_SIZE)


def memory_page(memory: Memory, address: int) -> Page:
    """Return the page that contains a physical address (64 bits)."""
    address -= address % PAGE_SIZE
    page = memory.pages.get(address)
    if page is None:
        page = memory.pages.setdefault(address, Page(address))
    return page


def zero_memory(memory: Memory, begin: int, end: int) -> None:
    """Fill the pages of `[begin, end)` with zero bytes."""
    for address in list(memory.pages):
        if begin <= address < end:
            memory.pages[address].data[:] = ZERO_PAGE


def read_memory(memory: Memory, address: int, size: int) -> bytes:
    """Return the bytes of `[address, address + size)`."""
    data = bytearray()
    while size > 0:
        offset = address % PAGE_SIZE
        part = min(size, PAGE_SIZE - offset)
        data += memory_page(memory, address).data[offset : offset + part]
        address += part
        size -= part
    return bytes(data)


def write_memory(memory: Memory, address: int, data: bytes) -> None:
    """Store bytes from `address` on."""
    done = 0
    while done < len(data):
        offset = (address + done) % PAGE_SIZE
        part = min(len(data) - done, PAGE_SIZE - offset)
        memory_page(memory, address + done).data[offset : offset + part] = data[done : done + part]
        done += part
