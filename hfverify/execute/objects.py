"""Attributes and items of the hypervisor's objects: which cell they are, and how they are read and written.

Reads   model.program.Represent
Gives   get_attribute, set_attribute, get_item
Refuses an attribute that the specification does not describe (HF401)
"""

from __future__ import annotations

import ast

import z3

from hfverify.execute.classes import Attribute, Unclear, attribute, described
from hfverify.execute.interpreter import Frame, Interpreter
from hfverify.execute.source import Class, Module
from hfverify.execute.values import (
    NONE,
    Buffer,
    EnumValue,
    ListHead,
    ListLink,
    LockMethod,
    MapMethod,
    MapObject,
    Maybe,
    Node,
    NoneValue,
    Opaque,
    PageAt,
    Record,
    Sequence,
    Value,
    Words,
)
from hfverify.execute.words import read_word
from hfverify.execute.world import Impure
from hfverify.logic.evaluate import Env
from hfverify.logic.facts import in_range
from hfverify.logic.values import LockValue, Part, Ref, Stored
from hfverify.model.expressions import dotted, walk
from hfverify.model.program import Cell
from hfverify.model.types import BitsType, BoolType, BytesType, EnumType, FifoType, MapType, OptionalType, bounds
from hfverify.syntax import tree


def get_attribute(run: Interpreter, value: Value, name: str, node: ast.Attribute, frame: Frame) -> Value:
    """`value.name`."""
    value = run.present(value, node.value, frame, f"`.{name}` is read")
    match value:
        case Ref():
            return _member(run, value, "", name, node, frame)
        case Part(ref, path):
            return _member(run, ref, path, name, node, frame)
        case MapObject() if name in ("get", "fill", "count"):
            return MapMethod(value, name)
        case LockValue():
            if name in ("acquire", "release"):
                return LockMethod(value, name)
        case Node(term):
            return _node_field(run, term, name, node, frame)
        case Record(_, fields):
            if name in fields:
                return fields[name]
        case EnumValue(_, term, _):
            if name == "value":
                return term
        case Class():
            return _class_member(run, value, name, node, frame)
        case Module():
            found = run.sources.resolve(value, name)
            if isinstance(found, tuple):
                return run.constant(*found)
            if found is not None:
                return found
    raise run.refuse(
        node, frame, f"`.{name}` of this value is not described", "does a `represent` rule or a cell miss?"
    )


def declared(run: Interpreter, value: Value, node: ast.Attribute, frame: Frame) -> None:
    """The object must have the attribute; its value does not matter."""
    value = run.present(value, node.value, frame, f"`.{node.attr}` is read")
    if not isinstance(value, Ref | Part):
        raise run.refuse(node, frame, f"`.{node.attr}` of this value is not described")
    ref, path = (value, "") if isinstance(value, Ref) else (value.ref, value.path)
    _declared(run, ref, path, node, frame)


def _declared(run: Interpreter, ref: Ref, path: str, node: ast.Attribute, frame: Frame) -> Attribute:
    """The attribute of the object's class; a path that uses one which the class does not have raises."""
    storing = isinstance(node.ctx, ast.Store)
    try:
        found = described(run.program, run.sources, (ref.state, path), node.attr, storing=storing)
    except Unclear as unclear:
        raise run.refuse(node, frame, str(unclear)) from unclear
    if found is None:
        run.require(z3.BoolVal(False), node, frame, f"the object has no attribute `{node.attr}`")
    assert found is not None
    return found


def _member(run: Interpreter, ref: Ref, path: str, name: str, node: ast.Attribute, frame: Frame) -> Value:
    program = run.program
    full = f"{path}.{name}" if path else name
    found = _declared(run, ref, path, node, frame)
    represent = program.represents.get(ref.state)
    mapping = represent.mappings.get(full) if represent is not None else None
    state = program.states[ref.state]
    if mapping is not None:
        return _mapped(run, ref, mapping, node, frame)
    if not path:
        for key, term in zip(state.keys, ref.keys, strict=True):
            if key.name == name:
                run.world.facts.ranges.declare(term, *bounds(key.type))
                run.world.assume(in_range(term, key.type))
                return term
    if f"{state.name}.{full}" in program.locks:
        return LockValue(f"{state.name}.{full}", ref)
    if full in state.cells:
        return _read_cell(run, state.cells[full], ref, found, node, frame)
    if state.has_part(full):
        return Part(ref, full)
    lists = program.lists_through(ref.state, full)
    if lists:
        return ListLink(ref, full)
    raise run.refuse(
        node,
        frame,
        f"`{state.name}.{full}` is not described",
        "declare a cell, or say in a proof file what represents it",
    )


def _read_cell(run: Interpreter, cell: Cell, ref: Ref, found: Attribute, node: ast.AST, frame: Frame) -> Value:
    """The Python value that stands for what a cell holds."""
    if isinstance(cell.type, BytesType):
        return Buffer(ref, cell)
    if isinstance(cell.type, MapType):
        return MapObject(ref, cell)
    stored = run.world.read(cell, ref, frame.span(node))
    assert isinstance(stored, z3.ExprRef)
    match cell.type:
        case EnumType(name, _):
            assert isinstance(stored, z3.ArithRef)
            assert found.cls is not None
            return EnumValue(name, stored, found.cls.is_int_enum)
        case OptionalType():
            return Maybe(stored != -1, stored)
        case _:
            return stored


def _env(run: Interpreter, ref: Ref) -> Env:
    return Env(run.world.cells, {}, ref, run.world.here, None)


def _mapped(run: Interpreter, ref: Ref, mapping: tree.Mapping, node: ast.AST, frame: Frame) -> Value:
    world = run.world
    match mapping:
        case tree.MapsMany():
            return Sequence(ref, mapping)
        case tree.MapsList():
            return ListHead(ref, mapping)
        case tree.MapsWords(_, _, cell_path, width):
            cell = run.program.cell(ref.state, cell_path)
            assert cell is not None
            assert isinstance(cell.type, BitsType)
            return Words(ref, cell, width, cell.type.width // width)
        case tree.MapsNone(_, path, condition):
            for cell in _cells_in(run, ref, condition):
                world.demand_access(cell, ref, frame.span(node), "read")
            return Maybe(world.evaluator.truth(condition, _env(run, ref)), Part(ref, path))
        case tree.MapsTo(_, _, place):
            optional = None
            for cell in _cells_in(run, ref, place):
                world.demand_access(cell, ref, frame.span(node), "read")
                if isinstance(cell.type, OptionalType):
                    optional = cell
            target = world.evaluator.reference(place, _env(run, ref))
            exists = world.evaluator.exists(target, world.env())
            if optional is None:
                world.assume(exists)
                return target
            stored = world.cells.read(optional, ref)
            assert isinstance(stored, z3.ExprRef)
            world.facts.typed(stored, optional.type)
            world.assume(z3.Implies(stored != -1, exists))
            return Maybe(stored != -1, target)


def _cells_in(run: Interpreter, ref: Ref, expr: tree.Expr) -> list[Cell]:
    """The cells of the object that an expression in its scope reads."""
    found: list[Cell] = []
    cells = run.program.states[ref.state].cells
    for inner in walk(expr):
        path = dotted(inner)
        if path in cells:
            found.append(cells[path])
    return found


def _node_field(run: Interpreter, term: z3.ArithRef, name: str, node: ast.Attribute, frame: Frame) -> Value:
    layout = run.program.layout
    link = next((link for link in layout.links if link.name == name), None) if layout is not None else None
    if layout is None or link is None:
        raise run.refuse(node, frame, f"`{name}` is not a link of the layout")
    _declared_link(run, name, node, frame)
    found = z3.Select(run.world.cells.terms[f"{layout.name}.{name}"][0], term)
    if link.type.name == layout.name:
        return Node(found)
    return Maybe(found != -1, Opaque(found))


def _declared_link(run: Interpreter, name: str, node: ast.Attribute, frame: Frame) -> None:
    """The class of list entries must have the link as a plain attribute."""
    layout = run.program.layout
    assert layout is not None
    cls = run.sources.class_(layout.target, layout.name_span)
    try:
        found = attribute(run.sources, cls, name)
    except Unclear as unclear:
        raise run.refuse(node, frame, str(unclear)) from unclear
    if found is None:
        run.require(z3.BoolVal(False), node, frame, f"`{cls.node.name}` has no attribute `{name}`")


def _class_member(run: Interpreter, cls: Class, name: str, node: ast.AST, frame: Frame) -> Value:
    members = enum_members(run, cls, node, frame)
    if name in members:
        return EnumValue(cls.node.name, z3.IntVal(members[name]), cls.is_int_enum)
    raise run.refuse(node, frame, f"`{cls.node.name}` has no member `{name}`")


def enum_members(run: Interpreter, cls: Class, node: ast.AST, frame: Frame) -> dict[str, int]:
    """The names and numbers of an enumeration; they must agree with the specification's of the same name."""
    if not cls.is_enum:
        raise run.refuse(node, frame, f"attributes of the class `{cls.node.name}` are not supported")
    if run.sources.enums.setdefault(cls.node.name, cls.name) != cls.name:
        raise run.refuse(node, frame, f"there is more than one enumeration `{cls.node.name}`")
    members: dict[str, int] = {}
    for item in cls.node.body:
        match item:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number))) if (
                not isinstance(number, bool)
                and name not in members
                and name not in ("name", "value")
                and name[0] != "_"
            ):
                members[name] = number
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.FunctionDef():
                raise run.refuse(node, frame, f"`{cls.node.name}` has methods, which is not supported")
            case _:
                raise run.refuse(node, frame, f"a member of `{cls.node.name}` is not a number")
    declared = run.program.enums.get(cls.node.name)
    if declared is not None and dict(declared.items) != members:
        raise run.refuse(node, frame, f"the enumeration `{cls.node.name}` is not the one of the specification")
    return members


def set_attribute(run: Interpreter, value: Value, name: str, new: Value, node: ast.Attribute, frame: Frame) -> None:
    """`value.name = new`."""
    value = run.present(value, node.value, frame, f"`.{name}` is written")
    if isinstance(value, Node):
        _set_node_field(run, value, name, new, node, frame)
        return
    if not isinstance(value, Ref | Part):
        raise run.refuse(node, frame, "attributes of this value cannot be changed")
    ref, path = (value, "") if isinstance(value, Ref) else (value.ref, value.path)
    full = f"{path}.{name}" if path else name
    _declared(run, ref, path, node, frame)
    represent = run.program.represents.get(ref.state)
    mapping = represent.mappings.get(full) if represent is not None else None
    cell = run.program.cell(ref.state, full)
    if isinstance(mapping, tree.MapsNone) and isinstance(new, PageAt):
        _show_page(run, ref, mapping, new, node, frame)
        return
    if isinstance(mapping, tree.MapsTo):
        _refer(run, ref, mapping, new, node, frame)
        return
    if mapping is not None:
        raise run.refuse(node, frame, f"`{full}` stands for several cells and cannot be assigned as a whole")
    if cell is None or isinstance(cell.type, FifoType | BytesType):
        raise run.refuse(node, frame, f"`{ref.state}.{full}` is not a cell that can be assigned")
    run.world.write(cell, ref, lowered(run, cell, new, node, frame), frame.span(node))


def _show_page(
    run: Interpreter, ref: Ref, mapping: tree.MapsNone, page: PageAt, node: ast.Attribute, frame: Frame
) -> None:
    """Store a page: from now on there is one, and it has this address.

    What it holds is what its cell holds already: nobody can look before there is a page, and nothing is known then.
    """
    present = run.program.cell(ref.state, dotted(mapping.condition))
    address = run.program.cell(ref.state, f"{mapping.path}.address")
    if present is None or not isinstance(present.type, BoolType) or address is None:
        raise run.refuse(node, frame, f"`{mapping.path}` has no truth value that says it is there, or no `address`")
    run.world.write(present, ref, z3.BoolVal(True), frame.span(node))
    run.world.write(address, ref, page.address, frame.span(node))


def _refer(run: Interpreter, ref: Ref, mapping: tree.MapsTo, new: Value, node: ast.Attribute, frame: Frame) -> None:
    """Store a reference: each cell that says where the object is gets its part of the position."""
    place = mapping.place
    if not isinstance(place, tree.Index):
        raise run.refuse(node, frame, f"`{mapping.path}` is always the same object")
    assert isinstance(place.base, tree.Name)
    cells = [run.program.cell(ref.state, dotted(argument)) for argument in place.arguments]
    target = new.value if isinstance(new, Maybe) else new
    if isinstance(new, NoneValue):
        optional = [cell for cell in cells if cell is not None and isinstance(cell.type, OptionalType)]
        if len(optional) != 1:
            raise run.refuse(node, frame, f"`{mapping.path}` cannot be None")
        run.world.write(optional[0], ref, z3.IntVal(-1), frame.span(node))
        return
    if not isinstance(target, Ref) or target.state != place.base.text:
        raise run.refuse(node, frame, f"this is not a reference to a {place.base.text}")
    for cell, key in zip(cells, target.keys, strict=True):
        if cell is None:
            raise run.refuse(node, frame, f"`{mapping.path}` always stands for an object with the same keys")
        part: Value = Maybe(new.present, key) if isinstance(new, Maybe) else key
        if isinstance(part, Maybe) and not isinstance(cell.type, OptionalType):
            raise run.refuse(node, frame, f"this may be None, and `{cell.name}` cannot say so")
        run.world.write(cell, ref, lowered(run, cell, part, node, frame), frame.span(node))


def lowered(run: Interpreter, cell: Cell, new: Value, node: ast.AST, frame: Frame) -> Stored:
    """What a cell holds when this Python value is stored in it."""
    match cell.type, new:
        case BoolType(), z3.BoolRef():
            return new
        case EnumType(name, _), EnumValue(enum, term, _) if enum == name:
            return term
        case OptionalType(), NoneValue():
            return z3.IntVal(-1)
        case OptionalType(), Maybe(present, inner) if isinstance(inner, z3.ArithRef):
            return z3.If(present, inner, z3.IntVal(-1))
        case BoolType() | EnumType(), _:
            pass
        case _, z3.ArithRef():
            return new
        case _, EnumValue(_, term, True):
            return term
    raise run.refuse(node, frame, f"this value is not a {cell.type}")


def _set_node_field(run: Interpreter, target: Node, name: str, new: Value, node: ast.Attribute, frame: Frame) -> None:
    _declared_link(run, name, node, frame)
    layout = run.program.layout
    assert layout is not None
    if name not in [link.name for link in layout.links] or not isinstance(new, Node | NoneValue | Opaque):
        raise run.refuse(node, frame, f"`{name}` of a list entry cannot be assigned this")
    if run.world.speculating:
        raise Impure
    key = f"{layout.name}.{name}"
    cells = run.world.cells
    term = z3.IntVal(-1) if isinstance(new, NoneValue) else new.term
    run.world.cells = type(cells)({**cells.terms, key: (z3.Store(cells.terms[key][0], target.term, term),)})


def get_item(run: Interpreter, base: Value, node: ast.Subscript, frame: Frame) -> Value:
    """`base[index]`."""
    index = node.slice
    base = run.present(base, node.value, frame, "it is indexed")
    if isinstance(base, Words) and not isinstance(index, ast.Slice):
        return read_word(run, base, position_of(run, index, node, frame), node, frame)
    if isinstance(base, Sequence) and not isinstance(index, ast.Slice):
        term = position_of(run, index, node, frame)
        count = length(run, base)
        inside = z3.And(term >= 0, term < count)
        run.require(inside, node, frame, f"the index of `{ast.unparse(node)}` may be out of range")
        env = _env(run, base.ref).bind({base.mapping.variable: term})
        return run.world.evaluator.reference(base.mapping.place, env)
    raise run.refuse(node, frame, "an item of this value is not supported")


def position_of(run: Interpreter, index: ast.expr, node: ast.Subscript, frame: Frame) -> z3.ArithRef:
    """The number by which a sequence is indexed."""
    position = run.evaluate(index, frame)
    term = position.term if isinstance(position, EnumValue) and position.is_int else position
    if not isinstance(term, z3.ArithRef):
        raise run.refuse(node, frame, "the index is not a number")
    # The same object has the same name, however its number was computed.
    plain = z3.simplify(term)
    return plain if isinstance(plain, z3.ArithRef) and z3.is_const(plain) else term


def length(run: Interpreter, sequence: Sequence | Words) -> z3.ArithRef:
    """`len(sequence)`."""
    if isinstance(sequence, Words):
        return z3.IntVal(sequence.count)
    return run.world.evaluator.number(sequence.mapping.count, _env(run, sequence.ref))


__all__ = [
    "NONE",
    "enum_members",
    "get_attribute",
    "get_item",
    "length",
    "lowered",
    "set_attribute",
]
