"""Prove that a call layer written in plain Python does what its specification says."""

__version__ = "0.1.0"
