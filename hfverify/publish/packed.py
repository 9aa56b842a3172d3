"""The number that a result is in its register, if it is the same every time.

Reads   model.program.Program, what a case returns
Gives   packed: the number with all bits of the register, or None if it depends on the state
Refuses nothing
"""

from __future__ import annotations

from hfverify.model.constants import constant_value
from hfverify.model.program import Program
from hfverify.model.registers import REGISTER_BITS
from hfverify.syntax import tree

MASK = (1 << REGISTER_BITS) - 1


def packed(program: Program, expr: tree.Expr) -> int | None:
    """Numbers as they are, negative ones in two's complement, variants of an encoding with their fields in place."""
    number = constant_value(program, expr, ())
    if number is not None:
        return number & MASK
    if isinstance(expr, tree.Name) and expr.text in program.variants:
        variant = program.variants[expr.text]
        return (variant.tree.tag or 0) << variant.tag_shift
    if isinstance(expr, tree.Apply) and isinstance(expr.function, tree.Name):
        return _variant(program, expr.function.text, dict(expr.keywords))
    return None


def _variant(program: Program, name: str, given: dict[str, tree.Expr]) -> int | None:
    if name not in program.variants:
        return None
    variant = program.variants[name]
    found = (variant.tree.tag or 0) << variant.tag_shift
    for field in variant.tree.fields:
        number = constant_value(program, given[field.name], ())
        if number is None:
            return None
        found |= (number & ((1 << field.high - field.low + 1) - 1)) << field.low
    return found


def shown(number: int) -> str:
    """Hexadecimal digits in groups of four, as the specification writes them."""
    digits = f"{number:x}"
    digits = digits.zfill(-(-len(digits) // 4) * 4) if len(digits) > 4 else digits
    groups = [digits[i : i + 4] for i in range(0, len(digits), 4)] if len(digits) > 4 else [digits]
    return "0x" + "_".join(groups)
