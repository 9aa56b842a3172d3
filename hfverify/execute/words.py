"""Words of bits: integers of the code that stand for a part of a set of bits of the specification.

Reads   the `words` rules of proof files
Gives   reading and writing a word, and the operators that speak about single bits
Refuses arithmetic on a word as a number (HF401)
"""

from __future__ import annotations

import ast

import z3

from hfverify.execute.interpreter import Frame, Interpreter
from hfverify.execute.values import Value, Words
from hfverify.logic import arithmetic
from hfverify.logic.values import Bits
from hfverify.logic.words import Flag, Shifted, Word, is_set, position


def read_word(run: Interpreter, words: Words, index: z3.ArithRef, node: ast.AST, frame: Frame) -> Word:
    """`words[index]`."""
    _demand_index(run, words, index, node, frame)
    found = run.world.read(words.cell, words.ref, frame.span(node))
    assert isinstance(found, Bits)
    return Word(found, _scaled(index, words.width), words.width)


def write_word(run: Interpreter, words: Words, index: z3.ArithRef, new: Value, node: ast.AST, frame: Frame) -> None:
    """`words[index] = new`; the new word must be this very one with some bits set or cleared."""
    _demand_index(run, words, index, node, frame)
    now = run.world.cells.read(words.cell, words.ref)
    assert isinstance(now, Bits)
    same = isinstance(new, Word) and new.width == words.width and new.base.eq(_scaled(index, words.width))
    if not isinstance(new, Word) or not same or not _grown_from(new.bits, now):
        raise run.refuse(node, frame, "only the same word with single bits set or cleared can be stored here")
    run.world.write(words.cell, words.ref, new.bits, frame.span(node))


def _demand_index(run: Interpreter, words: Words, index: z3.ArithRef, node: ast.AST, frame: Frame) -> None:
    number = arithmetic.constant(index)
    if number is not None and number < 0:
        raise run.refuse(node, frame, "a word is found by its place from the beginning only")
    inside = z3.And(index >= 0, index < words.count)
    run.require(inside, node, frame, f"the index of `{ast.unparse(node)}` may be out of range")


def _grown_from(new: Bits, old: Bits) -> bool:
    """Whether single bits were put into the old set, and nothing else."""
    member: z3.ExprRef = new.member
    while not member.eq(old.member):
        if not z3.is_store(member):
            return False
        member = member.arg(0)
    return True


def _scaled(index: z3.ArithRef, width: int) -> z3.ArithRef:
    number = arithmetic.constant(index)
    return index * width if number is None else z3.IntVal(number * width)


def combined(run: Interpreter, op: ast.operator, left: Value, right: Value, node: ast.AST, frame: Frame) -> Value:
    """The result of an operator of which one operand is a word, or a word shifted to the right."""
    match op, left, right:
        case ast.BitAnd(), Word(), Word() if left.width == right.width and left.base.eq(right.base):
            return Word(run.world.facts.meet(left.bits, right.bits), left.base, left.width)
        case ast.RShift(), Word(), z3.ArithRef():
            _demand_bit(run, left, right, node, frame)
            return Shifted(left, right)
        case ast.BitAnd(), Shifted(word, amount), z3.ArithRef() if arithmetic.constant(right) == 1:
            return z3.If(is_set(word, amount), z3.IntVal(1), z3.IntVal(0))
    whole, mask = (left, right) if isinstance(left, Word) else (right, left)
    found = run.powers.of(mask) if isinstance(mask, z3.ArithRef) else None
    if isinstance(whole, Word) and found is not None:
        bit, inverted = found
        _demand_bit(run, whole, bit, node, frame)
        match op, inverted:
            case ast.BitAnd(), False:
                return Flag(is_set(whole, bit))
            case ast.BitAnd(), True:
                return Word(whole.bits.put(position(whole, bit), z3.BoolVal(False)), whole.base, whole.width)
            case ast.BitOr(), False:
                return Word(whole.bits.put(position(whole, bit), z3.BoolVal(True)), whole.base, whole.width)
    raise run.refuse(node, frame, "a word of bits can be combined with `1 << bit` or its complement only")


def _demand_bit(run: Interpreter, word: Word, bit: z3.ArithRef, node: ast.AST, frame: Frame) -> None:
    low, high = run.world.facts.ranges.of(bit)
    if low is None or low < 0 or high is None or high >= word.width:
        raise run.refuse(node, frame, f"the bit may lie outside the word of {word.width} bits")
