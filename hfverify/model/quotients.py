"""By what a number is divided where it indexes a map: the numbers of one map are parts of those of another.

Reads   the invariants of model.program.Program
Gives   Program.quotients
Refuses nothing
"""

from __future__ import annotations

from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.program import Program
from hfverify.model.types import MapType
from hfverify.syntax import tree


def collect_quotients(program: Program) -> None:
    """Of each map that an invariant of its own object indexes with `p / N`."""
    for lock in program.locks.values():
        for node in (node for invariant in lock.invariants for node in walk(invariant.value)):
            match node:
                case tree.Index(_, tree.Name(_, name), (tree.Binary(_, "/", tree.Name(), divisor),)):
                    cell, size = program.cell(lock.state, name), constant_value(program, divisor, ())
                    if cell is not None and isinstance(cell.type, MapType) and size is not None and size > 0:
                        program.quotients[cell.name] = size
