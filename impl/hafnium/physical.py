"""Physical memory: pages of bytes, all zero at first."""

from dataclasses import dataclass, field
from typing import Final

from hafnium.abi import MAILBOX_SIZE, PAGE_SIZE

ZERO_PAGE: Final = bytes(PAGE_SIZE)


@dataclass(eq=False, slots=True)
class Page:
    """One page of memory, at a physical address that is a multiple of its size."""

    address: int
    data: bytearray = field(default_factory=lambda: bytearray(MAILBOX_SIZE))


@dataclass(eq=False, slots=True)
class Memory:
    """The pages that somebody has touched, by address; every other page is all zero."""

    pages: dict[int, Page] = field(default_factory=dict)


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
