"""Walk through the tree of an expression, and write it in one normal form.

Reads   syntax.tree expressions
Gives   the expressions inside another, and texts that are equal when two places are
Refuses nothing
"""

from __future__ import annotations

import dataclasses

from hfverify.diagnostics import Span
from hfverify.syntax import tree


def children(expr: tree.Expr) -> tuple[tree.Expr, ...]:
    """The expressions directly inside another."""
    match expr:
        case tree.Member(_, base, _):
            return (base,)
        case tree.Index(_, base, arguments):
            return (base, *arguments)
        case tree.Apply(_, function, arguments, keywords):
            return (function, *arguments, *(value for _, value in keywords))
        case tree.Unary(_, _, operand):
            return (operand,)
        case tree.Binary(_, _, left, right):
            return (left, right)
        case tree.Conditional(_, condition, then, otherwise):
            return (condition, then, otherwise)
        case tree.Quantified(_, _, _, body):
            return (body,)
        case tree.SetLiteral(_, items):
            return items
        case _:
            return ()


def shape(node: object) -> str:
    """A text that is the same for two expressions that are written in the same way, wherever they stand."""
    if isinstance(node, tuple):
        return "(" + ",".join(map(shape, node)) + ")"
    if not dataclasses.is_dataclass(node) or isinstance(node, Span):
        return "" if isinstance(node, Span) else repr(node)
    parts = (shape(getattr(node, field.name)) for field in dataclasses.fields(node))
    return f"{type(node).__name__}[{';'.join(parts)}]"


def walk(expr: tree.Expr) -> list[tree.Expr]:
    """The expression and everything inside it."""
    return [expr, *(node for child in children(expr) for node in walk(child))]


def dotted(expr: tree.Expr) -> str:
    """`a.b.c` for a chain of names, else nothing."""
    match expr:
        case tree.Name(_, text):
            return text
        case tree.Member(_, base, name):
            inner = dotted(base)
            return f"{inner}.{name}" if inner else ""
        case _:
            return ""


def written(expr: tree.Expr) -> str:
    """An expression in one normal form, to compare two of them."""
    match expr:
        case tree.Name(_, text):
            return text
        case tree.Literal(_, value):
            return str(value).lower()
        case tree.Member(_, base, name):
            return f"{written(base)}.{name}"
        case tree.Index(_, base, arguments):
            return f"{written(base)}[{', '.join(map(written, arguments))}]"
        case tree.SetLiteral(_, items):
            return "{" + ", ".join(map(written, items)) + "}"
        case _:
            return f"({expr.span.line}:{expr.span.column})"
