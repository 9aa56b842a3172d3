"""Collect the types that a specification declares: aliases, enumerations, encodings and their bits.

Reads   syntax.tree.TypeAlias, Enum, Encoding, in any order
Gives   the program's types, enumerations and variants
Refuses a type that is made of itself or of types that do not fit (HF203), values that do not fit (HF204), bits that
        overlap or are not there (HF208)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import at
from hfverify.model.context import Context
from hfverify.model.program import Variant
from hfverify.model.types import BAD, BadType, EncodingType, EnumType, IntType, Type, bounds
from hfverify.syntax import tree

Declared = tree.TypeAlias | tree.Enum | tree.Encoding


def collect_types(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All types."""
    for item in _in_order(context, [d for d in declarations if isinstance(d, Declared)]):
        context.declare(item)
        match item:
            case tree.TypeAlias():
                context.program.types[item.name] = _renamed(context.names.resolve_type(item.type), item.name)
            case tree.Enum():
                _collect_enum(context, item)
            case tree.Encoding():
                _collect_encoding(context, item)


def _in_order(context: Context, declared: list[Declared]) -> list[Declared]:
    """Each type after those that it is made of; of two with one name, the second is made last."""
    waiting = {item.name: item for item in declared}
    doubled = [item for item in declared if waiting[item.name] is not item]
    ordered: list[Declared] = []
    while waiting:
        ready = [item for item in waiting.values() if not _parts_of(item) & waiting.keys()]
        if not ready:
            item = next(iter(waiting.values()))
            context.collector.error("HF203", f"`{item.name}` is defined by itself", at(item.name_span))
            context.program.types.update(dict.fromkeys(waiting, BAD))
            break
        for item in ready:
            ordered.append(waiting.pop(item.name))
    return [*ordered, *doubled]


def _parts_of(item: Declared) -> set[str]:
    """The names of the types of which a type is made."""
    found: set[str] = set()
    pending: list[tree.Type | int] = [item.type]
    if isinstance(item, tree.Encoding):
        pending += [field.type for variant in item.variants for field in variant.fields]
    while pending:
        part = pending.pop()
        if isinstance(part, tree.Type):
            found.add(part.name)
            pending += part.arguments
    return found


def _renamed(type_: Type, name: str) -> Type:
    return IntType(name, type_.low, type_.high) if isinstance(type_, IntType) else type_


def _collect_enum(context: Context, item: tree.Enum) -> None:
    values: list[tuple[str, int]] = []
    base = context.names.resolve_type(item.type)
    if not isinstance(base, IntType | BadType) or (isinstance(base, IntType) and base.low != 0):
        message = f"an enumeration needs an unsigned type, not {base}"
        context.collector.error("HF203", message, at(item.type.span))
    for entry in item.items:
        context.declare(entry)
        number = entry.value if entry.value is not None else (values[-1][1] + 1 if values else 0)
        _, high = bounds(base)
        if high is not None and number > high:
            context.collector.error("HF204", f"{number} does not fit {base}", at(entry.span))
        if any(number == other for _, other in values):
            message = f"two names of `{item.name}` have the number {number}"
            context.collector.error("HF202", message, at(entry.name_span))
        values.append((entry.name, number))
    enum = EnumType(item.name, tuple(values))
    context.program.enums[item.name] = enum
    context.program.types[item.name] = enum
    context.program.enum_items.update({name: (enum, number) for name, number in values})


def _collect_encoding(context: Context, item: tree.Encoding) -> None:
    base = context.names.resolve_type(item.type)
    if not isinstance(base, IntType) or base.low != 0 or base.high is None:
        if base != BAD:
            message = f"an encoding needs an unsigned type, not {base}"
            context.collector.error("HF203", message, at(item.type.span))
        context.program.types.setdefault(item.name, BAD)
        return
    encoding = EncodingType(item.name, base.high.bit_length())
    context.program.types[item.name] = encoding
    tags: dict[int, str] = {}
    for variant in item.variants:
        context.declare(variant)
        context.program.variants[variant.name] = Variant(encoding, variant, item.tag[0] if item.tag else 0)
        _check_tag(context, item, variant, tags)
        _check_bits(context, item, variant, encoding.width)


def _check_tag(context: Context, item: tree.Encoding, variant: tree.Variant, tags: dict[int, str]) -> None:
    """Tags tell the variants apart; `tags` has those of the variants before."""

    def error(message: str) -> None:
        context.collector.error("HF208", message, at(variant.name_span))

    if (variant.tag is None) != (item.tag is None):
        error(f"`{variant.name}` and the tag of `{item.name}` do not agree")
    elif item.tag is not None and variant.tag is not None:
        if variant.tag >= 1 << max(item.tag[1] - item.tag[0] + 1, 0):
            error(f"the tag {variant.tag} does not fit bits {item.tag[0]} .. {item.tag[1]}")
        if variant.tag in tags:
            error(f"`{variant.name}` and `{tags[variant.tag]}` have the same tag")
        tags[variant.tag] = variant.name


def _check_bits(context: Context, item: tree.Encoding, variant: tree.Variant, width: int) -> None:
    collector = context.collector
    taken: list[tuple[int, int, str]] = [(*item.tag, "the tag")] if item.tag else []
    if item.tag is not None and not item.tag[0] <= item.tag[1] < width:
        collector.error("HF208", f"bits {item.tag[0]} .. {item.tag[1]} are not in {width} bits", at(item.name_span))
    context.names.local_names((field.name, field.span) for field in variant.fields)
    for field in variant.fields:
        type_ = context.names.resolve_type(field.type)
        low, high = bounds(type_)
        if not isinstance(type_, IntType | EnumType | EncodingType | BadType) or (low is not None and low < 0):
            collector.error("HF203", f"a field needs an unsigned type, not {type_}", at(field.type.span))
        room = field.high - field.low + 1
        if room <= 0 or field.high >= width:
            collector.error("HF208", f"bits {field.low} .. {field.high} are not in {width} bits", at(field.span))
        elif high is not None and high.bit_length() > room and not field.truncated:
            collector.error(
                "HF208",
                f"{type_} does not fit {room} bits",
                at(field.span),
                notes=(("help", "say `truncated` if the top bits are lost"),),
            )
        for low, top, other in taken:
            if field.low <= top and low <= field.high:
                collector.error("HF208", f"`{field.name}` overlaps {other}", at(field.span))
        taken.append((field.low, field.high, f"`{field.name}`"))
