"""The cells of a state that keep a record of which of them are looked at.

Reads   the cells of a Store
Gives   Noted, which is used like any other cells; its copies keep the same record
Refuses nothing; who takes all cells together, to compare or to copy them, has looked at none
"""

from __future__ import annotations

from typing import Any, TypeAlias

from hfverify.explain.maps import Map
from hfverify.explain.values import Keys, Value

Place: TypeAlias = "tuple[str, Keys]"


class Noted(dict[Place, Value]):
    """Cells whose look-ups are written into `looked`."""

    __slots__ = ("looked",)

    def __init__(self, cells: dict[Place, Value], looked: set[Place]) -> None:
        super().__init__(cells)
        self.looked = looked

    def __getitem__(self, key: Place) -> Value:
        self.looked.add(key)
        return super().__getitem__(key)

    def get(self, key: Place, default: Any = None) -> Any:
        self.looked.add(key)
        return super().get(key, default)

    def copy(self) -> Noted:
        return Noted(self, self.looked)

    def values(self) -> Any:
        """The values; of queues and maps all numbers that occur in them are asked for in this way."""
        self.looked.update(key for key, value in self.items() if isinstance(value, tuple | Map))
        return super().values()
