"""Collect the codecs: how the values of an encoding are Python objects.

Reads   syntax.tree.Codec, the program's encodings
Gives   the program's codecs
Refuses an unknown encoding or variant (HF201), what is said twice (HF202), a codec that does not fit (HF218)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import Span, also, at
from hfverify.model.context import Context
from hfverify.model.program import Program, Variant
from hfverify.model.types import EncodingType
from hfverify.syntax import tree

EXCEPTIONS = ("ValueError",)


def variants_of(program: Program, encoding: str) -> list[Variant]:
    """The variants of an encoding, in order."""
    return [variant for variant in program.variants.values() if variant.encoding.name == encoding]


def tag_bits(program: Program, encoding: str) -> tuple[int, int] | None:
    """The first and the last bit of the tag; None for an encoding without one."""
    for module in program.modules:
        for item in module.declarations:
            if isinstance(item, tree.Encoding) and item.name == encoding:
                return item.tag
    return None


def misses_tags(program: Program, encoding: str) -> bool:
    """Whether some number has a tag that no variant has."""
    tag = tag_bits(program, encoding)
    return tag is not None and len(variants_of(program, encoding)) < 1 << (tag[1] - tag[0] + 1)


def collect_codecs(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All codecs."""
    codecs = context.program.codecs
    for item in [d for d in declarations if isinstance(d, tree.Codec)]:
        if not isinstance(context.program.types.get(item.name), EncodingType):
            known = [name for name, found in context.program.types.items() if isinstance(found, EncodingType)]
            context.names.unknown(item.name_span, "encoding", item.name, known)
            continue
        first = codecs.setdefault(item.name, item)
        if first is not item:
            labels = at(item.name_span, "again here"), also(first.name_span, "first here")
            context.collector.error("HF202", f"`{item.name}` has two codecs", *labels)
            continue
        _check(context, item)


def _check(context: Context, item: tree.Codec) -> None:
    program = context.program

    def error(span: Span, message: str) -> None:
        context.collector.error("HF218", message, at(span))

    for impl in (item.encodes, item.decodes):
        if ":" not in impl.target:
            context.collector.error("HF214", 'an implementation is named "module:function"', at(impl.span))
    known = {variant.tree.name: variant for variant in variants_of(program, item.name)}
    tagged = tag_bits(program, item.name) is not None
    if tagged != (item.record is not None):
        error(item.name_span, f"`{item.name}` has a tag, so a `record` with a tag stands for it" if tagged
              else f"`{item.name}` has no tag, so its value is a tuple")  # fmt: skip
    seen: dict[str, Span] = {}
    members: dict[str, Span] = {}
    for variant in item.variants:
        if variant.variant not in known:
            context.names.unknown(variant.span, f"in `{item.name}`, the variant", variant.variant, known)
            continue
        if variant.variant in seen or (variant.member and variant.member in members):
            what = variant.variant if variant.variant in seen else variant.member
            context.collector.error("HF202", f"`{what}` stands for two things", at(variant.span))
        seen[variant.variant], members[variant.member] = variant.span, variant.span
        fields = tuple(field.name for field in known[variant.variant].tree.fields)
        if bool(variant.member) != tagged:
            error(variant.span, "a variant with a tag is a member of the enumeration of tags, one without is a tuple")
        elif not tagged and sorted(fields) != sorted(variant.fields):
            error(variant.span, f"the fields of `{variant.variant}` are {', '.join(fields)}, each once")
    for name in known:
        if name not in seen:
            error(item.name_span, f"nothing stands for `{name}`")
    missing = misses_tags(program, item.name)
    if missing != (item.refusal is not None):
        place = item.refusal.span if item.refusal is not None else item.name_span
        error(place, "no variant has some tags: say what is raised for them" if missing
              else "every number is a variant, so nothing is raised")  # fmt: skip
    if item.refusal is not None and item.refusal.exception not in EXCEPTIONS:
        error(item.refusal.span, f"only {', '.join(EXCEPTIONS)} can be raised")


__all__ = ["collect_codecs", "misses_tags", "tag_bits", "variants_of"]
