"""Loops: a constant number of turns is unrolled; any other loop needs a fact from the proof files.

Reads   ast.While, ast.For, syntax.tree.Loop
Gives   one path for each turn of an unrolled loop; for a loop with a fact, one path through an arbitrary turn
        and one past the end
Refuses a loop that is neither (HF403)
"""

from __future__ import annotations

import ast

import z3

from hfverify.execute.interpreter import Frame, Interpreter, LoopControl, PathEnds, Refusal
from hfverify.execute.objects import dotted
from hfverify.execute.source import Function
from hfverify.execute.values import Range, TupleValue, Value
from hfverify.logic import arithmetic
from hfverify.logic.cells import Cells
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.evaluate import Value as SpecValue
from hfverify.logic.values import Ref
from hfverify.model.resolve import walk
from hfverify.model.types import FifoType
from hfverify.syntax import tree

MOST_TURNS = 256


def run_while(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    """`while condition: …`."""
    assert isinstance(node, ast.While)
    fact = _fact(run, node, frame)
    if fact is not None:
        _by_fact(run, node, frame, fact, lambda: run.truth(node.test, frame), None)
        return
    for _ in range(MOST_TURNS):
        condition = z3.simplify(run.truthiness(run.evaluate(node.test, frame), node.test, frame))
        if z3.is_false(condition):
            run.execute(node.orelse, frame)
            return
        if not z3.is_true(condition):
            break
        if not _turn(run, node.body, frame):
            return
    raise _unbounded(run, node, frame)


def run_for(run: Interpreter, node: ast.stmt, frame: Frame) -> None:
    """`for name in …`: over a range or a tuple."""
    assert isinstance(node, ast.For)
    items = run.evaluate(node.iter, frame)
    if not isinstance(node.target, ast.Name):
        raise run.refuse(node.target, frame, "a loop variable must be one name")
    name = node.target.id
    fact = _fact(run, node, frame)
    if isinstance(items, Range) and fact is not None:
        frame.names[name] = items.start
        _by_fact(run, node, frame, fact, lambda: run.branch(_number(frame.names[name]) < items.stop, node.iter, frame), name)
        return
    values: list[Value] = []
    if isinstance(items, TupleValue):
        values = list(items.items)
    elif isinstance(items, Range):
        start, stop = arithmetic.constant(z3.simplify(items.start)), arithmetic.constant(z3.simplify(items.stop))
        if start is None or stop is None or stop - start > MOST_TURNS:
            raise _unbounded(run, node, frame)
        values = [z3.IntVal(value) for value in range(start, stop)]
    else:
        raise run.refuse(node.iter, frame, "a loop runs over a range or a tuple only")
    for value in values:
        frame.names[name] = value
        if not _turn(run, node.body, frame):
            return
    run.execute(node.orelse, frame)


def _number(value: Value) -> z3.ArithRef:
    assert isinstance(value, z3.ArithRef)
    return value


def _turn(run: Interpreter, body: list[ast.stmt], frame: Frame) -> bool:
    """One turn; whether the loop goes on."""
    try:
        run.execute(body, frame)
    except LoopControl as control:
        return control.kind == "continue"
    return True


def _unbounded(run: Interpreter, node: ast.stmt, frame: Frame) -> Refusal:
    position = _position(node, frame)
    return Refusal(
        "HF403",
        "this loop has no constant bound and no fact",
        frame.span(node),
        f'say what holds at its head in a proof file: loop "{frame.function.name}" at {position} {{ name: … }}',
    )


def _position(node: ast.stmt, frame: Frame) -> int:
    loops = [inner for inner in ast.walk(frame.function.node) if isinstance(inner, ast.While | ast.For)]
    return sorted(loops, key=lambda n: (n.lineno, n.col_offset)).index(node) + 1  # type: ignore[arg-type]


def _fact(run: Interpreter, node: ast.stmt, frame: Frame) -> tree.Loop | None:
    return run.program.loops.get((frame.function.name, _position(node, frame)))


def _by_fact(
    run: Interpreter, node: ast.While | ast.For, frame: Frame, loop: tree.Loop, enters: object, counter: str | None
) -> None:
    world = run.world
    held = [(h.lock.name, tuple(k.get_id() for k in h.lock.ref.keys)) for h in world.held]
    sections = len(world.sections)
    _demand(run, loop, frame, node, "HF510", "does not hold when the loop is reached")
    _forget(run, node, frame)
    _assume(run, loop, frame)
    if not enters():  # type: ignore[operator]
        run.execute(node.orelse, frame)
        return
    if not _turn(run, node.body, frame):
        return
    if counter is not None:
        frame.names[counter] = _number(frame.names[counter]) + 1
    if held != [(h.lock.name, tuple(k.get_id() for k in h.lock.ref.keys)) for h in world.held]:
        message = "a turn of the loop does not leave the locks as it found them"
        world.check("lock.balanced", z3.BoolVal(False), "HF704", message, frame.span(node))
    for section in world.sections[sections:]:
        if section.post is not None and not _same(section.pre, section.post):
            message = "a turn of the loop changes shared state in a critical section of its own"
            world.check("lock.shape", z3.BoolVal(False), "HF705", message, section.spans[0])
    _demand(run, loop, frame, node, "HF511", "is not preserved by a turn of the loop")
    raise PathEnds("loop")


def _same(a: Cells, b: Cells) -> bool:
    return all(x.eq(y) for name in a.terms for x, y in zip(a.terms[name], b.terms[name], strict=True))


def _env(run: Interpreter, frame: Frame) -> Env:
    names: dict[str, SpecValue | Thunk] = {}
    for name, value in frame.names.items():
        if isinstance(value, z3.ExprRef | Ref):
            names[name] = value
    return Env(run.world.cells, names, None, run.world.here, None)


def _demand(run: Interpreter, loop: tree.Loop, frame: Frame, node: ast.stmt, code: str, what: str) -> None:
    for fact in loop.facts:
        goal = run.world.evaluator.truth(fact.value, _env(run, frame))
        run.world.check("bounded", goal, code, f"`{fact.name}` {what}", frame.span(node), fact.name_span)


def _assume(run: Interpreter, loop: tree.Loop, frame: Frame) -> None:
    for fact in loop.facts:
        run.world.assume(run.world.evaluator.truth(fact.value, _env(run, frame)))


def _forget(run: Interpreter, node: ast.While | ast.For, frame: Frame) -> None:
    """After any number of turns, nothing is known of the names and cells that a turn can change."""
    names, attributes, calls = _written(run, node, frame)
    for name in sorted(names):
        value = frame.names.get(name)
        if isinstance(value, z3.ArithRef):
            frame.names[name] = run.world.fresh_number(name)
        elif isinstance(value, z3.BoolRef):
            frame.names[name] = z3.Bool(f"{name}!{run.world.facts.number()}")
        elif value is not None:
            raise run.refuse(node, frame, f"the loop changes `{name}`, which is neither a number nor a truth value")
    for represent in run.program.represents.values():
        for mapping in represent.mappings.values():
            if isinstance(mapping, tree.MapsTo) and mapping.path.split(".")[-1] in attributes:
                attributes |= {dotted(node).split(".")[-1] for node in walk(mapping.place)}
    cells = run.world.cells
    for cell in run.program.cells():
        if cell.path.split(".")[-1] in attributes or (calls and cell.name in _queues(run)):
            cells = _arbitrary(run, cells, cell.name)
    run.world.cells = cells


def _queues(run: Interpreter) -> set[str]:
    return {cell.name for cell in run.program.cells() if isinstance(cell.type, FifoType)}


def _arbitrary(run: Interpreter, cells: Cells, name: str) -> Cells:
    fresh = tuple(z3.Const(f"{name}!{run.world.facts.number()}", term.sort()) for term in cells.terms[name])
    return Cells({**cells.terms, name: fresh})


def _written(run: Interpreter, node: ast.AST, frame: Frame) -> tuple[set[str], set[str], bool]:
    """Local names, attribute names, and whether a contract may change a list, in the loop and all it calls."""
    names: set[str] = set()
    attributes: set[str] = set()
    contracts = False
    pending: list[tuple[ast.AST, Function, bool]] = [(node, frame.function, True)]
    seen: set[str] = set()
    while pending:
        root, function, local = pending.pop()
        for inner in ast.walk(root):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and local:
                names.add(inner.id)
            elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                attributes.add(inner.attr)
            elif isinstance(inner, ast.Subscript) and isinstance(inner.ctx, ast.Store) and isinstance(inner.value, ast.Attribute):
                attributes.add(inner.value.attr)
            elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr not in ("acquire", "release"):
                raise run.refuse(inner, frame, "inside a loop with a fact, only functions called by name are supported")
            elif isinstance(inner, ast.Name | ast.Attribute):
                target = run.sources.resolve(function.module, inner.id) if isinstance(inner, ast.Name) else None
                if isinstance(target, Function) and target.name not in seen:
                    seen.add(target.name)
                    contracts = contracts or target.name in run.contracts
                    pending.append((target.node, target, False))
    return names, attributes, contracts
