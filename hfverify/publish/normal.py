"""Write expressions in one normal form, and see which values a condition leaves a place.

Reads   model.program.Program, expressions whose names resolve
Gives   Names (what a name stands for), normal, truths, possible
Refuses nothing: what a condition does not say in so many words is not found, and every value stays possible
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hfverify.model.program import Call, Program
from hfverify.model.types import EnumType
from hfverify.syntax import tree

Items = frozenset[str]


@dataclass(frozen=True, slots=True)
class Names:
    """`texts` are names that stand for a text, as parameters do; `lets` those that stand for an expression."""

    program: Program
    texts: Mapping[str, str] = field(default_factory=dict)
    lets: Mapping[str, tree.Expr] = field(default_factory=dict)

    def of_parameters(self, parameters: Sequence[tree.Parameter], arguments: Sequence[tree.Expr]) -> Names:
        """What names mean in a definition that is applied to these arguments here."""
        texts = {p.name: normal(a, self) for p, a in zip(parameters, arguments, strict=True)}
        return Names(self.program, texts)

    def inside(self, let: str) -> Names:
        """What names mean in the definition of a name: only those before it, so that it may be a state's own."""
        before = list(self.lets)[: list(self.lets).index(let)]
        return replace(self, lets={name: self.lets[name] for name in before})


def names_of(program: Program, call: Call) -> Names:
    """What names mean in a call."""
    return Names(program, {}, {let.name: let.value for let in call.lets})


def normal(expr: tree.Expr, names: Names) -> str:
    """A text that is equal for equal places; definitions are written out."""
    match expr:
        case tree.Name(_, text):
            if text in names.texts:
                return names.texts[text]
            if text in names.lets:
                return normal(names.lets[text], names.inside(text))
            if text in names.program.lets:
                return normal(names.program.lets[text].value, Names(names.program))
            return text
        case tree.Literal(_, value):
            return str(value).lower()
        case tree.Member(_, base, name):
            return f"{normal(base, names)}.{name}"
        case tree.Index(_, base, arguments):
            return f"{normal(base, names)}[{_list(arguments, names)}]"
        case tree.Apply(_, function, arguments, keywords):
            pairs = ", ".join(f"{name}: {normal(value, names)}" for name, value in keywords)
            return f"{normal(function, names)}({_list(arguments, names)}{pairs})"
        case tree.Unary(_, operator, operand):
            return f"({operator} {normal(operand, names)})"
        case tree.Binary(_, operator, left, right):
            return f"({normal(left, names)} {operator} {normal(right, names)})"
        case tree.Conditional(_, condition, then, otherwise):
            parts = (normal(part, names) for part in (condition, then, otherwise))
            return "(if {} then {} else {})".format(*parts)
        case tree.Quantified(_, kind, parameters, body):
            bound = {parameter.name for parameter in parameters}
            inner = replace(
                names,
                texts={n: t for n, t in names.texts.items() if n not in bound},
                lets={n: e for n, e in names.lets.items() if n not in bound},
            )
            return f"({kind} {', '.join(sorted(bound))} :: {normal(body, inner)})"
        case tree.SetLiteral(_, items):
            return "{" + _list(items, names) + "}"


def _list(items: Sequence[tree.Expr], names: Names) -> str:
    return ", ".join(normal(item, names) for item in items)


def truths(expr: tree.Expr, names: Names) -> set[str]:
    """Everything that holds, in normal form, if the expression does."""
    found = {normal(expr, names)}
    match expr:
        case tree.Binary(_, "and", left, right):
            found |= truths(left, names) | truths(right, names)
        case tree.Name(_, text) if text in names.lets:
            found |= truths(names.lets[text], names.inside(text))
        case tree.Apply(_, tree.Name(_, text), arguments, _) if text in names.program.pures:
            pure = names.program.pures[text]
            found |= truths(pure.body, names.of_parameters(pure.parameters, arguments))
    return found


@dataclass(frozen=True, slots=True)
class Question:
    """Which items of an enumeration a place can have, given what is known to hold."""

    place: str
    enum: EnumType
    known: frozenset[str] = frozenset()

    @property
    def every(self) -> Items:
        """All of them."""
        return frozenset(name for name, _ in self.enum.items)


def possible(expr: tree.Expr, names: Names, asked: Question, *, holds: bool = True) -> Items:
    """The items that are left if the expression holds, or does not hold."""
    match expr:
        case tree.Binary(_, "and" | "or" as operator, left, right):
            a, b = (possible(side, names, asked, holds=holds) for side in (left, right))
            return a & b if (operator == "and") is holds else a | b
        case tree.Binary(_, "==>", left, right) if holds and normal(left, names) in asked.known:
            return possible(right, names, asked)
        case tree.Binary(_, "==" | "!=" as operator, left, right):
            item = _compared(left, right, names, asked)
            if item:
                return frozenset({item}) if (operator == "==") is holds else asked.every - {item}
        case tree.Binary(_, "in" | "not in" as operator, left, tree.SetLiteral(_, items)):
            if normal(left, names) == asked.place:
                named = frozenset(item.text for item in items if isinstance(item, tree.Name)) & asked.every
                return named if (operator == "in") is holds else asked.every - named
        case tree.Unary(_, "not", operand):
            return possible(operand, names, asked, holds=not holds)
        case tree.Name(_, text) if text in names.lets:
            return possible(names.lets[text], names.inside(text), asked, holds=holds)
        case tree.Apply(_, tree.Name(_, text), arguments, _) if text in names.program.pures:
            pure = names.program.pures[text]
            return possible(pure.body, names.of_parameters(pure.parameters, arguments), asked, holds=holds)
    return asked.every


def _compared(left: tree.Expr, right: tree.Expr, names: Names, asked: Question) -> str:
    """The item with which the place is compared; empty if it is not."""
    for place, item in ((left, right), (right, left)):
        if isinstance(item, tree.Name) and item.text in asked.every and normal(place, names) == asked.place:
            return item.text
    return ""
