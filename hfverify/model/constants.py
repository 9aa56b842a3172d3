"""Compute the number that an expression stands for, if literals and constants alone say so.

Reads   syntax.tree expressions, the constants of model.program.Program
Gives   a number, or None where the state of the machine or a name that hides a constant matters
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Container

from hfverify.model.program import Program
from hfverify.syntax import tree

MOST_BITS = 1024


def constant_value(program: Program, expr: tree.Expr, local: Container[str]) -> int | None:
    """The number; the names in `local` hide constants."""
    match expr:
        case tree.Literal(_, value) if isinstance(value, int) and not isinstance(value, bool):
            return value
        case tree.Name(_, text) if text not in local and text in program.consts:
            return constant_value(program, program.consts[text][1], ())
        case tree.Unary(_, "-" | "+" as sign, operand):
            number = constant_value(program, operand, local)
            return number if number is None or sign == "+" else -number
        case tree.Binary(_, operator, left, right):
            a, b = constant_value(program, left, local), constant_value(program, right, local)
            return None if a is None or b is None else _computed(operator, a, b)
    return None


def _computed(operator: str, left: int, right: int) -> int | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right > 0:
            return left // right
        case "%" if right > 0:
            return left % right
        case "<<" if 0 <= right <= MOST_BITS:
            return left << right
        case ">>" if 0 <= right <= MOST_BITS:
            return left >> right
        case "&":
            return left & right
        case "|":
            return left | right
    return None
