"""What the classes of the implementation's objects are made of: which attributes an instance has, and of which kind.

Reads   execute.source.Class, model.program.Represent
Gives   Attribute for an attribute of an object; None if its class has no such attribute
Refuses a class whose text does not say what reading or writing an attribute does (Unclear)
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from hfverify.execute.scopes import STAR, bindings
from hfverify.execute.source import Class, Sources
from hfverify.model.expressions import dotted, walk
from hfverify.model.program import Program
from hfverify.model.types import BitsType, BoolType, BytesType, EnumType, FifoType, MapType, OptionalType
from hfverify.syntax import tree

HOOKS = ("__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__new__", "__class__", "__dict__", STAR)


class Unclear(Exception):
    """The text of a class does not say what an attribute of its instances is."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that every instance has.

    `cls` is the class of the implementation that its annotation names, without `None`; `named` is the
    full name `module:Class` of that class, also of one of another module.
    """

    name: str
    owner: Class
    annotation: ast.expr
    cls: Class | None
    named: str

    @property
    def plain_type(self) -> str:
        """`int`, `bool`, `bytearray`, … for an annotation that is one name."""
        return self.annotation.id if isinstance(self.annotation, ast.Name) else ""


def class_at(program: Program, sources: Sources, state: str, path: str) -> Class:
    """The class of the objects of a state, or of the part of them below a dotted path."""
    represent = program.represents.get(state)
    if represent is None:
        raise Unclear(f"no `represent` rule says which class a {state} is")
    cls = sources.class_(represent.target, represent.span)
    for name in path.split(".") if path else ():
        found = attribute(sources, cls, name)
        if found is None or found.cls is None:
            raise Unclear(f"the annotation of `{cls.node.name}.{name}` names no class of the implementation")
        cls = found.cls
    return cls


def described(
    program: Program, sources: Sources, place: tuple[str, str], name: str, *, storing: bool
) -> Attribute | None:
    """The attribute `name` of the objects of a state, or of their part at a path: `place` is both.

    None if using it raises an exception. What a specification or a proof file says of it must be of the
    kind that its annotation says.
    """
    state, path = place
    cls = class_at(program, sources, state, path)
    found = attribute(sources, cls, name)
    if found is None:
        if storing and not _has_fixed_attributes(cls):
            raise Unclear(f"`{cls.node.name}` does not declare `{name}`")
        return None
    wrong = _unfit(program, found, state, f"{path}.{name}" if path else name)
    if wrong:
        raise Unclear(f"`{name}` of `{cls.node.name}` is `{ast.unparse(found.annotation)}`, but {wrong}")
    return found


def _unfit(program: Program, found: Attribute, state: str, full: str) -> str:
    """What the specification or a proof file says of the attribute, if its annotation says otherwise."""
    mappings = program.represents[state].mappings
    mapping = mappings.get(full)
    name = found.named
    match mapping:
        case (
            tree.MapsMany(place=tree.Index(base=tree.Name(text=target)))
            | tree.MapsTo(place=tree.Index(base=tree.Name(text=target)) | tree.Name(text=target))
        ):
            other = program.represents.get(target)
            return "" if other is not None and name == other.target else f"`{full}` stands for `{target}`"
        case tree.MapsList():
            return _unfit_link(program, name)
        case tree.MapsWords():
            fits = ast.unparse(found.annotation) == "list[int]"
            return "" if fits else f"`{full}` stands for words of bits"
        case tree.MapsNone():
            return ""
    if f"{state}.{full}" in program.locks:
        trusted = program.trusts.get("spinlock")
        return "" if trusted is not None and name == trusted.target else f"`{state}.{full}` is a lock"
    if program.lists_through(state, full):
        return _unfit_link(program, name)
    if any(key.name == full for key in program.states[state].keys):
        return "" if found.plain_type == "int" else "it is a key, so a number"
    cell = program.cell(state, full)
    if cell is None:
        optional = isinstance(found.annotation, ast.BinOp)
        return f"`{full}` is always there" if optional and program.states[state].has_part(full) else ""
    owner = next((m.path for m in mappings.values() if full in _parts(m)), "")
    if owner:
        return f"the cell `{full}` is what `{owner}` stands for"
    match cell.type:
        case EnumType(enum, _):
            fits = found.cls is not None and found.cls.is_enum and found.cls.node.name == enum
        case BoolType():
            fits = found.plain_type == "bool"
        case BytesType():
            fits = found.plain_type == "bytearray"
        case OptionalType():
            fits = ast.unparse(found.annotation) in ("int | None", "None | int")
        case MapType():
            trusted = program.trusts.get("map")
            fits = trusted is not None and name == trusted.target
        case FifoType() | BitsType():
            return f"no rule of a proof file says how it is a {cell.type}"
        case _:
            fits = found.plain_type == "int"
    return "" if fits else f"the cell `{cell.name}` is {cell.type}"


def _unfit_link(program: Program, name: str) -> str:
    return "" if program.layout is not None and name == program.layout.target else "it belongs to a list"


def _parts(mapping: tree.Mapping) -> set[str]:
    """The names that the place or the condition of a mapping speaks about."""
    match mapping:
        case tree.MapsTo(place=expr) | tree.MapsNone(condition=expr):
            return {dotted(inner) for inner in walk(expr)}
        case tree.MapsList(cell=cell) | tree.MapsWords(cell=cell):
            return {cell}
        case _:
            return set()


def attribute(sources: Sources, cls: Class, name: str) -> Attribute | None:
    """The attribute of this name; None if instances of the class have none."""
    key = (cls.name, name)
    if key not in sources.attributes:
        sources.attributes[key] = _find(sources, cls, name)
    found = sources.attributes[key]
    assert found is None or isinstance(found, Attribute)
    return found


def _find(sources: Sources, cls: Class, name: str) -> Attribute | None:
    reason = _hidden_meaning(cls)
    if reason:
        raise Unclear(f"`{cls.node.name}` {reason}, so its attributes may be anything")
    places = bindings(cls.node.body).get(name, [])
    if not places:
        return None
    declared = [i for i in cls.node.body if isinstance(i, ast.AnnAssign) and i.target is places[0]]
    if len(places) != 1 or not declared or cls.module.marks(declared[0].annotation):
        raise Unclear(f"`{name}` of `{cls.node.name}` is more than an annotated attribute")
    item = declared[0]
    if item.value is not None and not _is_plain_default(sources, cls, item.value):
        raise Unclear(f"the default of `{name}` in `{cls.node.name}` may change what the attribute means")
    inner = _named(sources, cls, item.annotation)
    module, _, imported = cls.module.imported(item.annotation).rpartition(".")
    return Attribute(name, cls, item.annotation, inner, inner.name if inner is not None else f"{module}:{imported}")


def _hidden_meaning(cls: Class) -> str:
    """Why an attribute of an instance may be more than what was last stored in it; empty if it is not."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in cls.node.bases]
    if cls.node.keywords or any(cls.module.imported(base) != "typing.Generic" for base in bases):
        return "inherits from another class"
    options = cls.dataclass_options()
    if cls.node.decorator_list and options is None:
        return "is decorated"
    if options is not None and options.get("frozen"):
        return "is frozen"
    bound = bindings(cls.node.body)
    return next((f"defines `{name}`" for name in HOOKS if name in bound), "")


def _has_fixed_attributes(cls: Class) -> bool:
    """Whether assigning an attribute that is not declared raises an exception."""
    options = cls.dataclass_options()
    return "__slots__" in bindings(cls.node.body) or (options is not None and bool(options.get("slots")))


def _is_plain_default(sources: Sources, cls: Class, value: ast.expr) -> bool:
    match value:
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.Call(func=function):
            return cls.module.imported(function) == "dataclasses.field"
        case ast.Attribute(value=ast.Name(id=name)):
            found = sources.resolve(cls.module, name)
            return isinstance(found, Class) and found.is_enum
        case ast.Name(id=name):
            found = sources.resolve(cls.module, name)
            return isinstance(found, tuple) and isinstance(found[1], ast.Constant)
        case _:
            return False


def _named(sources: Sources, cls: Class, annotation: ast.expr) -> Class | None:
    """The class that an annotation names, without `None` and without type arguments."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _named(sources, cls, left)
        case ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=right):
            return _named(sources, cls, right)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return _named(sources, cls, item)
        case ast.Subscript(value=value):
            return _named(sources, cls, value)
        case ast.Name(id=name):
            found = sources.resolve(cls.module, name)
            return found if isinstance(found, Class) else None
        case _:
            return None
