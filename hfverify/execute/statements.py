"""One handler for each kind of Python statement.

Reads   ast.stmt
Gives   effects on the frame and on the world
Refuses what has no handler (HF401), a loop without a bound and without a fact (HF403)
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import z3

from hfverify.execute.expressions import arithmetic_result, equal, identical, prefix
from hfverify.execute.interpreter import (
    STATEMENTS,
    Exec,
    Frame,
    Interpreter,
    LoopControl,
    PathEnds,
    Returned,
)
from hfverify.execute.loops import run_for, run_while
from hfverify.execute.objects import get_attribute, position_of, set_attribute
from hfverify.execute.values import NONE, Buffer, EnumValue, Maybe, NoneValue, Slice, Text, TupleValue, Value, Words
from hfverify.execute.words import read_word, write_word
from hfverify.logic.values import Bytes, LockValue, Stored


def handles(kind: type[ast.stmt]) -> Callable[[Exec], Exec]:
    """Register the handler of a node."""

    def register(handler: Exec) -> Exec:
        STATEMENTS[kind] = handler
        return handler

    return register


@handles(ast.Return)
def _return(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Return)
    value = NONE if node.value is None else run.evaluate(node.value, frame)
    raise Returned(value, frame.span(node))


@handles(ast.Expr)
def _expression(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Expr)
    run.evaluate(node.value, frame)


@handles(ast.Pass)
def _pass(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Pass)


@handles(ast.Assert)
def _assert(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Assert)
    goal = run.truthiness(run.evaluate(node.test, frame), node.test, frame)
    run.require(goal, node, frame, f"the assertion `{ast.unparse(node.test)}` may fail")


@handles(ast.Raise)
def _raise(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Raise)
    exception = _raised(run, node, frame)
    if exception in run.declared:
        raise PathEnds(exception)
    run.require(z3.BoolVal(False), node, frame, f"`{ast.unparse(node)}` can be reached")


def _raised(run: Interpreter, node: ast.Raise, frame: Frame) -> str:
    """The name of the built-in exception that is raised with a plain text, or with none; empty for any other."""
    match node.exc:
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name), args=[], keywords=[]):
            pass
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant()], keywords=[]):
            pass
        case _:
            return ""
    hidden = name in run.locals_of(frame) or name in frame.module.bound or "*" in frame.module.bound
    return "" if hidden or node.cause is not None else name


@handles(ast.Assign)
def _assign(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Assign)
    value = run.evaluate(node.value, frame)
    for target in node.targets:
        assign(run, target, value, frame)


@handles(ast.AnnAssign)
def _annotated(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.AnnAssign)
    if node.value is not None:
        assign(run, node.target, run.evaluate(node.value, frame), frame)
    elif not isinstance(node.target, ast.Name):
        raise run.refuse(node, frame, "an annotation without a value is supported for names only")


@handles(ast.AugAssign)
def _augmented(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    """The object whose attribute changes is evaluated once, before the operand."""
    assert isinstance(node, ast.AugAssign)
    match node.target:
        case ast.Name(id=name) as target:
            old = run.lookup(name, target, frame)
            frame.names[name] = arithmetic_result(run, node.op, old, run.evaluate(node.value, frame), node, frame)
        case ast.Subscript() as target:
            words = run.evaluate(target.value, frame)
            if not isinstance(words, Words):
                raise run.refuse(target, frame, "an item of this value cannot be assigned")
            index = position_of(run, target.slice, target, frame)
            word = read_word(run, words, index, target, frame)
            new = arithmetic_result(run, node.op, word, run.evaluate(node.value, frame), node, frame)
            write_word(run, words, index, new, target, frame)
        case ast.Attribute(attr=name) as target:
            base = run.evaluate(target.value, frame)
            old = get_attribute(run, base, name, target, frame)
            new = arithmetic_result(run, node.op, old, run.evaluate(node.value, frame), node, frame)
            set_attribute(run, base, name, new, target, frame)
        case target:
            raise run.refuse(target, frame, "an item of this value cannot be assigned")


def assign(run: Interpreter, target: ast.expr, value: Value, frame: Frame) -> None:
    """`target = value`."""
    match target:
        case ast.Name(id=name):
            frame.names[name] = value
            frame.lost.pop(name, None)
        case ast.Attribute():
            set_attribute(run, run.evaluate(target.value, frame), target.attr, value, target, frame)
        case ast.Tuple(elts=targets) if isinstance(value, TupleValue):
            if len(targets) != len(value.items):
                run.require(z3.BoolVal(False), target, frame, "the numbers of targets and values differ")
            for inner, item in zip(targets, value.items, strict=True):
                assign(run, inner, item, frame)
        case ast.Subscript():
            base = run.evaluate(target.value, frame)
            if isinstance(base, Words):
                write_word(run, base, position_of(run, target.slice, target, frame), value, target, frame)
                return
            if not isinstance(base, Buffer):
                raise run.refuse(target, frame, "an item of this value cannot be assigned")
            _fill(run, base, target, value, frame)
        case _:
            raise run.refuse(target, frame, f"an assignment to `{ast.unparse(target)}` is not supported")


def _fill(run: Interpreter, buffer: Buffer, target: ast.Subscript, value: Value, frame: Frame) -> None:
    """`buffer[:length] = bytes`: the lengths must agree, or the buffer would change its size."""
    count = prefix(run, buffer, target, frame)
    if not isinstance(value, Slice):
        raise run.refuse(target, frame, "only `other[:length]` can be stored here")
    run.require(value.length == count, target, frame, f"`{ast.unparse(target)}` may change the size of the buffer")
    run.world.demand_access(buffer.cell, buffer.ref, frame.span(target), "written")
    old = run.world.cells.read(buffer.cell, buffer.ref)
    assert isinstance(old, Bytes)
    new: Stored = run.world.facts.overwrite(old, value.content, count)
    run.world.write(buffer.cell, buffer.ref, new, frame.span(target))


@handles(ast.If)
def _if(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.If)
    run.execute(node.body if run.truth(node.test, frame) else node.orelse, frame)


@handles(ast.With)
def _with(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.With)
    taken: list[LockValue] = []
    for item in node.items:
        lock = run.evaluate(item.context_expr, frame)
        if not isinstance(lock, LockValue) or item.optional_vars is not None:
            raise run.refuse(item.context_expr, frame, "`with` is supported for locks only")
        run.world.acquire(lock, frame.span(item.context_expr))
        taken.append(lock)
    with _released(run, taken, node, frame):
        run.execute(node.body, frame)


@contextmanager
def _released(run: Interpreter, locks: list[LockValue], node: ast.With, frame: Frame) -> Iterator[None]:
    """Release on every way out but the end of the path itself."""
    try:
        yield
    except (Returned, LoopControl):
        for lock in reversed(locks):
            run.world.release(lock, frame.span(node.items[0].context_expr))
        raise
    for lock in reversed(locks):
        run.world.release(lock, frame.span(node.items[0].context_expr))


@handles(ast.Match)
def _match(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    assert isinstance(node, ast.Match)
    subject = run.evaluate(node.subject, frame)
    for case in node.cases:
        captured: dict[str, Value] = {}
        if not _matches(run, case.pattern, subject, node, frame, captured):
            continue
        for name, value in captured.items():
            frame.names[name] = value
            frame.lost.pop(name, None)
        if case.guard is None or run.truth(case.guard, frame):
            run.execute(case.body, frame)
            return


def _matches(
    run: Interpreter, pattern: ast.pattern, subject: Value, node: ast.Match, frame: Frame, captured: dict[str, Value]
) -> bool:
    """Whether the pattern fits; the names it binds get their values only when all of it does."""
    match pattern:
        case ast.MatchValue(value=value):
            other = run.evaluate(value, frame)
            if isinstance(other, Text) != isinstance(subject, Text):
                return False
            shown = f"{ast.unparse(node.subject)} == {ast.unparse(value)}"
            return run.branch(equal(run, subject, other, value, frame), value, frame, shown)
        case ast.MatchSingleton(value=None):
            shown = f"{ast.unparse(node.subject)} is None"
            return run.branch(identical(run, subject, NONE, node.subject, frame), pattern, frame, shown)
        case ast.MatchSingleton(value=bool(truth)):
            if isinstance(subject, z3.BoolRef):
                return run.branch(subject if truth else z3.Not(subject), pattern, frame)
            if isinstance(subject, z3.ArithRef | EnumValue | Text | TupleValue | NoneValue):
                return False
        case ast.MatchOr(patterns=patterns):
            return any(_matches(run, inner, subject, node, frame, captured) for inner in patterns)
        case ast.MatchAs(pattern=inner, name=name):
            if inner is not None and not _matches(run, inner, subject, node, frame, captured):
                return False
            if name is not None:
                captured[name] = subject
            return True
        case ast.MatchSequence() if isinstance(subject, z3.ArithRef | z3.BoolRef | EnumValue | Text | NoneValue):
            return False
        case ast.MatchSequence(patterns=patterns) if isinstance(subject, TupleValue):
            if any(isinstance(inner, ast.MatchStar) for inner in patterns):
                raise run.refuse(pattern, frame, "`*` in a pattern is not supported")
            if len(patterns) != len(subject.items):
                return False
            pairs = zip(patterns, subject.items, strict=True)
            return all(_matches(run, inner, item, node, frame, captured) for inner, item in pairs)
    raise run.refuse(pattern, frame, "this pattern is not supported")


@handles(ast.Break)
def _break(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    raise LoopControl("break")


@handles(ast.Continue)
def _continue(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    raise LoopControl("continue")


STATEMENTS[ast.While] = run_while
STATEMENTS[ast.For] = run_for

__all__ = ["EnumValue", "Maybe", "PathEnds", "assign"]
