"""Which numbers a definition allows, bit by bit: what a map holds before a case, as a table.

Reads   functions of the specification whose parameters are numbers and truth values; evaluates them, without a solver
Gives   uses, which finds those that are asked about a map; allowed, which gives the rows of a table
Refuses nothing: a definition that looks at the state, or speaks of too many bits, has no rows
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from hfverify.explain.concrete import Env, Evaluator, Store
from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.program import Cell, Program
from hfverify.syntax import tree

MOST_POINTS = 4096
ANY, OTHER, SET, CLEAR = "any", "another", "set", "clear"


@dataclass(frozen=True, slots=True)
class Axis:
    """One column: a parameter with the values that matter, or a named bit of the number that is asked about."""

    name: str
    values: tuple[tuple[str, int | bool], ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """`rows` together are every combination that is allowed, and no other."""

    axes: tuple[Axis, ...]
    rows: tuple[tuple[str, ...], ...]


def uses(program: Program, expr: tree.Expr, cell: Cell) -> Iterator[tuple[str, str]]:
    """The functions that are given a value of the map, with the parameter that gets it; definitions are looked into."""
    seen: set[str] = set()
    pending = [expr]
    while pending:
        for node in walk(pending.pop()):
            if not isinstance(node, tree.Apply) or not isinstance(node.function, tree.Name):
                continue
            name = node.function.text
            if name not in program.pures:
                continue
            pure = program.pures[name]
            for parameter, argument in zip(pure.parameters, node.arguments, strict=False):
                match argument:
                    case tree.Index(_, tree.Member(_, _, member), _) if member == cell.path:
                        yield name, parameter.name
            if name not in seen:
                seen.add(name)
                pending.append(pure.body)


def allowed(program: Program, name: str, asked: str) -> Allowed | None:
    """The combinations for which the function holds, if it looks at nothing but bits of the number, and at the rest."""
    pure = program.pures[name]
    body = list(walk(pure.body))
    mask = _looked_at(program, body, asked)
    others = [parameter for parameter in pure.parameters if parameter.name != asked]
    axes = [axis for parameter in others if (axis := _axis(program, parameter, body)) is not None]
    bits = [(text, n) for text, n in _named_bits(program, body) if mask is not None and n & mask]
    count = len(axes)
    axes += [Axis(text, ((CLEAR, 0), (SET, n))) for text, n in bits]
    stateful = any(isinstance(node, tree.Member | tree.Index | tree.Apply | tree.Quantified) for node in body)
    if stateful or not mask or sum(n for _, n in bits) != mask or count != len(others):
        return None
    if prod(len(axis.values) for axis in axes) > MOST_POINTS:
        return None
    evaluator = Evaluator(program)
    points = set()
    for point in product(*(range(len(axis.values)) for axis in axes)):
        values = [axis.values[index][1] for axis, index in zip(axes, point, strict=True)]
        names = {parameter.name: value for parameter, value in zip(others, values, strict=False)}
        names[asked] = sum(values[count:])
        if evaluator.truth(pure.body, Env(Store({}, {}), names)):
            points.add(point)
    return Allowed(tuple(axes), tuple(_row(axes, box) for box in cover(axes, points)))


def _looked_at(program: Program, body: Sequence[tree.Node], asked: str) -> int | None:
    """The bits of a number that an expression looks at; None if it looks in another way, too."""
    found, times = 0, 0
    for node in body:
        match node:
            case tree.Binary(_, "&", tree.Name(_, text), other) | tree.Binary(_, "&", other, tree.Name(_, text)) if (
                text == asked
            ):
                number = constant_value(program, other, ())
                found, times = found | (number or 0), times + (number is not None)
    return found if times == _mentioned(body, asked) else None


def _named_bits(program: Program, body: Sequence[tree.Node]) -> list[tuple[str, int]]:
    """The constants of an expression that are one bit each, the lowest first."""
    names = dict.fromkeys(node.text for node in body if isinstance(node, tree.Name))
    found = [(n, text) for text in names if (n := _number(program, text)) and n > 0 and n & (n - 1) == 0]
    return [(text, n) for n, text in sorted(found)]


def _mentioned(body: Sequence[tree.Node], name: str) -> int:
    return sum(isinstance(node, tree.Name) and node.text == name for node in body)


def _number(program: Program, text: str) -> int | None:
    return constant_value(program, program.consts[text][1], ()) if text in program.consts else None


def _axis(program: Program, parameter: tree.Parameter, body: Sequence[tree.Node]) -> Axis | None:
    """A truth value, or a number that is compared with constants and with nothing else."""
    if parameter.type.name == "bool":
        return Axis(parameter.name, (("false", False), ("true", True)))
    known: dict[str, int] = {}
    times = 0
    for node in body:
        if isinstance(node, tree.Binary) and node.operator in ("==", "!="):
            sides = [side.text for side in (node.left, node.right) if isinstance(side, tree.Name)]
            if parameter.name in sides:
                text = next((text for text in sides if text != parameter.name), "")
                number = _number(program, text)
                if number is not None:
                    known[text], times = number, times + 1
    if times != _mentioned(body, parameter.name):
        return None
    return Axis(parameter.name, (*known.items(), (OTHER, max(known.values(), default=0) + 1)))


def cover(axes: Sequence[Axis], points: set[tuple[int, ...]]) -> Iterator[tuple[frozenset[int], ...]]:
    """Boxes that together have all points and no other: each grows from the first point that no box has yet."""
    left = sorted(points)
    while left:
        box = [frozenset({index}) for index in left[0]]
        for place in reversed(range(len(axes))):
            for index in range(len(axes[place].values)):
                wider = [*box[:place], box[place] | {index}, *box[place + 1 :]]
                if all(point in points for point in product(*wider)):
                    box = wider
        yield tuple(box)
        left = [point for point in left if not all(index in side for index, side in zip(point, box, strict=True))]


def _row(axes: Sequence[Axis], box: Sequence[frozenset[int]]) -> tuple[str, ...]:
    return tuple(
        ANY if len(side) == len(axis.values) else " | ".join(axis.values[index][0] for index in sorted(side))
        for axis, side in zip(axes, box, strict=True)
    )
