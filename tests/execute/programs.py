"""Draw small functions inside the supported subset of Python.

Reads   nothing
Gives   modules(): a Hypothesis strategy for the text of a module with a function `f(a, b, p, c)`
Refuses nothing
"""

# ruff: noqa: E501 (a snippet is easier to read in one line)
from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

CLASSES = """
from dataclasses import dataclass
from enum import Enum, IntEnum

class Colour(IntEnum):
    RED = 0
    GREEN = 1
    BLUE = 5

class Mode(Enum):
    OFF = 0
    ON = 1

@dataclass(frozen=True)
class Pair:
    left: int
    right: int = 7
"""
HEAD = (
    CLASSES
    + """
N = 3
M = N << 2 | 1

def g(x, y=N):
    if x < y:
        return y - x
    return x

def h(x, *, q=False):
    assert x != 4
    match x, q:
        case 0, _:
            return None
        case k, True if k > 2:
            return k * 2
    return -x

"""
)
NUMBERS = ("a", "b", "x", "y", "z")
CONSTANTS = ("0", "1", "2", "3", "7", "12", "-1", "-4", "N", "M", "255", "True")


class _Writer:
    """Writes one function; `budget` bounds the branches, and so the number of paths."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self.draw = draw
        self.budget = 4
        self.counter = 0

    def pick(self, *options: str) -> str:
        return options[self.draw(st.integers(0, len(options) - 1))]

    def number(self, depth: int) -> str:
        if depth <= 0:
            return self.pick(*NUMBERS, *NUMBERS, *CONSTANTS, "c", "p")
        a, b = self.number(depth - 1), self.number(depth - 1)
        shape = self.pick(
            "leaf",
            "sum",
            "sum",
            "quotient",
            "bits",
            "bits",
            "shift",
            "unary",
            "call",
            "item",
            "choice",
            "short",
            "record",
        )
        match shape:
            case "sum":
                return f"({a} {self.pick('+', '-', '*')} {b})"
            case "quotient":
                return f"({a} {self.pick('//', '%')} {self.pick('2', '3', '8', b)})"
            case "bits":
                return f"({a} {self.pick('&', '|', '^')} {self.pick('1', '6', '255', 'M', '(' + b + ' & 7)', b)})"
            case "shift":
                return f"({a} {self.pick('<<', '>>')} {self.pick('0', '1', '5', '(' + b + ' & 3)')})"
            case "unary":
                return f"({self.pick('-', '~', '+')}{a})"
            case "call":
                return self.pick(
                    f"g({a})",
                    f"g({a}, {b})",
                    f"g(y={a}, x={b})",
                    f"min(+{a}, +{b}, 3)",
                    f"abs(+{a})",
                    f"int({self.truth(0)})",
                    f"max(+a, +{b})",
                )
            case "item":
                return f"({a}, {b}, 5)[{self.pick('0', '1', '2', '-1', 'N - 1')}]"
            case "choice" if self.spend():
                return f"({a} if {self.truth(depth - 1)} else {b})"
            case "short" if self.spend():
                return f"({a} {self.pick('and', 'or')} {b})"
            case "record":
                return self.pick(f"Pair({a}).right", f"Pair({a}, {b}).left", f"Pair(right={a}, left={b}).right")
        return a

    def truth(self, depth: int) -> str:
        a, b = self.number(depth - 1), self.number(depth - 1)
        shape = self.pick("compare", "compare", "chain", "in", "not", "both", "plain", "enum")
        compare = ("<", "<=", ">", ">=", "==", "!=")
        match shape:
            case "chain" if self.spend():
                return f"({a} {self.pick(*compare)} {b} {self.pick(*compare)} {self.number(0)})"
            case "in":
                return f"({a} {self.pick('in', 'not in')} ({b}, 2, N))"
            case "not":
                return f"(not {self.truth(depth - 1) if depth > 0 else 'p'})"
            case "both" if depth > 0 and self.spend():
                return f"({self.truth(depth - 1)} {self.pick('and', 'or')} {self.truth(depth - 1)})"
            case "plain":
                return self.pick("p", "bool(a)", "not x", "p ^ True", "p is False", "(p | (a > b))")
            case "enum":
                return self.pick(
                    "c == Colour.BLUE",
                    "c is Colour.RED",
                    "c != 1",
                    "Mode.ON == 1",
                    "Mode.ON is Mode.ON",
                    "c < Colour.BLUE",
                    "c in (Colour.RED, a)",
                )
        return f"({a} {self.pick(*compare)} {b})"

    def spend(self) -> bool:
        """Whether another branch is allowed."""
        self.budget -= 1
        return self.budget >= 0

    def block(self, depth: int, indent: str, *, loop: bool) -> list[str]:
        lines: list[str] = []
        for _ in range(self.draw(st.integers(1, 3))):
            lines += self.statement(depth, indent, loop=loop)
        return lines

    def statement(self, depth: int, indent: str, *, loop: bool) -> list[str]:
        name, further = self.pick("x", "y", "z", "a"), indent + "    "
        shape = self.pick(
            "assign",
            "assign",
            "assign",
            "augment",
            "swap",
            "if",
            "if",
            "for",
            "while",
            "match",
            "assert",
            "call",
            "leave",
        )
        if shape in ("if", "for", "while", "match", "leave") and (depth <= 0 or not self.spend()):
            shape = "assign"
        match shape:
            case "augment":
                return [f"{indent}{name} {self.pick('+=', '-=', '*=', '//=', '%=', '&=', '|=', '^=')} {self.number(1)}"]
            case "swap":
                return [f"{indent}x, (y, z) = {self.number(1)}, ({self.number(0)}, {self.number(0)})"]
            case "if":
                lines = [f"{indent}if {self.truth(1)}:", *self.block(depth - 1, further, loop=loop)]
                if self.pick("elif", "no") == "elif" and self.spend():
                    lines += [f"{indent}elif {self.truth(1)}:", *self.block(depth - 1, further, loop=loop)]
                if self.pick("else", "no") == "else":
                    lines += [f"{indent}else:", *self.block(depth - 1, further, loop=loop)]
                return lines
            case "for":
                items = self.pick("range(3)", "range(1, N)", "range(2, 0)", "(a, 2)", "(b, x)", "range(-1, 1)")
                return [f"{indent}for {name} in {items}:", *self._looped(depth, indent)]
            case "while":
                self.counter += 1
                counter = f"i{self.counter}"
                lines = [
                    f"{indent}{counter} = {self.pick('0', '1', '3')}",
                    f"{indent}while {counter} < 3:",
                    f"{further}{counter} += 1",
                ]
                return lines + self._looped(depth, indent)
            case "match":
                return self._match(depth, indent, loop=loop)
            case "assert":
                return [f"{indent}assert {self.truth(1)}"]
            case "call":
                return [f"{indent}{name} = {self.pick('h(a)', 'h(' + self.number(1) + ', q=p)', 'g(1)')}"]
            case "leave":
                return [f"{indent}{self.pick('break', 'continue') if loop else 'return ' + self.number(1)}"]
        return [f"{indent}{name} = {self.pick(self.number(2), self.number(2), self.truth(1))}"]

    def _looped(self, depth: int, indent: str) -> list[str]:
        lines = self.block(depth - 1, indent + "    ", loop=True)
        if self.pick("else", "no", "no") == "else":
            lines += [f"{indent}else:", *self.block(0, indent + "    ", loop=False)]
        return lines

    def _match(self, depth: int, indent: str, *, loop: bool) -> list[str]:
        subject, patterns = self.pick(
            "a|0;1 | -2;y if y > x;_", "(a, b)|(0, x);(y, 1 | 2) if p;(1 as z, _) | (2 as z, 3);(x, z)", "c|Colour.RED;5;1 as x", "p|True;0;y",
            "h(a)|None;3;_", "Mode.ON|1;Mode.OFF;Mode.ON",
        ).split("|", 1)  # fmt: skip
        lines = [f"{indent}match {subject}:"]
        for pattern in patterns.split(";")[: self.draw(st.integers(1, 4))]:
            lines += [f"{indent}    case {pattern}:", *self.block(depth - 1, indent + "        ", loop=loop)]
        return lines


@st.composite
def modules(draw: Callable[[st.SearchStrategy[int]], int]) -> str:
    """The text of a module with a function `f` over two integers, a truth value and a `Colour`."""
    writer = _Writer(draw)
    lines = ["def f(a, b, p, c):", f"    x = {writer.number(1)}".replace("x = x", "x = 1"), "    y = b", "    z: int"]
    for _ in range(writer.draw(st.integers(2, 5))):
        lines += writer.statement(2, "    ", loop=False)
    lines.append(f"    return {writer.pick('x, y, a', 'x, z', writer.truth(1), 'Pair(x, y)', 'c, p, x')}")
    return HEAD + "\n".join(lines) + "\n"
