"""Write a module for Rust that needs nothing but `core`.

Reads   abi.description.Abi
Gives   text: constants, packed values as enumerations and structures, calls as functions that are given the trap
Refuses two things that would have one name (HF202)
"""

from __future__ import annotations

from collections.abc import Iterator

from hfverify.abi import texts
from hfverify.abi.description import BOOL, SIGNED, UNSIGNED, Abi, Argument, Call, Encoding, Kind, Result, Variant
from hfverify.abi.names import Names, camel, plain, upper
from hfverify.abi.stubs import SCRATCH, moved, taken, values
from hfverify.diagnostics import NOWHERE

WORDS = (
    "abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if "
    "impl in let loop macro match mod move mut override priv pub ref return self Self static struct super trait true "
    "try type typeof unsafe unsized use virtual where while yield union x trap number bool"
)
RESERVED = frozenset(WORDS.split())


def module(abi: Abi) -> str:
    """The whole file."""
    names = Names(RESERVED, "rename one of them")
    lines = [f"//! {line}".rstrip() for line in texts.about(abi)]
    lines += ["", "#![allow(dead_code, non_snake_case, non_upper_case_globals)]"]
    for part in (_numbers, _constants, _enumerations, _encodings, _calls):
        lines += part(abi, names)
    names.collector.finish()
    return "\n".join([*lines, ""])


def _numbers(abi: Abi, names: Names) -> Iterator[str]:
    yield from [""] if abi.calls else []
    for call in abi.calls:
        yield from _comment(texts.summary(call))
        yield f"pub const {names.give(call.published, call.name, call.span)}: u64 = {call.number:#x};"
    if abi.convention is not None:
        yield from ["", "/// What a number returns that no call has."]
        name = names.give("NO_SUCH_CALL", "what no call returns", NOWHERE)
        yield f"pub const {name}: i64 = {abi.convention.unknown};"


def _constants(abi: Abi, names: Names) -> Iterator[str]:
    for item in abi.constants:
        yield from ["", *_comment(item.text)]
        value = str(bool(item.value)).lower() if item.kind.word == BOOL else _number(item.value)
        yield f"pub const {names.give(upper(item.name), item.name, item.span)}: {_type(item.kind)} = {value};"


def _enumerations(abi: Abi, names: Names) -> Iterator[str]:
    for enumeration in abi.enumerations:
        name = names.give(camel(enumeration.name), enumeration.name, enumeration.span)
        yield from ["", *_comment(enumeration.text), f"pub type {name} = {_type(enumeration.kind)};"]
        for item in enumeration.items:
            constant = names.give(f"{upper(enumeration.name)}_{upper(item.name)}", item.name, item.span)
            yield from _comment(item.text)
            yield f"pub const {constant}: {name} = {_number(item.value)};"


# ---------------------------------------------------------------- packed values


def _encodings(abi: Abi, names: Names) -> Iterator[str]:
    for encoding in abi.encodings:
        name = names.give(camel(encoding.name), encoding.name, encoding.span)
        yield from ["", *_comment(encoding.text), "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]"]
        if encoding.tag is None:
            yield f"pub struct {name} {{"
            yield from _fields(encoding.variants[0], "    ", "pub ")
        else:
            yield f"pub enum {name} {{"
            for variant in encoding.variants:
                yield from (f"    {line}" for line in _comment(variant.text))
                yield f"    {camel(variant.name)}{' {' if variant.fields else ','}"
                if variant.fields:
                    yield from _fields(variant, "        ", "")
                    yield "    },"
        yield from ["}", "", f"impl {name} {{"]
        yield from _encode(encoding)
        yield ""
        yield from _decode(encoding)
        yield "}"


def _encode(encoding: Encoding) -> Iterator[str]:
    word = _type(encoding.kind)
    yield "    /// Packs the value. Bits for which there is no room are lost."
    yield f"    pub const fn encode(self) -> {word} {{"
    if encoding.tag is None:
        yield f"        ({_packed(encoding.variants[0], 'self.', '')}) as {word}"
    else:
        yield "        (match self {"
        for variant in encoding.variants:
            tag = moved(f"{variant.tag or 0:#x}", encoding.tag.low)
            yield f"            Self::{_pattern(variant)} => {_packed(variant, '', tag)},"
        yield f"        }}) as {word}"
    yield "    }"


def _decode(encoding: Encoding) -> Iterator[str]:
    word = _type(encoding.kind)
    if encoding.tag is None:
        yield "    /// Unpacks a value."
        yield f"    pub const fn decode(number: {word}) -> Self {{"
        yield "        let number = number as u64;"
        yield f"        Self {{ {_unpacked(encoding.variants[0])} }}"
        yield "    }"
        return
    yield "    /// Unpacks a value; `None` if no variant has the tag."
    yield f"    pub const fn decode(number: {word}) -> Option<Self> {{"
    yield "        let number = number as u64;"
    yield f"        Some(match {taken(encoding.tag.low, encoding.tag.kind.mask)} {{"
    for variant in encoding.variants:
        fields = f" {{ {_unpacked(variant)} }}" if variant.fields else ""
        yield f"            {variant.tag or 0:#x} => Self::{camel(variant.name)}{fields},"
    yield from ["            _ => return None,", "        })", "    }"]


def _pattern(variant: Variant) -> str:
    fields = ", ".join(plain(item.name, RESERVED) for item in variant.fields)
    return f"{camel(variant.name)} {{ {fields} }}" if fields else camel(variant.name)


def _packed(variant: Variant, value: str, tag: str) -> str:
    parts = [
        moved(f"(({value}{plain(item.name, RESERVED)} as u64) & {item.mask:#x})", item.low) for item in variant.fields
    ]
    return " | ".join([*([tag] if tag else []), *parts])


def _unpacked(variant: Variant) -> str:
    return ", ".join(
        f"{plain(item.name, RESERVED)}: ({taken(item.low, item.mask)}) as {_type(item.kind)}" for item in variant.fields
    )


def _fields(variant: Variant, indent: str, public: str) -> Iterator[str]:
    for item in variant.fields:
        lost = ", of which the top bits are lost" if item.truncated else ""
        yield f"{indent}/// Bits {item.low} .. {item.high}{lost}."
        yield f"{indent}{public}{plain(item.name, RESERVED)}: {_type(item.kind)},"


# ---------------------------------------------------------------- calls


def _calls(abi: Abi, names: Names) -> Iterator[str]:
    made = abi.convention
    if made is None or not abi.calls:
        return
    count = made.registers
    yield from ["", f"/// The registers x0 to x{count - 1}: before a call, and after it."]
    yield f"pub type {names.give('Registers', 'the registers', NOWHERE)} = [u64; {count}];"
    if made.instruction:
        yield from _assembly(names.give(made.instruction, "the trap", NOWHERE), count, made.instruction)
    for call in abi.calls:
        name = names.give(call.name, call.name, call.span)
        yield ""
        yield from _comment("\n".join([*texts.about_call(abi, call), "", _hook(made.instruction)]))
        yield f"{signature(abi, call, name)} {{"
        yield f"    let mut x: Registers = [{', '.join(values(call, made, RESERVED, hex, _carried))}];"
        yield "    trap(&mut x);"
        if call.result is not None:
            yield f"    {_result(abi, call.result)}"
        yield "}"


def signature(abi: Abi, call: Call, name: str) -> str:
    """How the function of a call is declared."""
    parameters = [f"{plain(a.name, RESERVED)}: {_type(a.kind)}" for a in call.arguments]
    trap = "trap: impl FnOnce(&mut Registers)"
    return f"pub fn {name}({', '.join([trap, *parameters])}){_returned(abi, call.result)}"


def _hook(instruction: str) -> str:
    return f"`trap` makes the call: `{instruction}` on AArch64, or a function of yours." if instruction else (
        "`trap` makes the call: it is a function of yours."
    )  # fmt: skip


def _assembly(name: str, count: int, instruction: str) -> Iterator[str]:
    yield from ["", f"/// Makes a call by `{instruction} #0`."]
    yield "///"
    yield "/// A call may change memory, and who can use it: keep no references into what it is told about."
    yield '#[cfg(target_arch = "aarch64")]'
    yield f"pub fn {name}(x: &mut Registers) {{"
    yield "    // SAFETY: every register that a procedure may change is declared, and memory is taken as changed."
    yield "    unsafe {"
    yield "        core::arch::asm!("
    yield f'            "{instruction} #0",'
    for index in range(count):
        yield f'            inlateout("x{index}") x[{index}],'
    for index in range(count, SCRATCH):
        yield f'            lateout("x{index}") _,'
    yield from ["            options(nostack),", "        );", "    }", "}"]


def _carried(argument: Argument) -> str:
    name = plain(argument.name, RESERVED)
    value = name if argument.kind.word == UNSIGNED and argument.kind.carrier == 64 else f"{name} as u64"
    if argument.kind.word != BOOL and argument.mask < (1 << argument.kind.carrier) - 1:
        return moved(f"(({value}) & {argument.mask:#x})", argument.low)
    return moved(f"({value})" if argument.low and " " in value else value, argument.low)


def _returned(abi: Abi, result: Result | None) -> str:
    if result is None:
        return ""
    encoding = abi.encoding(result.kind)
    if encoding is None:
        return f" -> {_type(result.kind)}"
    return f" -> {camel(encoding.name)}" if encoding.tag is None else f" -> Option<{camel(encoding.name)}>"


def _result(abi: Abi, result: Result) -> str:
    register, kind = f"x[{result.register}]", result.kind
    encoding = abi.encoding(kind)
    if kind.word == BOOL:
        return f"{register} != 0"
    if kind.word == SIGNED and result.bits < kind.carrier:
        register = f"{register} as i{result.bits}"
    if kind.word != SIGNED and kind.bits < kind.carrier:
        register = f"({register} & {kind.mask:#x})"
    number = register if kind.word == UNSIGNED and kind.carrier == 64 else f"{register} as {_type(kind)}"
    return f"{camel(encoding.name)}::decode({number})" if encoding is not None else number


def _type(kind: Kind) -> str:
    return "bool" if kind.word == BOOL else f"{'i' if kind.word == SIGNED else 'u'}{kind.carrier}"


def _number(value: int) -> str:
    return f"{value:#x}" if value >= 0 else str(value)


def _comment(text: str) -> list[str]:
    return [f"/// {line}".rstrip() for line in text.split("\n")] if text else []
