"""Functions that write the values of an encoding: what their codec says of them is used, their text is not entered.

Reads   model.program codecs, execute.values.Record
Gives   the number that stands for a value
Refuses a class that does not stand for the values (HF218), a value of no variant (HF401), a writer that relies on
        itself (HF402)
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

import z3

from hfverify.diagnostics import Diagnostic, Rejected, also, at
from hfverify.execute.functions import demand_usable
from hfverify.execute.interpreter import Frame, Interpreter, module_frame
from hfverify.execute.objects import enum_members
from hfverify.execute.source import Class, Function, Sources
from hfverify.execute.values import EnumValue, Record, Value
from hfverify.logic.facts import in_range
from hfverify.model.codecs import variants_of
from hfverify.model.program import Variant
from hfverify.model.types import int_type
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Shape:
    """How values are Python objects: instances of `cls` with the member of `tags` in one field, or else tuples."""

    codec: tree.Codec
    cls: Class | None
    tags: Class | None

    def numbers(self, run: Interpreter) -> dict[str, int]:
        """The number of each member of the enumeration of tags."""
        if self.tags is None:
            return {}
        return enum_members(run, self.tags, self.tags.node, module_frame(self.tags.module))

    def defaults(self, run: Interpreter) -> dict[str, Value]:
        """What the fields are that nobody gives."""
        if self.cls is None:
            return {}
        frame = module_frame(self.cls.module)
        return {name: run.evaluate(default, frame) for name, _, default in self.cls.fields() if default is not None}

    def said(self, variant: Variant) -> tree.CodecVariant:
        """What the proof file says of a variant."""
        return next(said for said in self.codec.variants if said.variant == variant.tree.name)


def shape_of(sources: Sources, codec: tree.Codec) -> Shape:
    """How the values of a codec are Python objects."""
    if codec.record is None:
        return Shape(codec, None, None)
    cls = sources.class_(codec.record.target, codec.record.span)
    reason = cls.not_plain() if (cls.dataclass_options() or {}).get("frozen") else "is no frozen dataclass"
    annotation = next((annotation for name, annotation, _ in cls.fields() if name == codec.record.tag), None)
    found = sources.resolve(cls.module, annotation.id) if isinstance(annotation, ast.Name) else None
    if not reason and not (isinstance(found, Class) and found.is_int_enum):
        reason = f"has no field `{codec.record.tag}` of an enumeration of integers"
    if reason or not isinstance(found, Class):
        message = f"`{cls.node.name}` {reason}, so it does not stand for `{codec.name}`"
        place = at(cls.module.span(cls.node.body[0])), also(codec.record.span, "said here")
        raise Rejected([Diagnostic("HF218", message, place)])
    return Shape(codec, cls, found)


def layout(variant: Variant, fields: dict[str, z3.ArithRef]) -> z3.ArithRef:
    """The number in which every field stands in its bits."""
    total: z3.ArithRef = z3.IntVal((variant.tree.tag or 0) << variant.tag_shift)
    for field in variant.tree.fields:
        value = fields[field.name]
        if field.truncated:
            value = value % z3.IntVal(1 << field.high - field.low + 1)
        total = total + value * z3.IntVal(1 << field.low)
    return total


def write(
    run: Interpreter, codec: tree.Codec, function: Function, arguments: dict[str, Value], node: ast.Call, frame: Frame
) -> Value:
    """The number that the codec says is written; that the function writes it is shown of the codec."""
    demand_usable(run, function, function.name, node, frame)
    spec = function.node.args
    given = [arguments[parameter.arg] for parameter in (*spec.posonlyargs, *spec.args)]
    variant, values = _value(run, codec, given, node, frame)
    fields: dict[str, z3.ArithRef] = {}
    for field in variant.tree.fields:
        if field.name not in values:
            raise run.refuse(node, frame, f"what is written has no field `{field.name}` of `{variant.tree.name}`")
        type_ = int_type(field.type.name) or run.program.types[field.type.name]
        message = f"`{field.name}` of `{variant.tree.name}` is {type_}, which this does not fit"
        fits = in_range(values[field.name], type_)
        run.world.check("contract", fits, "HF509", message, frame.span(node), field.span)
        fields[field.name] = values[field.name]
    return layout(variant, fields)


def _value(
    run: Interpreter, codec: tree.Codec, given: list[Value], node: ast.Call, frame: Frame
) -> tuple[Variant, dict[str, z3.ArithRef]]:
    """Of which variant the value is, and its fields, those too that mean nothing: the function may look at them."""
    variants = variants_of(run.program, codec.name)
    shape = shape_of(run.sources, codec)
    names = list(shape.said(variants[0]).fields) if codec.record is None else [codec.name]
    if len(given) != len(names):
        raise run.refuse(node, frame, f"what is written is {len(names)} values, each by its place")
    if codec.record is None:
        return variants[0], {n: _number(run, v, n, node, frame) for n, v in zip(names, given, strict=True)}
    value = run.present(given[0], node, frame, "it is written")
    if not isinstance(value, Record) or shape.cls is None or value.cls.name != shape.cls.name:
        raise run.refuse(node, frame, f"what is written is no `{codec.record.target}`")
    tag, numbers = value.fields.get(codec.record.tag), shape.numbers(run)
    if not isinstance(tag, EnumValue) or shape.tags is None or tag.enum != shape.tags.node.name:
        raise run.refuse(node, frame, f"`{codec.record.tag}` is no member of the enumeration of tags")
    others = {n: _number(run, v, n, node, frame) for n, v in value.fields.items() if n != codec.record.tag}
    for variant in variants:
        member = shape.said(variant).member
        if member not in numbers:
            raise run.refuse(node, frame, f"`{shape.tags.node.name}` has no member `{member}`")
        if run.branch(tag.term == numbers[member], node, frame, f"it is {variant.tree.name}"):
            return variant, others
    raise run.refuse(node, frame, f"what is written is of no variant of `{codec.name}`")


def _number(run: Interpreter, value: Value, name: str, node: ast.Call, frame: Frame) -> z3.ArithRef:
    value = run.present(value, node, frame, f"`{name}` is written")
    if isinstance(value, EnumValue) and value.is_int:
        value = value.term
    if not isinstance(value, z3.ArithRef):
        raise run.refuse(node, frame, f"the field `{name}` of what is written is no number")
    return value
