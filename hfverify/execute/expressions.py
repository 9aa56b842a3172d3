"""One handler for each kind of Python expression.

Reads   ast.expr
Gives   execute.values.Value
Refuses operators and operands without an exact meaning (HF401)
"""

from __future__ import annotations

import ast
from collections.abc import Callable

import z3

from hfverify.execute.calls import call
from hfverify.execute.interpreter import EXPRESSIONS, Eval, Frame, Interpreter
from hfverify.execute.objects import get_attribute, get_item
from hfverify.execute.values import (
    NONE,
    Buffer,
    EnumValue,
    Maybe,
    Node,
    NoneValue,
    Opaque,
    Slice,
    Text,
    TupleValue,
    Value,
)
from hfverify.execute.words import combined
from hfverify.logic import arithmetic
from hfverify.logic.values import Bytes, Part, Ref, conjunction, disjunction
from hfverify.logic.words import Flag, Shifted, Word, is_not_zero


def handles(kind: type[ast.expr]) -> Callable[[Eval], Eval]:
    """Register the handler of a node."""

    def register(handler: Eval) -> Eval:
        EXPRESSIONS[kind] = handler
        return handler

    return register


@handles(ast.Constant)
def _constant(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.Constant)
    match node.value:
        case bool(truth):
            return z3.BoolVal(truth)
        case int(number):
            return z3.IntVal(number)
        case None:
            return NONE
        case str(text):
            return Text(text)
    raise run.refuse(node, frame, f"a constant of type `{type(node.value).__name__}` is not supported")


@handles(ast.Name)
def _name(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.Name)
    return run.lookup(node.id, node, frame)


@handles(ast.Attribute)
def _attribute(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.Attribute)
    return get_attribute(run, run.evaluate(node.value, frame), node.attr, node, frame)


@handles(ast.Subscript)
def _subscript(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.Subscript)
    base = run.evaluate(node.value, frame)
    if isinstance(base, TupleValue):
        if isinstance(node.slice, ast.Slice):
            raise run.refuse(node, frame, "a slice of a tuple is not supported")
        position = arithmetic.constant(z3.simplify(number(run, run.evaluate(node.slice, frame), node.slice, frame)))
        if position is None:
            raise run.refuse(node, frame, "the index of a tuple must be a constant")
        if not -len(base.items) <= position < len(base.items):
            run.require(z3.BoolVal(False), node, frame, f"the index of `{ast.unparse(node)}` is out of range")
        return base.items[position]
    if isinstance(base, Buffer):
        count = prefix(run, base, node, frame)
        content = run.world.read(base.cell, base.ref, frame.span(node))
        assert isinstance(content, Bytes)
        return Slice(content, count)
    return get_item(run, base, node, frame)


def prefix(run: Interpreter, buffer: Buffer, node: ast.Subscript, frame: Frame) -> z3.ArithRef:
    """The length of `buffer[:length]`, which must lie inside the buffer."""
    match node.slice:
        case ast.Slice(lower=None, upper=ast.expr() as upper, step=None):
            count = number(run, run.evaluate(upper, frame), upper, frame)
        case _:
            raise run.refuse(node, frame, "only `buffer[:length]` is supported")
    size = buffer.cell.type.length  # type: ignore[union-attr]
    inside = z3.And(count >= 0, count <= size)
    run.require(inside, node, frame, f"`{ast.unparse(node)}` may reach beyond the {size} bytes of the buffer")
    return count


@handles(ast.Tuple)
def _tuple(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.Tuple)
    return TupleValue(tuple(run.evaluate(item, frame) for item in node.elts))


@handles(ast.IfExp)
def _conditional(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.IfExp)
    test = run.evaluate(node.test, frame) if not isinstance(node.test, ast.BoolOp) else run.computed(node.test, frame)
    then, otherwise = run.computed(node.body, frame), run.computed(node.orelse, frame)
    if isinstance(test, z3.BoolRef) and _alike(then, otherwise):
        assert isinstance(then, z3.ExprRef)
        assert isinstance(otherwise, z3.ExprRef)
        return z3.If(test, then, otherwise)
    holds = run.truth(node.test, frame) if test is None else run.branch(
        run.truthiness(test, node.test, frame), node.test, frame
    )  # fmt: skip
    return run.evaluate(node.body if holds else node.orelse, frame)


def _alike(a: Value | None, b: Value | None) -> bool:
    return any(isinstance(a, sort) and isinstance(b, sort) for sort in (z3.ArithRef, z3.BoolRef))


@handles(ast.BoolOp)
def _bool_op(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    """`and` and `or` give one of their operands, and evaluate no more of them than they need."""
    assert isinstance(node, ast.BoolOp)
    stop_on = isinstance(node.op, ast.Or)
    value: Value = NONE
    for index, operand in enumerate(node.values):
        value = run.evaluate(operand, frame)
        rest = node.values[index + 1 :]
        if not rest:
            break
        following = [run.computed(other, frame) for other in rest] if isinstance(value, z3.BoolRef) else []
        truths = [other for other in following if isinstance(other, z3.BoolRef)]
        if isinstance(value, z3.BoolRef) and len(truths) == len(rest):
            return (disjunction if stop_on else conjunction)([value, *truths])
        if run.branch(run.truthiness(value, operand, frame), operand, frame) is stop_on:
            return run.present(value, operand, frame, "it was found true") if stop_on else value
    return value


@handles(ast.UnaryOp)
def _unary(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.UnaryOp)
    value = run.evaluate(node.operand, frame)
    match node.op:
        case ast.Not():
            return z3.Not(run.truthiness(value, node.operand, frame))
        case ast.USub():
            return folded(-number(run, value, node, frame))
        case ast.UAdd():
            return number(run, value, node, frame)
        case _:
            term = number(run, value, node, frame)
            inverted = folded(folded(-term) - 1)
            power = run.powers.of(term)
            if power is not None and not power[1]:
                run.powers.note(inverted, power[0], inverted=True)
            return inverted


def number(run: Interpreter, value: Value, node: ast.expr, frame: Frame) -> z3.ArithRef:
    """An integer, also from a truth value or a member of an integer enumeration."""
    value = run.present(value, node, frame, "a number is needed")
    if isinstance(value, EnumValue) and value.is_int:
        return value.term
    if isinstance(value, z3.ArithRef):
        return value
    if isinstance(value, z3.BoolRef):
        return z3.If(value, z3.IntVal(1), z3.IntVal(0))
    raise run.refuse(node, frame, "this is not an integer")


def folded(term: z3.ArithRef) -> z3.ArithRef:
    """A number if the operands are numbers."""
    return z3.simplify(term) if all(z3.is_int_value(child) for child in term.children()) else term


@handles(ast.BinOp)
def _binary(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.BinOp)
    left, right = run.evaluate(node.left, frame), run.evaluate(node.right, frame)
    return arithmetic_result(run, node.op, left, right, node, frame)


def arithmetic_result(
    run: Interpreter, op: ast.operator, left: Value, right: Value, node: ast.AST, frame: Frame
) -> Value:
    """The result of a binary operator on integers."""
    assert isinstance(node, ast.BinOp | ast.AugAssign)
    if (
        isinstance(left, z3.BoolRef)
        and isinstance(right, z3.BoolRef)
        and isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor)
    ):
        return _logical(op, left, right)
    if any(isinstance(value, Word | Shifted) for value in (left, right)):
        return combined(run, op, left, right, node, frame)
    left_node = node.left if isinstance(node, ast.BinOp) else node.target
    right_node = node.right if isinstance(node, ast.BinOp) else node.value
    a, b = number(run, left, left_node, frame), number(run, right, right_node, frame)
    ranges = run.world.facts.ranges
    match op:
        case ast.Add():
            return folded(a + b)
        case ast.Sub():
            return folded(a - b)
        case ast.Mult():
            return folded(a * b)
        case ast.Pow() if (power := _power(a, b)) is not None:
            return power
        case ast.FloorDiv() | ast.Mod():
            run.require(b > 0, node, frame, f"the divisor of `{ast.unparse(node)}` may be zero or negative")
            return folded(a / b if isinstance(op, ast.FloorDiv) else a % b)
        case ast.LShift() | ast.RShift():
            inside = z3.And(b >= 0, b <= arithmetic.WIDEST)
            message = f"the shift of `{ast.unparse(node)}` may be negative or above {arithmetic.WIDEST}"
            run.require(inside, node, frame, message)
            shift = arithmetic.shift_left if isinstance(op, ast.LShift) else arithmetic.shift_right
            shifted = folded(shift(a, b, ranges))
            if isinstance(op, ast.LShift) and arithmetic.constant(a) == 1:
                run.powers.note(shifted, b, inverted=False)
            return shifted
        case ast.BitAnd() | ast.BitOr() | ast.BitXor():
            if arithmetic.needs_vectors(a, b, ranges, joins=isinstance(op, ast.BitOr)):
                for operand in (a, b):
                    _demand_vector(run, operand, node, frame)
            operation = {ast.BitAnd: arithmetic.bit_and, ast.BitOr: arithmetic.bit_or, ast.BitXor: arithmetic.bit_xor}
            return folded(operation[type(op)](a, b, ranges))
    raise run.refuse(node, frame, f"the operator of `{ast.unparse(node)}` is not supported")


def _power(base: z3.ArithRef, exponent: z3.ArithRef) -> z3.ArithRef | None:
    """A small power of a number that is written out; None for any other, whose result may be no integer."""
    number, times = arithmetic.constant(base), arithmetic.constant(exponent)
    if number is None or times is None or not 0 <= times <= arithmetic.WIDEST or abs(number) > 1 << arithmetic.WIDEST:
        return None
    return z3.IntVal(number**times)


def _logical(op: ast.operator, a: z3.BoolRef, b: z3.BoolRef) -> z3.BoolRef:
    if isinstance(op, ast.BitXor):
        return z3.Xor(a, b)
    return conjunction([a, b]) if isinstance(op, ast.BitAnd) else disjunction([a, b])


def _demand_vector(run: Interpreter, term: z3.ArithRef, node: ast.AST, frame: Frame) -> None:
    """Bit vectors are exact for unsigned numbers of 64 bits; that an operand is one is proved."""
    low, high = run.world.facts.ranges.of(term)
    if low is None or low < 0:
        run.require(term >= 0, node, frame, f"an operand of `{ast.unparse(node)}` may be negative")
    if high is None or high.bit_length() > arithmetic.WIDEST:
        limit = 1 << arithmetic.WIDEST
        run.require(term < limit, node, frame, f"an operand of `{ast.unparse(node)}` may need more than 64 bits")


@handles(ast.Compare)
def _compare(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    assert isinstance(node, ast.Compare)
    left = run.evaluate(node.left, frame)
    left_node = node.left
    results: list[z3.BoolRef] = []
    for index, (op, operand) in enumerate(zip(node.ops, node.comparators, strict=True)):
        right = run.evaluate(operand, frame)
        results.append(_comparison(run, op, left, right, (left_node, operand), node, frame))
        if index < len(node.ops) - 1 and not run.branch(results[-1], node, frame):
            return z3.BoolVal(False)
        left, left_node = right, operand
    return conjunction(results)


def _comparison(
    run: Interpreter,
    op: ast.cmpop,
    left: Value,
    right: Value,
    nodes: tuple[ast.expr, ast.expr],
    node: ast.expr,
    frame: Frame,
) -> z3.BoolRef:
    match op:
        case ast.Is():
            return identical(run, left, right, node, frame)
        case ast.IsNot():
            return z3.Not(identical(run, left, right, node, frame))
        case ast.Eq():
            return equal(run, left, right, node, frame)
        case ast.NotEq():
            return z3.Not(equal(run, left, right, node, frame))
        case ast.In() | ast.NotIn():
            if not isinstance(right, TupleValue):
                raise run.refuse(node, frame, "`in` is supported for tuples only")
            found = disjunction([equal(run, left, item, node, frame) for item in right.items])
            return found if isinstance(op, ast.In) else z3.Not(found)
    a, b = number(run, left, nodes[0], frame), number(run, right, nodes[1], frame)
    match op:
        case ast.Lt():
            return a < b
        case ast.LtE():
            return a <= b
        case ast.Gt():
            return a > b
        case _:
            return a >= b


def equal(run: Interpreter, left: Value, right: Value, node: ast.expr, frame: Frame) -> z3.BoolRef:
    """`left == right`. Objects compare by identity where their class says so."""
    if isinstance(left, z3.BoolRef) and isinstance(right, z3.BoolRef):
        return left == right
    if isinstance(left, Text) and isinstance(right, Text):
        return z3.BoolVal(left.text == right.text)
    if isinstance(left, TupleValue) and isinstance(right, TupleValue):
        if len(left.items) != len(right.items):
            return z3.BoolVal(False)
        return conjunction([equal(run, a, b, node, frame) for a, b in zip(left.items, right.items, strict=True)])
    for value, other in ((left, right), (right, left)):
        zero = isinstance(other, z3.ArithRef) and arithmetic.constant(other) == 0
        if isinstance(value, Flag | Word) and zero:
            some = value.truth if isinstance(value, Flag) else is_not_zero(run.world.facts, value)
            return z3.Not(some)
    if _unlike(left, right):
        return z3.BoolVal(False)
    plain = (z3.ArithRef, z3.BoolRef, EnumValue)
    if isinstance(left, plain) and isinstance(right, plain):
        if isinstance(left, EnumValue) and isinstance(right, EnumValue) and left.enum == right.enum:
            return left.term == right.term
        if any(isinstance(value, EnumValue) and not value.is_int for value in (left, right)):
            return z3.BoolVal(False)
        return number(run, left, node, frame) == number(run, right, node, frame)
    for value in (left, right):
        inner = value.value if isinstance(value, Maybe) else value
        if isinstance(inner, Node | Opaque | Part) or (isinstance(inner, Ref) and not _by_identity(run, inner)):
            raise run.refuse(node, frame, "equality of these objects is not known to be identity", "use `is`")
    return identical(run, left, right, node, frame)


def _unlike(left: Value, right: Value) -> bool:
    """Whether the types alone make two values different."""
    families = ((z3.ArithRef, z3.BoolRef, EnumValue), (Text,), (TupleValue,))
    mine = [isinstance(left, family) for family in families]
    return any(mine) and any(isinstance(right, family) and not own for family, own in zip(families, mine, strict=True))


def _by_identity(run: Interpreter, ref: Ref) -> bool:
    cls = run.class_of(ref)
    return cls is not None and cls.compares_by_identity


def identical(run: Interpreter, left: Value, right: Value, node: ast.expr, frame: Frame) -> z3.BoolRef:
    """`left is right`."""
    if isinstance(right, Maybe) and not isinstance(left, Maybe):
        left, right = right, left
    match left, right:
        case NoneValue(), NoneValue():
            return z3.BoolVal(True)
        case Maybe(present, _), NoneValue():
            return z3.Not(present)
        case Maybe(present, inner), Maybe(other_present, other):
            same = identical(run, inner, other, node, frame)
            return z3.If(present, z3.And(other_present, same), z3.Not(other_present))
        case Maybe(present, inner), _:
            return conjunction([present, _same_value(run, inner, right, node, frame)])
        case NoneValue(), _:
            return z3.BoolVal(False)
        case _, NoneValue():
            return z3.BoolVal(False)
    return _same_value(run, left, right, node, frame)


def _same_value(run: Interpreter, left: Value, right: Value, node: ast.expr, frame: Frame) -> z3.BoolRef:
    match left, right:
        case Ref(), Ref():
            return left.same(right) if left.state == right.state else z3.BoolVal(False)
        case EnumValue(enum, a, _), EnumValue(other, b, _):
            return a == b if enum == other else z3.BoolVal(False)
        case z3.BoolRef(), z3.BoolRef():
            return left == right
        case (Node(a), Node(b)) | (Opaque(a), Opaque(b)):
            return a == b
        case (z3.ArithRef(), z3.BoolRef()) | (z3.BoolRef(), z3.ArithRef()) if _uses_identity(node):
            return z3.BoolVal(False)
        case z3.ArithRef(), z3.ArithRef() if not _uses_identity(node):
            return left == right
    help_ = "identity of integers depends on the interpreter: use `==`"
    raise run.refuse(node, frame, "these values cannot be compared", help_)


def _uses_identity(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)


EXPRESSIONS[ast.Call] = call
