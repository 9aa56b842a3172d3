"""A waiting line: first come, first served, and one may leave from anywhere.

A line is a circle of places through its head. A place that is in no line is a circle of its own.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Place(Generic[Owner]):
    """The head of a line, or the place that `owner` takes in one. The head has no owner."""

    __slots__ = ("next", "owner", "prev")

    next: Place[Owner]
    prev: Place[Owner]
    owner: Owner | None

    def __init__(self, owner: Owner | None = None) -> None:
        self.owner = owner
        stand_alone(self)


def stand_alone(place: Place[Owner]) -> None:
    """Make a place a circle of its own."""
    place.next = place
    place.prev = place


def in_line(place: Place[Owner]) -> bool:
    """Tell whether a place is in a line."""
    return place.next is not place


def first(line: Place[Owner]) -> Owner | None:
    """Return who has waited longest, or None when nobody waits."""
    return line.next.owner


def join(line: Place[Owner], place: Place[Owner]) -> None:
    """Put a place that is in no line at the end of this one."""
    last = line.prev
    place.next = line
    place.prev = last
    last.next = place
    line.prev = place


def leave(place: Place[Owner]) -> None:
    """Take a place out of its line."""
    place.prev.next = place.next
    place.next.prev = place.prev
    stand_alone(place)
