"""Integers whose bits are a part of a set of bits.

Reads   logic.values.Bits
Gives   Word, Shifted, Flag; Powers, the terms that are a power of two or the complement of one
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from hfverify.logic import arithmetic
from hfverify.logic.facts import Facts
from hfverify.logic.values import Bits


@dataclass(frozen=True, slots=True)
class Word:
    """An integer whose bit `k` is 1 exactly if `base + k` is in the set."""

    bits: Bits
    base: z3.ArithRef
    width: int


@dataclass(frozen=True, slots=True)
class Shifted:
    """A word without its lowest `amount` bits."""

    word: Word
    amount: z3.ArithRef


@dataclass(frozen=True, slots=True)
class Flag:
    """An integer of which only is known whether it is 0."""

    truth: z3.BoolRef


def position(word: Word, bit: z3.ArithRef) -> z3.ArithRef:
    """Which number of the set a bit of a word is."""
    base, offset = arithmetic.constant(word.base), arithmetic.constant(bit)
    if base is not None and offset is not None:
        return z3.IntVal(base + offset)
    whole = word.base.arg(0) if z3.is_mul(word.base) else word.base
    divided = z3.is_app_of(whole, z3.Z3_OP_IDIV) and arithmetic.constant(whole.arg(1)) == word.width
    rest = z3.is_app_of(bit, z3.Z3_OP_MOD) and arithmetic.constant(bit.arg(1)) == word.width
    if divided and rest and whole.arg(0).eq(bit.arg(0)):
        return whole.arg(0)
    return word.base + bit


def is_set(word: Word, bit: z3.ArithRef) -> z3.BoolRef:
    """Whether a bit of a word is 1."""
    return word.bits.has(position(word, bit))


def is_not_zero(facts: Facts, word: Word) -> z3.BoolRef:
    """Whether any bit of a word is 1."""
    low = facts.lowest(word.bits, word.base)
    return z3.And(word.bits.has(low), low >= word.base, low < word.base + word.width)


class Powers:
    """Which terms are a power of two, or the complement of one."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[z3.ArithRef, z3.ArithRef, bool]] = {}

    def note(self, term: z3.ArithRef, exponent: z3.ArithRef, *, inverted: bool) -> None:
        """The term is `1 << exponent`, or its complement."""
        self._known[term.get_id()] = (term, exponent, inverted)

    def of(self, term: z3.ArithRef) -> tuple[z3.ArithRef, bool] | None:
        """The exponent, and whether the term is the complement."""
        number = arithmetic.constant(term)
        if number is not None:
            plain = number if number > 0 else ~number
            return (z3.IntVal(plain.bit_length() - 1), number < 0) if plain > 0 and not plain & plain - 1 else None
        found = self._known.get(term.get_id())
        return found[1:] if found is not None else None
