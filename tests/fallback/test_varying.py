"""Where examples are varied: at the cells that the clauses look at, near the numbers that they compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from doors import SPEC, subject
from hypothesis import Phase, given, seed, settings

from hfverify.explain.scenario import Scenario
from hfverify.fallback.varying import Variation
from hfverify.model.load import Folders, load_program
from hfverify.model.program import Program

TWO: dict[Any, Any] = {("door.closed", (0,)): False, ("door.closed", (1,)): False, ("door.seen", (0,)): 0}


def program_of(folder: Path, spec: str = SPEC) -> Program:
    subject(folder)
    (folder / "spec" / "m.hfs").write_text(spec)
    return load_program(Folders(folder, folder / "spec", folder / "impl", folder / "proofs"))


def situation(**more: Any) -> Scenario:
    cells = {**TWO, ("door.seen", (1,)): 5}
    return Scenario("look", {"count": 2}, 1, actor=(1,), arguments={"many": 3}, cells=cells, **more)


def test_clauses_look_at_the_caller_s_own_cells(tmp_path: Path) -> None:
    variation = Variation(program_of(tmp_path))
    asked = variation.asking.cells(variation.program.calls["look"], variation.env(situation()))
    assert asked == {("door.closed", (1,)), ("door.seen", (1,))}
    # A check that fails comes first: nothing else is looked at.
    refused = situation()
    refused.arguments["many"] = 10
    assert variation.asking.cells(variation.program.calls["look"], variation.env(refused)) == set()


def test_numbers_are_those_of_both_sides_of_comparisons(tmp_path: Path) -> None:
    every = "    given none_below: forall k: Id :: k < 77 ==> k < 78\n    reject too_many"
    variation = Variation(program_of(tmp_path, SPEC.replace("    reject too_many", every)))
    found = variation.asking.numbers(variation.program.calls["look"], variation.env(situation()))
    assert found == {3, 5, 9}


def test_rare_numbers_that_the_code_compares_turn_up(tmp_path: Path) -> None:
    program = program_of(tmp_path)
    rare = 123_456_789

    def tried(told: frozenset[int]) -> set[int]:
        found: set[int] = set()

        @seed(0)
        @settings(max_examples=400, database=None, deadline=None, phases=[Phase.generate])
        @given(Variation(program, told).scenarios([situation()]))
        def example(one: Scenario) -> None:
            found.add(int(one.arguments["many"]))

        example()
        return found

    assert rare in tried(frozenset({rare}))
    assert rare not in tried(frozenset())
    # Both sides of each boundary that the clauses name.
    assert {4, 5, 6, 8, 9, 10} <= tried(frozenset())


def test_what_is_assumed_of_the_machine_holds_for_functions_too(tmp_path: Path) -> None:
    subject(tmp_path)
    rate = "state door[id: Id below count] {\n    rate : u32 constant"
    spec = SPEC.replace("state door[id: Id below count] {", rate) + 'assume turns: door[0].rate > 0 because "it does"\n'
    (tmp_path / "spec" / "m.hfs").write_text(spec)
    clauses = "with door: door arg n: u32 ret s: u32 case told when true { returns n }"
    proofs = next((tmp_path / "proofs").glob("*.hfp"))
    proofs.write_text(f'{proofs.read_text()}function share {{ impl "m:share" {clauses} }}\n')
    program = load_program(Folders(tmp_path, tmp_path / "spec", tmp_path / "impl", tmp_path / "proofs"))
    cells: dict[Any, Any] = {**TWO, ("door.rate", (0,)): 1, ("door.rate", (1,)): 1, ("door.seen", (1,)): 5}
    begin = Scenario("share", {"count": 2}, 1, objects={"door": (1,)}, arguments={"n": 3}, cells=cells)
    rates: dict[int, set[int]] = {0: set(), 1: set()}

    @seed(0)
    @settings(max_examples=400, database=None, deadline=None, phases=[Phase.generate])
    @given(Variation(program, frozenset()).scenarios([begin]))
    def example(one: Scenario) -> None:
        for door, found in rates.items():
            found.add(int(one.cells["door.rate", (door,)]))

    example()
    # Of the other door nothing is assumed.
    assert 0 not in rates[0]
    assert {0, 1} < rates[1]
