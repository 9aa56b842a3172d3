"""What a model of the solver says, as a state that the real code can begin in."""

from __future__ import annotations

from pathlib import Path

import pytest
import z3

from hfverify.config import load_config
from hfverify.explain.witness import Reader
from hfverify.logic.cells import Cells
from hfverify.logic.terms import numeral, select
from hfverify.logic.values import Fifo, Ref
from hfverify.model.load import load_program
from hfverify.prove.small import Bounds
from hfverify.prove.solver import make_solver

JOBS = Path(__file__).parents[2] / "examples" / "jobs"


@pytest.mark.parametrize(("workers", "line"), [(1, (0,)), (2, (1, 0)), (0, ())])
def test_nobody_stands_in_a_line_who_does_not_exist(workers: int, line: tuple[int, ...]) -> None:
    """The solver was told nothing of the line of this queue but that two stand there, the second one first."""
    config = load_config(JOBS)
    program = load_program(config.folders, config.revision)
    cells, queue = Cells.arbitrary(program), Ref("queue", (numeral(0),))
    found = cells.read(program.states["queue"].cells["line"], queue)
    assert isinstance(found, Fifo)
    solver = make_solver(1_000_000, mbqi=False)
    solver.add(z3.Int("queue_count") == 1, z3.Int("cpu_count") == 1)
    solver.add(cells.read(program.states["queue"].cells["worker_count"], queue) == workers)
    solver.add(*(found.has(numeral(member)) for member in (0, 1)), z3.Not(found.has(numeral(2))))
    solver.add(select(found.ticket, numeral(1)) < select(found.ticket, numeral(0)))
    assert solver.check() == z3.sat
    state = Reader(program, solver.model(), Bounds(2)).state(cells)
    assert state.cells["queue.line", (0,)] == line
