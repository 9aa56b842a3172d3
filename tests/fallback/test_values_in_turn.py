"""What is next to a situation is tried in turn: numbers at edges, sets with one member, cells that stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from doors import SPEC
from test_varying import program_of, situation

from hfverify.explain.concrete import Bits
from hfverify.explain.maps import Map
from hfverify.explain.scenario import Scenario
from hfverify.fallback.edges import beside
from hfverify.fallback.varying import Variation

SETS = SPEC.replace(
    "    seen   : u32  guarded by lock\n",
    "    seen   : u32  guarded by lock\n    open : bits<64> guarded by lock\n    used : bits<64> guarded by lock\n",
).replace("case closed when door[here].closed {", "case closed when door[here].open & door[here].used != {} {")
SETS = SETS.replace("not door[here].closed and", "door[here].open & door[here].used == {} and")

MAPS = SPEC.replace("const MOST", "const SHUT : u8 = 2\nconst STUCK : u8 = 8\nconst MOST").replace(
    "    closed : bool guarded by lock\n",
    "    closed : bool guarded by lock\n    modes : map<u8> guarded by lock\n",
)
MAPS = MAPS.replace(
    "case closed when door[here].closed {",
    "case closed when door[here].modes[many] & SHUT + door[here].modes[many] & STUCK != 0 {",
).replace("not door[here].closed and", "door[here].modes[many] & SHUT + door[here].modes[many] & STUCK == 0 and")


def tried(variation: Variation, one: Scenario) -> list[int]:
    return [int(found.arguments["many"]) for found in beside(variation, one)]


def test_an_argument_is_what_it_is_compared_with_or_next_to_it(tmp_path: Path) -> None:
    variation = Variation(program_of(tmp_path))
    assert tried(variation, situation()) == [4, 5, 6, 8, 9, 10]
    # Behind a check that fails nothing is compared.
    refused = situation()
    refused.arguments["many"] = 10
    assert tried(variation, refused) == [8, 9]


def members(variation: Variation, one: Scenario) -> set[tuple[Any, Any]]:
    keys = [(f"door.{name}", (1,)) for name in ("open", "used")]
    found = [tuple(made.cells[key] for key in keys) for made in beside(variation, one)]
    return {(tuple(first), tuple(second)) for first, second in found if first and second}


def test_sets_that_are_looked_at_have_the_same_member(tmp_path: Path) -> None:
    one = situation()
    for number in (0, 1):
        one.cells |= {("door.open", (number,)): Bits(), ("door.used", (number,)): Bits()}
    variation = Variation(program_of(tmp_path, SETS))
    assert {((bit,), (bit,)) for bit in (0, 1, 30, 31, 32, 33, 62, 63)} <= members(variation, one)
    assert ((43,), (43,)) not in members(variation, one)
    # A number with which the code compares something may be a member, too.
    assert ((43,), (43,)) in members(Variation(variation.program, {43}), one)


def test_what_a_map_says_where_it_is_looked_at_has_no_one_or_two_bits_with_a_name(tmp_path: Path) -> None:
    one = situation()
    for number in (0, 1):
        one.cells["door.modes", (number,)] = Map((0, 1, 3, 4), (1, 4, 16, 1))
    variation = Variation(program_of(tmp_path, MAPS))
    found = [made.cells["door.modes", (1,)] for made in beside(variation, one)]
    here = {map_ for map_ in found if isinstance(map_, Map) and map_.at(3) != 16}
    assert here == {Map((0, 1, 3, 4), (1, 4, 16 + bits, 1)) for bits in (2, 8, 10)}
    # Nothing is compared with 1 or 2.
    assert {map_.at(1) for map_ in found if isinstance(map_, Map)} == {4}


def test_what_others_set_to_what_it_is_already_is_left_out(tmp_path: Path) -> None:
    variation = Variation(program_of(tmp_path))
    seen, closed = ("door.seen", (1,)), ("door.closed", (1,))
    one = situation(schedule=[{seen: 5, closed: True}, {seen: 5}])
    # In the second step it is set back to what this CPU may have changed.
    assert variation.settled(one).schedule == [{closed: True}, {seen: 5}]
