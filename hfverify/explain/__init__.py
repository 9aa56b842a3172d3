"""From the model of a failure to something that a person can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hfverify.explain.given import Given

__all__ = ["Given"]


def __getattr__(name: str) -> object:
    """Tests write a situation down with `Given`; a proof needs none of what that loads."""
    if name != "Given":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hfverify.explain.given import Given

    return Given
