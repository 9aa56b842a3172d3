"""Loops: a constant number of turns is unrolled; any other loop needs a fact from the proof files.

Reads   ast.While, ast.For, syntax.tree.Loop
Gives   each turn of an unrolled loop; for a loop with a fact, a path through an arbitrary turn and one past the end
Refuses a loop that is neither (HF403), a turn that changes more than its text shows
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from hfverify.diagnostics import Diagnostic, Rejected, also, at
from hfverify.execute.interpreter import Frame, Interpreter, LoopControl, PathEnds, Refusal
from hfverify.execute.scopes import bindings
from hfverify.execute.source import Function, Sources
from hfverify.execute.values import Range, TupleValue, Value
from hfverify.execute.world import Impure, Read
from hfverify.logic import arithmetic
from hfverify.logic.cells import Cells, constants
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.values import Ref, conjunction
from hfverify.logic.values import Value as SpecValue
from hfverify.model.expressions import dotted, walk
from hfverify.model.program import Program
from hfverify.model.types import FifoType
from hfverify.model.typing import BUILTINS
from hfverify.syntax import tree

MOST_TURNS = 256
# How a path ends that went once round a loop that nothing but its body ends.
WAIT = "wait"


def check_loops(program: Program, sources: Sources) -> list[Diagnostic]:
    """Every fact of the proof files belongs to a loop that exists."""
    problems: list[Diagnostic] = []
    for (target, position), loop in program.loops.items():
        try:
            function = sources.function(target, loop.name_span)
        except Rejected as rejected:
            problems += rejected.diagnostics
            continue
        count = len(function.loops)
        if not 1 <= position <= count:
            message = f"`{target}` has {count} loop{'s' * (count != 1)}, not one at {position}"
            problems.append(Diagnostic("HF216", message, (at(loop.name_span), also(function.span, "this function"))))
    return problems


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
        stop = items.stop
        _by_fact(run, node, frame, fact, lambda: run.branch(_number(frame.names[name]) < stop, node.iter, frame), items)
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
        frame.lost.pop(name, None)
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
    return frame.function.loops.index(node) + 1


def _fact(run: Interpreter, node: ast.stmt, frame: Frame) -> tree.Loop | None:
    return run.program.loops.get((frame.function.name, _position(node, frame)))


def _by_fact(
    run: Interpreter,
    node: ast.While | ast.For,
    frame: Frame,
    loop: tree.Loop,
    enters: Callable[[], bool],
    items: Range | None,
) -> None:
    world = run.world
    if world.speculating:
        raise Impure
    counter = node.target.id if isinstance(node, ast.For) and isinstance(node.target, ast.Name) else ""
    if items is not None:
        frame.names[counter] = items.start
        frame.lost.pop(counter, None)
    _check_names(run, loop, frame)
    _demand(run, loop, frame, node, "HF510", "does not hold when the loop is reached")
    written = written_in(run, node, frame)
    _forget(run, node, frame, written)
    position = frame.names.get(counter)
    if items is not None:
        world.assume(_number(position) >= items.start)
    _assume(run, loop, frame, node)
    head = _Head(run, frame)
    run.confined.append(written.functions)
    try:
        entered = enters()
        goes_on = entered and _turn(run, node.body, frame)
    finally:
        run.confined.pop()
    if not entered:
        if items is not None:
            del frame.names[counter]
            frame.lost[counter] = "a loop with a fact leaves its variable open"
        run.execute(node.orelse, frame)
        return
    if not goes_on:
        return
    if items is not None:
        frame.names[counter] = _number(position) + 1
    head.compare(run, node, frame, written)
    _demand(run, loop, frame, node, "HF511", "is not preserved by a turn of the loop")
    world.turn = head.sections
    endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
    raise PathEnds(WAIT if endless else "loop")


class _Head:
    """What an arbitrary turn starts from; what it leaves behind must fit the next turn's start."""

    def __init__(self, run: Interpreter, frame: Frame) -> None:
        self.names = dict(frame.names)
        self.cells = run.world.cells
        self.held = list(run.world.held)
        self.inside = run.world.inside
        self.sections = len(run.world.sections)
        self.late = len(run.world.late)
        self.taken = len(run.world.sections[-1].locks) if run.world.sections else 0

    def compare(self, run: Interpreter, node: ast.While | ast.For, frame: Frame, written: Written) -> None:
        """Check locks and sections; refuse a change that was not forgotten at the head."""
        world, span = run.world, frame.span(node)
        if [id(h) for h in self.held] != [id(h) for h in world.held]:
            message = "a turn of the loop does not leave the locks as it found them"
            world.check("lock.balanced", z3.BoolVal(False), "HF704", message, span)
        if self.inside and len(world.sections[-1].locks) != self.taken:
            message = "a turn of the loop takes a lock inside a critical section that is longer than the turn"
            world.check("lock.shape", z3.BoolVal(False), "HF705", message, span)
        inside = world.sections[self.sections :]
        for section in inside:
            if section.post is not None:
                message = "a turn of the loop changes shared state in a critical section of its own"
                world.check("lock.shape", _same(section.pre, section.post), "HF705", message, section.spans[0])
        late = world.late if inside else world.late[self.late :]
        if any(cell.guard is not None for cell in late):
            message = "a turn of the loop changes shared state without a lock"
            world.check("lock.shape", z3.BoolVal(False), "HF705", message, span)
        for name in {*self.names, *frame.names}:
            before, after = self.names.get(name), frame.names.get(name)
            known = name in written.names and (name not in self.names or _alike(before, after))
            if before is not after and not known:
                raise run.refuse(node, frame, f"a turn of the loop makes another kind of value of `{name}`")
        locks = {lock.name for section in inside for lock in section.locks}
        free = {cell.name for name in locks for cell in run.program.guarded_by(run.program.locks[name])}
        for name in world.cells.terms:
            if not self.cells.agrees(world.cells, name) and name not in free and name not in written.cells:
                raise run.refuse(node, frame, f"a turn of the loop changes `{name}`, which its text does not show")


def _alike(before: Value | None, after: Value | None) -> bool:
    """Whether both are integers, or both are truth values: what is forgotten keeps its kind."""
    return any(isinstance(before, kind) and isinstance(after, kind) for kind in (z3.ArithRef, z3.BoolRef))


def _same(a: Cells, b: Cells) -> z3.BoolRef:
    """Whether two states are the same, cell by cell."""
    pairs = [pair for name in a.terms for pair in zip(a.terms[name], b.terms[name], strict=True)]
    return conjunction([x == y for x, y in pairs if not x.eq(y)])


def _env(run: Interpreter, frame: Frame) -> Env:
    names: dict[str, SpecValue | Thunk] = {}
    for name, value in frame.names.items():
        if isinstance(value, z3.ExprRef | Ref):
            names[name] = value
    return Env(run.world.cells, names, None, run.world.here, None)


def _known(run: Interpreter, loop: tree.Loop, frame: Frame, node: ast.stmt) -> Env:
    """Where the facts are evaluated; a local name in them must have a value that they can speak about."""
    env = _env(run, frame)
    for fact in loop.facts:
        for inner in walk(fact.value):
            if isinstance(inner, tree.Name) and inner.text in run.locals_of(frame) and inner.text not in env.names:
                message = f"the fact `{fact.name}` speaks about `{inner.text}`, which has no number or truth value here"
                raise run.refuse(node, frame, message)
    return env


def _check_names(run: Interpreter, loop: tree.Loop, frame: Frame) -> None:
    """The facts of a loop speak about local names and about what is declared."""
    program = run.program
    local = {*frame.names, *frame.lost, *bindings(frame.function.node.body)}
    declared = {
        *program.consts, *program.sizes, *program.enum_items, *program.variants, *program.pures, *program.lets,
        *program.states, *BUILTINS, *([program.thread.name] if program.thread is not None else []),
    }  # fmt: skip
    for fact in loop.facts:
        nodes = walk(fact.value)
        bound = {p.name for node in nodes if isinstance(node, tree.Quantified) for p in node.parameters}
        for node in nodes:
            if isinstance(node, tree.Name) and node.text not in {*local, *declared, *bound}:
                message = f"`{node.text}` is neither declared nor a local name of the function"
                raise Refusal("HF201", message, node.span, f"local names: {', '.join(sorted(local)) or 'none'}")


def _demand(run: Interpreter, loop: tree.Loop, frame: Frame, node: ast.stmt, code: str, what: str) -> None:
    evaluator = run.world.evaluator
    for fact in loop.facts:
        evaluator.conditions = []
        goal = evaluator.truth(fact.value, _known(run, loop, frame, node))
        for condition in evaluator.conditions:
            meant = z3.Implies(conjunction(list(condition.guards)), condition.goal)
            message = f"`{fact.name}` has no value when the loop is reached: {condition.text}"
            run.world.check("bounded", meant, code, message, frame.span(node), condition.span)
        evaluator.conditions = None
        run.world.check("bounded", goal, code, f"`{fact.name}` {what}", frame.span(node), fact.name_span)


def _assume(run: Interpreter, loop: tree.Loop, frame: Frame, node: ast.stmt) -> None:
    for fact in loop.facts:
        run.world.assume(run.world.evaluator.truth(fact.value, _known(run, loop, frame, node)))


@dataclass(slots=True)
class Written:
    """What a loop and all that it calls may change: local names, cells; and what it may read or call."""

    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    contracts: bool = False
    cells: set[str] = field(default_factory=set)


def _forget(run: Interpreter, node: ast.While | ast.For, frame: Frame, written: Written) -> None:
    """After any number of turns, nothing is known of the names and cells that a turn can change."""
    for name in sorted(written.names):
        value = frame.names.get(name)
        if isinstance(value, z3.ArithRef):
            frame.names[name] = run.world.fresh_number(name)
        elif isinstance(value, z3.BoolRef):
            frame.names[name] = z3.Bool(f"{name}!{run.world.facts.number()}")
        elif value is not None:
            raise run.refuse(node, frame, f"the loop changes `{name}`, which is neither a number nor a truth value")
    attributes = set(written.attributes)
    for represent in run.program.represents.values():
        for mapping in represent.mappings.values():
            if isinstance(mapping, tree.MapsTo) and mapping.path.split(".")[-1] in attributes:
                attributes |= {dotted(inner).split(".")[-1] for inner in walk(mapping.place)}
    queues = {cell.name for cell in run.program.cells() if isinstance(cell.type, FifoType)}
    declared = {cell.name: cell for cell in run.program.cells()}
    before = cells = run.world.cells
    # Without a lock, a turn changes nothing that a lock guards: what is new there is what others did.
    others: dict[str, tuple[z3.ExprRef, ...]] = {}
    for name in cells.terms:
        if name.split(".")[-1] in attributes or (written.contracts and name in queues):
            cells = _arbitrary(run, cells, name)
            written.cells.add(name)
            if run.world.inside:
                run.world.sections[-1].writes = True
            if name in declared and not run.world.held:
                if declared[name].guard is None:
                    run.world.late.append(declared[name])
                elif not before.agrees(run.world.base, name):
                    message = f"`{name}` is changed without a lock before a loop with a fact that may change it too"
                    raise run.refuse(node, frame, message)
                else:
                    others[name] = cells.terms[name]
    run.world.cells = cells
    run.world.base = Cells({**run.world.base.terms, **others})
    _forget_reads(run, node, frame, written.read)


def _forget_reads(run: Interpreter, node: ast.stmt, frame: Frame, read: set[str]) -> None:
    """A cell without a stable value that the loop reads was read any number of times: no one value is the one."""
    for cell in run.program.cells():
        fickle = cell.is_fickle
        if fickle and cell.path.split(".")[-1] in read:
            for _ in range(2):
                ref = Ref(
                    cell.state, tuple(run.world.fresh_number(key.name) for key in run.program.states[cell.state].keys)
                )
                value = constants(cell, f"{cell.name}!{run.world.facts.number()}")
                run.world.reads.append(Read(cell, ref, value, frame.span(node), run.world.phase))


def _arbitrary(run: Interpreter, cells: Cells, name: str) -> Cells:
    fresh = tuple(z3.Const(f"{name}!{run.world.facts.number()}", term.sort()) for term in cells.terms[name])
    return Cells({**cells.terms, name: fresh})


def written_in(run: Interpreter, node: ast.While | ast.For, frame: Frame) -> Written:
    """Read off the text of the loop, and of every function that it can call by name, what a turn may change."""
    found = Written(names=set(bindings([node])))
    pending: list[tuple[ast.AST, Function]] = [(node, frame.function)]
    while pending:
        root, function = pending.pop()
        for inner in ast.walk(root):
            match inner:
                case (
                    ast.Attribute(attr=name, ctx=ast.Store())
                    | ast.Subscript(value=ast.Attribute(attr=name), ctx=ast.Store())
                ):
                    found.attributes.add(name)
                    found.read.add(name)
                case ast.Subscript(ctx=ast.Store()):
                    raise run.refuse(
                        node, frame, "inside a loop with a fact, an item of a local name cannot be assigned"
                    )
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=name), attr="fill")):
                    found.attributes.add(name)
                    found.read.add(name)
                case ast.Call(func=ast.Attribute(attr=name)) if name not in ("acquire", "release", "get", "count"):
                    raise run.refuse(
                        inner, frame, "inside a loop with a fact, only functions called by name are supported"
                    )
                case ast.Attribute(attr=name):
                    found.read.add(name)
                case ast.Name(id=name):
                    target = run.sources.resolve(function.module, name)
                    if isinstance(target, Function) and run.is_trusted("pause", target):
                        found.functions.add(target.name)
                    elif isinstance(target, Function) and target.name not in found.functions:
                        found.functions.add(target.name)
                        found.contracts = found.contracts or target.name in run.contracts
                        pending.append((target.node, target))
    return found
