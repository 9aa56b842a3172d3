"""What a lock keeps apart is no race; everything else is, whatever order it was seen in."""

from __future__ import annotations

import pytest

from hfverify.explore.clocks import Clocks

A, B = ("a.py", 1), ("b.py", 2)


def run(*steps: tuple[int, str]) -> list[tuple[tuple[int, int], tuple[str, str]]]:
    """`w` and `r` touch the cell, `+` and `-` take and give the lock."""
    clocks = Clocks(2)
    for cpu, step in steps:
        for what in step:
            match what:
                case "w" | "r":
                    clocks.access(cpu, "cell", (A, B)[cpu], writes=what == "w")
                case "+":
                    clocks.acquire(cpu, "lock")
                case "-":
                    clocks.release(cpu, "lock")
    return [(race.cpus, race.verbs) for race in clocks.races]


@pytest.mark.parametrize(
    ("steps", "races"),
    [
        ([(0, "+rw-"), (1, "+rw-"), (0, "+rw-")], []),
        ([(0, "r"), (1, "r")], []),
        ([(0, "w"), (1, "r")], [((0, 1), ("written", "read"))]),
        ([(0, "r"), (1, "w")], [((0, 1), ("read", "written"))]),
        ([(0, "w"), (1, "w")], [((0, 1), ("written", "written"))]),
        ([(0, "w+-"), (1, "+-r")], []),
        ([(0, "+-w"), (1, "+-r")], [((0, 1), ("written", "read"))]),
        ([(0, "+w-"), (1, "r")], [((0, 1), ("written", "read"))]),
        ([(1, "r"), (0, "+w-"), (1, "+w-")], [((1, 0), ("read", "written"))]),
        ([(0, "w"), (0, "+-"), (1, "+w-"), (0, "+-r")], []),
    ],
)
def test_races(steps: list[tuple[int, str]], races: list[tuple[tuple[int, int], tuple[str, str]]]) -> None:
    assert run(*steps) == races
