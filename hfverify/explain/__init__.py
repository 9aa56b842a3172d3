"""From the model of a failure to something that a person can use."""

from hfverify.explain.given import Given

__all__ = ["Given"]
