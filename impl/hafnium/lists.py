"""Intrusive, circular, doubly linked lists (reference R4, section 4).

A list is a circle of entries through a head. An entry that is on no list is a circle of its own. The
head has no owner; every other entry is a field of the object that owns it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class ListEntry(Generic[Owner]):
    """The head of a list, or the place by which `owner` hangs on one."""

    __slots__ = ("next", "owner", "prev")

    next: ListEntry[Owner]
    prev: ListEntry[Owner]
    owner: Owner | None

    def __init__(self, owner: Owner | None = None) -> None:
        self.owner = owner
        list_init(self)


def list_init(entry: ListEntry[Owner]) -> None:
    """Make an entry a circle of its own: an empty list, or an entry that is on no list."""
    entry.next = entry
    entry.prev = entry


def list_empty(entry: ListEntry[Owner]) -> bool:
    """Tell whether a list has no entries, or an entry is on no list."""
    return entry.next is entry


def list_append(head: ListEntry[Owner], entry: ListEntry[Owner]) -> None:
    """Put an entry that is on no list at the end of the list."""
    last = head.prev
    entry.next = head
    entry.prev = last
    last.next = entry
    head.prev = entry


def list_remove(entry: ListEntry[Owner]) -> None:
    """Take an entry off its list, so that it is on no list again."""
    entry.prev.next = entry.next
    entry.next.prev = entry.prev
    list_init(entry)


def list_first(head: ListEntry[Owner]) -> Owner | None:
    """Return the owner of the entry that was appended first, or None when the list is empty."""
    return head.next.owner
