"""Run the real functions of a codec on a value or a number, and hold what they give against the layout. No solver.

Reads   a request: the codec, and a variant with its fields or a number
Gives   what was written and read, what was promised, and every obligation that this run breaks
Refuses an implementation that does not have the functions or classes (Unbuildable)
"""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Callable
from typing import Any

from hfverify.explain.importing import import_from
from hfverify.explain.proxies import Unbuildable
from hfverify.model.codecs import tag_bits, variants_of
from hfverify.model.program import Program, Variant
from hfverify.syntax import tree


class _Trial:
    """One run."""

    def __init__(self, program: Program, codec: tree.Codec) -> None:
        self.codec = codec
        self.variants = variants_of(program, codec.name)
        self.tag = tag_bits(program, codec.name)
        self.encode = _named(codec.encodes.target)
        self.decode = _named(codec.decodes.target)
        self.report: dict[str, Any] = {"violations": [], "rows": [], "exception": None, "timeline": []}

    # ------------------------------------------------------------ values and numbers

    def said(self, variant: Variant) -> tree.CodecVariant:
        """What the proof file says of a variant."""
        return next(said for said in self.codec.variants if said.variant == variant.tree.name)

    def member(self, variant: Variant) -> Any:
        """The member of the enumeration of tags that stands for a variant."""
        assert self.codec.record is not None
        tags = typing.get_type_hints(_named(self.codec.record.target))[self.codec.record.tag]
        return getattr(tags, self.said(variant).member)

    def value(self, variant: Variant, fields: dict[str, int]) -> tuple[Any, ...]:
        """The arguments with which a value is encoded."""
        if self.codec.record is None:
            return tuple(fields[name] for name in self.said(variant).fields)
        cls = _named(self.codec.record.target)
        return (cls(**{self.codec.record.tag: self.member(variant)}, **fields),)

    def number(self, variant: Variant, fields: dict[str, int]) -> int:
        """The number in which every field stands in its bits."""
        total = (variant.tree.tag or 0) << variant.tag_shift
        for field in variant.tree.fields:
            total |= (fields[field.name] & ((1 << field.high - field.low + 1) - 1)) << field.low
        return total

    def fields(self, variant: Variant, number: int) -> dict[str, int]:
        """The fields of a variant as they stand in a number."""
        return {f.name: number >> f.low & ((1 << f.high - f.low + 1) - 1) for f in variant.tree.fields}

    def variant(self, number: int) -> Variant | None:
        """The variant whose tag a number has."""
        if self.tag is None:
            return self.variants[0]
        low, high = self.tag
        tag = number >> low & ((1 << high - low + 1) - 1)
        return next((variant for variant in self.variants if variant.tree.tag == tag), None)

    def parts(self, variant: Variant, value: Any) -> dict[str, Any]:
        """What can be compared of a value: every field, or every item."""
        if self.codec.record is None:
            names = self.said(variant).fields
            whole = isinstance(value, tuple) and len(value) == len(names)
            return dict(zip(names, value, strict=True)) if whole else {"value": value}
        cls = _named(self.codec.record.target)
        if type(value) is not cls:
            return {"value": value}
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(cls)}

    def wanted(self, variant: Variant, fields: dict[str, int]) -> dict[str, Any]:
        """The parts that a value of the variant has: defaults where a field does not belong to it."""
        if self.codec.record is None:
            return dict(fields)
        cls = _named(self.codec.record.target)
        found = {f.name: f.default for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING}
        return {**found, **fields, self.codec.record.tag: self.member(variant)}

    # ------------------------------------------------------------ the run

    def attempt(self, kind: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
        """What a function gives, or the name of the exception that it raises; `kind` is broken by any but that."""
        try:
            return function(*arguments), ""
        except Exception as error:
            name = type(error).__name__
            if self.codec.refusal is None or name != self.codec.refusal.exception or function is self.encode:
                self.report["exception"] = f"{name}: {error}"
                self.broken(kind, f"{function.__name__} raises {self.report['exception']}")
            return None, name

    def row(self, name: str, before: Any, promised: Any, actual: Any) -> bool:
        """One line of the table; whether it is as promised."""
        shown = [_shown(v) for v in (before, promised, actual)]
        self.report["rows"].append(
            dict(zip(("cell", "before", "promised", "actual"), (name, *shown), strict=True))
            | {"differs": promised != actual}
        )
        return bool(promised == actual)

    def broken(self, kind: str, text: str) -> None:
        """Note an obligation that the run breaks."""
        self.report["violations"].append({"kind": kind, "text": text, "file": "", "line": 0})

    def compare(self, kind: str, variant: Variant, fields: dict[str, int], value: Any) -> None:
        """Hold a value that was read against what it should be."""
        found, wanted = self.parts(variant, value), self.wanted(variant, fields)
        for name in dict.fromkeys((*wanted, *found)):
            if name not in found or name not in wanted or not self.row(name, "", wanted[name], found[name]):
                promised, actual = _shown(wanted.get(name, "nothing")), _shown(found.get(name, "nothing"))
                self.broken(kind, f"{name} is read as {actual}, promised {promised}")

    def write(self, variant: Variant, fields: dict[str, int]) -> None:
        """Encode a value, and decode it again."""
        arguments, promised = self.value(variant, fields), self.number(variant, fields)
        number, error = self.attempt("raises", self.encode, *arguments)
        if error:
            return
        if not isinstance(number, int) or not self.row("number", "", promised, int(number)):
            self.broken("encode", f"writes {_shown(number)}, promised {_shown(promised)}")
        value, error = self.attempt("inverse", self.decode, number)
        if error:
            self.broken("inverse", f"what is written, {_shown(number)}, cannot be read: {error}")
        else:
            self.compare("inverse", variant, self.fields(variant, promised), value)

    def read(self, number: int) -> None:
        """Decode a number, and encode it again."""
        variant = self.variant(number)
        value, error = self.attempt("raises", self.decode, number)
        if variant is None:
            self.report["outcome"] = "refuses"
            if not error:
                self.broken("refuses", f"{number:#x} is read as {value!r}, though no variant has its tag")
            return
        if error:
            for kind in ("decode", "inverse"):
                self.broken(kind, f"{number:#x} cannot be read: {error}")
            return
        self.compare("decode", variant, self.fields(variant, number), value)
        arguments = value if self.codec.record is None and isinstance(value, tuple) else (value,)
        again, error = self.attempt("inverse", self.encode, *arguments)
        promised = self.number(variant, self.fields(variant, number))
        if not error and not self.row("number", number, promised, again):
            self.broken("inverse", f"{number:#x} is read and written as {_shown(again)}, promised {promised:#x}")


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name, None)
    if found is None:
        raise Unbuildable(f"there is no {target}")
    return found


def _shown(value: Any) -> str:
    plain = isinstance(value, int) and not isinstance(value, bool) and type(value) is int
    return hex(value) if plain and not -10 < value < 10 else str(value)


def run_codec(program: Program, request: dict[str, Any], impl: str) -> dict[str, Any]:
    """Run the functions of a codec."""
    import_from(impl)
    trial = _Trial(program, program.codecs[request["name"]])
    if "number" in request:
        trial.report["arguments"] = {"number": hex(request["number"])}
        trial.read(request["number"])
    else:
        variant = program.variants[request["variant"]]
        trial.report["arguments"] = {name: hex(value) for name, value in request["fields"].items()}
        trial.report["outcome"] = request["variant"]
        trial.write(variant, request["fields"])
    return trial.report


__all__ = ["run_codec"]
