"""What shows a fault is made small: numbers alone, and those that show it only if they are the same."""

from __future__ import annotations

from pathlib import Path

from test_varying import program_of, situation

from hfverify.explain.scenario import Scenario
from hfverify.fallback.smallest import smallest
from hfverify.fallback.varying import Variation

SEEN = ("door.seen", (1,))


def many(one: Scenario) -> int:
    return int(one.arguments["many"])


def test_an_argument_becomes_as_small_as_can_be(tmp_path: Path) -> None:
    found = smallest(Variation(program_of(tmp_path)), situation(), lambda one: many(one) >= 2)
    assert (many(found), found.cells[SEEN]) == (2, 0)


def test_numbers_that_must_be_the_same_become_small_together(tmp_path: Path) -> None:
    one = situation()
    one.cells[SEEN] = one.arguments["many"] = 8
    found = smallest(Variation(program_of(tmp_path)), one, lambda one: many(one) == one.cells[SEEN] >= 2)
    assert (many(found), found.cells[SEEN]) == (2, 2)


def test_what_other_cpus_do_is_left_out_where_it_does_not_matter(tmp_path: Path) -> None:
    one = situation(schedule=[{SEEN: 4, ("door.closed", (1,)): True}])
    found = smallest(Variation(program_of(tmp_path)), one, lambda one: one.schedule[0].get(SEEN) == 4)
    assert found.schedule == [{SEEN: 4}]


def test_a_situation_in_which_the_call_cannot_begin_is_never_asked(tmp_path: Path) -> None:
    variation = Variation(program_of(tmp_path))

    def shows(one: Scenario) -> bool:
        assert variation.possible(one)
        return many(one) >= 3

    assert many(smallest(variation, situation(schedule=[{SEEN: 4}]), shows)) == 3
