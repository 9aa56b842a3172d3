"""Write a module for Python, for simulators and tests.

Reads   abi.description.Abi
Gives   text: constants, packed values as frozen dataclasses, calls as functions that are given the trap
Refuses two things that would have one name (HF202)
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from hfverify.abi import texts
from hfverify.abi.description import BOOL, SIGNED, Abi, Argument, Call, Encoding, Field, Kind, Result, Variant
from hfverify.abi.names import Names, camel, plain, upper
from hfverify.abi.stubs import moved, taken, values
from hfverify.diagnostics import NOWHERE

RESERVED = frozenset(
    {*keyword.kwlist, "x", "trap", "number", "int", "bool", "self", "ValueError", "Callable", "Sequence", "dataclass"}
    | {"Final", "IntEnum", "annotations", "encode"}
)


def module(abi: Abi) -> str:
    """The whole file."""
    names = Names(RESERVED, "rename one of them")
    enumerations = ["from enum import IntEnum"] if abi.enumerations else []
    lines = [*_doc(texts.about(abi), ""), "", "from __future__ import annotations", ""]
    lines += ["from collections.abc import Callable, Sequence", "from dataclasses import dataclass", *enumerations]
    lines += ["from typing import Final"]
    for part in (_numbers, _constants, _enumerations, _encodings, _fits, _calls):
        lines += part(abi, names)
    names.collector.finish()
    return "\n".join([*lines, ""])


def _numbers(abi: Abi, names: Names) -> Iterator[str]:
    yield from [""] if abi.calls else []
    for call in abi.calls:
        yield from [f"#: {texts.summary(call)}"] if call.text else []
        yield f"{names.give(call.published, call.name, call.span)}: Final = {call.number:#x}"
    if abi.convention is not None:
        name = names.give("NO_SUCH_CALL", "what no call returns", NOWHERE)
        yield from ["", "#: What a number returns that no call has.", f"{name}: Final = {abi.convention.unknown}"]


def _constants(abi: Abi, names: Names) -> Iterator[str]:
    yield from [""] if abi.constants else []
    for item in abi.constants:
        yield from (f"#: {line}".rstrip() for line in item.text.split("\n") if item.text)
        value = bool(item.value) if item.kind.word == BOOL else _number(item.value)
        yield f"{names.give(upper(item.name), item.name, item.span)}: Final = {value}"


def _enumerations(abi: Abi, names: Names) -> Iterator[str]:
    for enumeration in abi.enumerations:
        name = names.give(camel(enumeration.name), enumeration.name, enumeration.span)
        yield from ["", "", f"class {name}(IntEnum):", *_doc((enumeration.text or name).split("\n"), "    "), ""]
        for item in enumeration.items:
            yield from (f"    #: {line}".rstrip() for line in item.text.split("\n") if item.text)
            yield f"    {plain(upper(item.name), RESERVED)} = {item.value}"


# ---------------------------------------------------------------- packed values


def _encodings(abi: Abi, names: Names) -> Iterator[str]:
    for encoding in abi.encodings:
        members = []
        for variant in encoding.variants:
            name = camel(variant.name) if encoding.tag else camel(encoding.name)
            members.append(names.give(name, variant.name if encoding.tag else encoding.name, variant.span))
            yield from _variant(encoding, variant, members[-1])
        decode = names.give(f"decode_{_function(encoding)}", encoding.name, encoding.span)
        if encoding.tag is not None:
            union = names.give(camel(encoding.name), encoding.name, encoding.span)
            yield from ["", "", *(f"#: {line}".rstrip() for line in encoding.text.split("\n") if encoding.text)]
            yield f"{union} = {' | '.join(members)}"
        yield from _decode(encoding, decode, members)


def _function(encoding: Encoding) -> str:
    return upper(encoding.name).lower()


def _variant(encoding: Encoding, variant: Variant, name: str) -> Iterator[str]:
    text = variant.text if encoding.tag else encoding.text
    yield from ["", "", "@dataclass(frozen=True, slots=True)", f"class {name}:"]
    yield from [*_doc((text or name).split("\n"), "    "), ""]
    for item in variant.fields:
        lost = ", of which the top bits are lost" if item.truncated else ""
        yield f"    #: Bits {item.low} .. {item.high}{lost}."
        yield f"    {plain(item.name, RESERVED)}: int"
    yield from [""] if variant.fields else []
    yield "    def encode(self) -> int:"
    yield '        """Pack the value; ValueError for a field that is too large."""'
    tag = [moved(f"{variant.tag or 0:#x}", encoding.tag.low)] if encoding.tag is not None else []
    parts = [moved(_field(item), item.low) for item in variant.fields]
    yield f"        return {' | '.join([*tag, *parts])}"


def _field(item: Field) -> str:
    value = f"_fits(self.{plain(item.name, RESERVED)}, {item.kind.mask:#x}, {item.name!r})"
    return f"({value} & {item.mask:#x})" if item.truncated else value


def _decode(encoding: Encoding, decode: str, members: list[str]) -> Iterator[str]:
    name = camel(encoding.name)
    refusal = "; ValueError if no variant has the tag" if encoding.tag is not None else ""
    yield from ["", "", f"def {decode}(number: int) -> {name}:", f'    """Unpack a `{encoding.name}`{refusal}."""']
    if encoding.tag is None:
        yield f"    return {members[0]}({_unpacked(encoding.variants[0])})"
        return
    yield f"    match {taken(encoding.tag.low, encoding.tag.kind.mask)}:"
    for variant, member in zip(encoding.variants, members, strict=True):
        yield f"        case {variant.tag or 0:#x}:"
        yield f"            return {member}({_unpacked(variant)})"
    yield "        case tag:"
    yield f'            raise ValueError(f"no {name} has the tag {{tag}}")'


def _unpacked(variant: Variant) -> str:
    return ", ".join(taken(item.low, item.mask) for item in variant.fields)


def _fits(abi: Abi, names: Names) -> Iterator[str]:
    del abi
    yield from ["", "", f"def {names.give('_fits', 'a check', NOWHERE)}(value: int, most: int, name: str) -> int:"]
    yield from ["    if not 0 <= value <= most:", '        raise ValueError(f"{name} = {value} is not in 0 .. {most}")']
    yield "    return value"


# ---------------------------------------------------------------- calls


def _calls(abi: Abi, names: Names) -> Iterator[str]:
    made = abi.convention
    if made is None or not abi.calls:
        return
    count = made.registers
    yield from ["", "", f"#: Makes a call: x0 to x{count - 1} before it, and after it."]
    yield f"{names.give('Trap', 'the trap', NOWHERE)} = Callable[[Sequence[int]], Sequence[int]]"
    for call in abi.calls:
        name = names.give(call.name, call.name, call.span)
        yield from ["", "", f"{signature(abi, call, name)}:"]
        yield from _doc(texts.about_call(abi, call), "    ")
        yield f"    x = trap(({', '.join(values(call, made, RESERVED, hex, _carried))},))"
        yield f"    {_result(abi, call.result)}" if call.result is not None else "    del x"


def signature(abi: Abi, call: Call, name: str) -> str:
    """How the function of a call is declared."""
    parameters = [f"{plain(a.name, RESERVED)}: {_type(a.kind)}" for a in call.arguments]
    return f"def {name}({', '.join(['trap: Trap', *parameters])}) -> {_returned(abi, call.result)}"


def _carried(argument: Argument) -> str:
    name = plain(argument.name, RESERVED)
    if argument.kind.word == BOOL:
        return moved(f"int({name})", argument.low)
    if argument.kind.word == SIGNED:
        return moved(f"({name} & {argument.mask:#x})", argument.low)
    return moved(f"_fits({name}, {min(argument.mask, argument.kind.mask):#x}, {argument.name!r})", argument.low)


def _returned(abi: Abi, result: Result | None) -> str:
    encoding = abi.encoding(result.kind) if result is not None else None
    return camel(encoding.name) if encoding is not None else _type(result.kind) if result is not None else "None"


def _result(abi: Abi, result: Result) -> str:
    register, kind = f"x[{result.register}]", result.kind
    encoding = abi.encoding(kind)
    if kind.word == BOOL:
        return f"return {register} != 0"
    if kind.word == SIGNED:
        bits = min(result.bits, kind.bits)
        return f"return ({register} + {1 << bits - 1:#x} & {(1 << bits) - 1:#x}) - {1 << bits - 1:#x}"
    cut = f"{register} & {kind.mask:#x}"
    return f"return decode_{_function(encoding)}({cut})" if encoding is not None else f"return {cut}"


def _type(kind: Kind) -> str:
    return "bool" if kind.word == BOOL else "int"


def _number(value: int) -> str:
    return f"{value:#x}" if value >= 0 else str(value)


def _doc(lines: list[str], indent: str) -> list[str]:
    safe = [line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') for line in lines]
    if safe[-1].endswith('"'):
        safe[-1] += " "
    if len(safe) == 1:
        return [f'{indent}"""{safe[0]}"""']
    return [f'{indent}"""{safe[0]}', *(f"{indent}{line}".rstrip() for line in safe[1:]), f'{indent}"""']
