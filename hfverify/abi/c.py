"""Write a header for C11 and C++.

Reads   abi.description.Abi
Gives   text: numbers and constants as macros, packed values as structures, calls as inline functions
Refuses two things that would have one name (HF202)
"""

from __future__ import annotations

from collections.abc import Iterator

from hfverify.abi import texts
from hfverify.abi.description import BOOL, SIGNED, Abi, Argument, Call, Encoding, Kind, Result, Variant
from hfverify.abi.names import Names, plain, snake, upper
from hfverify.abi.stubs import SCRATCH, moved, values
from hfverify.diagnostics import NOWHERE, Span

WORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const constexpr "
    "const_cast continue decltype default delete do double dynamic_cast else enum explicit export extern false final "
    "float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq "
    "override private protected public register reinterpret_cast requires restrict return short signed sizeof static "
    "static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename union "
    "unsigned using virtual void volatile wchar_t while xor xor_eq linux unix x value number tag as"
)
RESERVED = frozenset(WORDS.split())
LEAST = -(1 << 63)


def header(abi: Abi, prefix: str) -> str:
    """The whole file."""
    return _Header(abi, prefix).text()


class _Header:
    def __init__(self, abi: Abi, prefix: str) -> None:
        self.abi = abi
        self.prefix = snake(prefix)
        self.names = Names(RESERVED, "rename one of them, or give another `--prefix`")

    def macro(self, name: str, of: str, span: Span) -> str:
        return self.names.give(f"{self.prefix}_{name}".upper(), of, span)

    def function(self, name: str, of: str, span: Span) -> str:
        return self.names.give(f"{self.prefix}_{name}", of, span)

    def text(self) -> str:
        guard = self.macro("ABI_H", "the file itself", NOWHERE)
        lines = [*_comment(texts.about(self.abi)), f"#ifndef {guard}", f"#define {guard}", ""]
        lines += ["#include <stdbool.h>", "#include <stdint.h>"]
        for part in (self.numbers(), self.constants(), self.enumerations(), self.encodings(), self.calls()):
            lines += part
        self.names.collector.finish()
        return "\n".join([*lines, "", f"#endif /* {guard} */", ""])

    # ------------------------------------------------------------ numbers

    def numbers(self) -> Iterator[str]:
        for index, call in enumerate(self.abi.calls):
            if not index:
                yield from _section("Numbers of the calls, as they are published")
            yield from _comment([texts.summary(call)]) if call.text else ()
            name = self.names.give(call.published, call.name, call.span)
            yield f"#define {name} {_literal(call.number, 64)}"
        if self.abi.convention is not None:
            yield from ["", *_comment(["What a number returns that no call has."])]
            name = self.macro("NO_SUCH_CALL", "what no call returns", NOWHERE)
            yield f"#define {name} {_number(self.abi.convention.unknown, 64)}"

    def constants(self) -> Iterator[str]:
        for index, item in enumerate(self.abi.constants):
            if not index:
                yield from _section("Constants that the calls speak about")
            yield from _comment(item.text.split("\n")) if item.text else ()
            name = self.macro(upper(item.name), item.name, item.span)
            yield f"#define {name} {_number(item.value, item.kind.carrier)}"

    def enumerations(self) -> Iterator[str]:
        for enumeration in self.abi.enumerations:
            yield from _section(f"`{enumeration.name}`")
            yield from _comment(enumeration.text.split("\n")) if enumeration.text else ()
            name = self.function(f"{snake(enumeration.name)}_t", enumeration.name, enumeration.span)
            yield f"typedef {_type(enumeration.kind)} {name};"
            for item in enumeration.items:
                yield from _comment(item.text.split("\n")) if item.text else ()
                macro = self.macro(f"{upper(enumeration.name)}_{upper(item.name)}", item.name, item.span)
                yield f"#define {macro} {_number(item.value, enumeration.kind.carrier)}"

    # ------------------------------------------------------------ packed values

    def encodings(self) -> Iterator[str]:
        for encoding in self.abi.encodings:
            yield from _section(f"`{encoding.name}`, which is packed into {encoding.kind.bits} bits")
            yield from self.tags(encoding)
            yield from self.structure(encoding)
            yield from self.encode(encoding)
            yield from self.decode(encoding)

    def tags(self, encoding: Encoding) -> Iterator[str]:
        if encoding.tag is None:
            return
        for variant in encoding.variants:
            yield from _comment(variant.text.split("\n")) if variant.text else ()
            yield f"#define {self.tag(encoding, variant)} {_literal(variant.tag or 0, encoding.tag.kind.carrier)}"
        yield ""

    def tag(self, encoding: Encoding, variant: Variant) -> str:
        return self.macro(f"{upper(encoding.name)}_{upper(variant.name)}", variant.name, variant.span)

    def structure(self, encoding: Encoding) -> Iterator[str]:
        name = self.function(snake(encoding.name), encoding.name, encoding.span)
        yield from _comment(encoding.text.split("\n")) if encoding.text else ()
        yield f"struct {name} {{"
        if encoding.tag is None:
            yield from _fields(encoding.variants[0], "    ")
        else:
            yield "    /** Which one it is; the member of `as` of the same name has its fields. */"
            yield f"    {_type(encoding.tag.kind)} tag;"
            with_fields = [variant for variant in encoding.variants if variant.fields]
            yield from ["    union {"] if with_fields else []
            for variant in with_fields:
                yield "        struct {"
                yield from _fields(variant, " " * 12)
                yield f"        }} {_member(variant)};"
            yield from ["    } as;"] if with_fields else []
        yield from ["};", ""]

    def encode(self, encoding: Encoding) -> Iterator[str]:
        name, word = f"{self.prefix}_{snake(encoding.name)}", _type(encoding.kind)
        encode = self.function(f"{snake(encoding.name)}_encode", encoding.name, encoding.span)
        yield from _comment(["Packs a value. Bits for which there is no room are lost."])
        yield f"static inline {word} {encode}(struct {name} value)"
        yield "{"
        if encoding.tag is None:
            yield f"    return ({word})({_packed(encoding.variants[0], 'value.', '')});"
            yield from ["}", ""]
            return
        tag = moved(f"((uint64_t)value.tag & {_literal(encoding.tag.kind.mask, 64)})", encoding.tag.low)
        yield "    switch (value.tag) {"
        for variant in encoding.variants:
            if variant.fields:
                yield f"    case {self.tag(encoding, variant)}:"
                yield f"        return ({word})({_packed(variant, f'value.as.{_member(variant)}.', tag)});"
        yield from ["    default:", f"        return ({word})({tag});", "    }", "}", ""]

    def decode(self, encoding: Encoding) -> Iterator[str]:
        name, word = f"{self.prefix}_{snake(encoding.name)}", _type(encoding.kind)
        decode = self.function(f"{snake(encoding.name)}_decode", encoding.name, encoding.span)
        if encoding.tag is None:
            yield from _comment(["Unpacks a value."])
            yield f"static inline void {decode}({word} number, struct {name} *value)"
            yield "{"
            yield from _unpacked(encoding.variants[0], "value->", "    ")
            yield "}"
            return
        kind = _type(encoding.tag.kind)
        yield from _comment(["Unpacks a value; false if no variant has the tag."])
        yield f"static inline bool {decode}({word} number, struct {name} *value)"
        yield "{"
        bits = _taken("number", encoding.tag.low, encoding.tag.kind.mask)
        yield f"    value->tag = ({kind})({bits});"
        yield "    switch (value->tag) {"
        for variant in encoding.variants:
            yield f"    case {self.tag(encoding, variant)}:"
            yield from _unpacked(variant, f"value->as.{_member(variant)}.", " " * 8)
            yield "        return true;"
        yield from ["    default:", "        return false;", "    }", "}"]

    # ------------------------------------------------------------ calls

    def calls(self) -> Iterator[str]:
        made = self.abi.convention
        if made is None or not self.abi.calls:
            return
        yield from self.trap(made.registers, made.instruction)
        for call in self.abi.calls:
            yield from ["", *_comment([*texts.about_call(self.abi, call), *self.unpack(call)])]
            name = self.function(call.name, call.name, call.span)
            yield f"static inline {signature(call, name)}"
            yield "{"
            held = ", ".join(values(call, made, RESERVED, _word, _carried))
            yield f"    uint64_t x[{made.registers}] = {{ {held} }};"
            yield f"    {self.prefix.upper()}_TRAP(x);"
            if call.result is not None:
                yield f"    return {_result(call.result)};"
            yield "}"

    def unpack(self, call: Call) -> list[str]:
        encoding = self.abi.encoding(call.result.kind) if call.result is not None else None
        return ["", f"Unpack the result with `{self.prefix}_{snake(encoding.name)}_decode`."] if encoding else []

    def trap(self, count: int, instruction: str) -> Iterator[str]:
        hook, function = self.macro("TRAP", "the hook", NOWHERE), self.function("trap", "the hook", NOWHERE)
        yield from _section("Calls")
        yield from _comment(
            [
                f"`{hook}(x)` makes one call: x[0] to x[{count - 1}] are the registers before it, and after it.",
                "",
                "Define the macro before this file is included, to make calls in your own way. If you do not, it is",
                f"{f'`{instruction} #0` on AArch64, and elsewhere ' if instruction else ''}the function `{function}`, "
                "which your program defines.",
            ]
        )
        yield f"#ifndef {hook}"
        yield f"#define {hook} {function}"
        if instruction:
            yield "#if defined(__aarch64__)"
            yield from _assembly(function, count, instruction)
            yield "#else"
        yield f'#ifdef __cplusplus\nextern "C"\n#endif\nvoid {function}(uint64_t x[{count}]);'
        yield from ["#endif"] if instruction else []
        yield "#endif"


def _assembly(function: str, count: int, instruction: str) -> Iterator[str]:
    """The trap itself; what a procedure may change is taken as changed."""
    yield f"static inline void {function}(uint64_t x[{count}])"
    yield "{"
    for index in range(count):
        yield f'    register uint64_t x{index} __asm__("x{index}") = x[{index}];'
    outputs = ", ".join(f'"+r"(x{index})' for index in range(count))
    clobbers = ", ".join(f'"x{index}"' for index in range(count, SCRATCH))
    yield f'    __asm__ volatile("{instruction} #0"'
    yield f"                     : {outputs}"
    yield "                     :"
    yield f'                     : {clobbers}{", " if clobbers else ""}"cc", "memory");'
    for index in range(count):
        yield f"    x[{index}] = x{index};"
    yield "}"


def name_of(prefix: str, call: Call) -> str:
    """The function of a call."""
    return plain(f"{snake(prefix)}_{call.name}", RESERVED)


def signature(call: Call, name: str) -> str:
    """How the function of a call is declared."""
    parameters = ", ".join(f"{_type(a.kind)} {plain(a.name, RESERVED)}" for a in call.arguments) or "void"
    return f"{_type(call.result.kind) if call.result else 'void'} {name}({parameters})"


def _carried(argument: Argument) -> str:
    name = plain(argument.name, RESERVED)
    if argument.kind.word == BOOL:
        return moved(f"(uint64_t){name}", argument.low)
    if argument.mask >= argument.kind.mask:
        return moved(f"(uint64_t){name}", argument.low)
    return moved(f"((uint64_t){name} & {_literal(argument.mask, 64)})", argument.low)


def _result(result: Result) -> str:
    register, kind = f"x[{result.register}]", result.kind
    if kind.word == BOOL:
        return f"{register} != 0"
    if kind.word == SIGNED and result.bits < kind.carrier:
        register = f"({_signed(result.bits)}){register}"
    if kind.word != SIGNED and kind.bits < kind.carrier:
        register = f"({register} & {_literal(kind.mask, 64)})"
    return f"({_type(kind)}){register}"


def _packed(variant: Variant, value: str, tag: str) -> str:
    parts = [
        moved(f"((uint64_t){value}{plain(item.name, RESERVED)} & {_literal(item.mask, 64)})", item.low)
        for item in variant.fields
    ]
    return "\n            | ".join(f"({part})" if "<<" in part else part for part in (*([tag] if tag else []), *parts))


def _unpacked(variant: Variant, value: str, indent: str) -> Iterator[str]:
    for item in variant.fields:
        bits = _taken("number", item.low, item.mask)
        yield f"{indent}{value}{plain(item.name, RESERVED)} = ({_type(item.kind)})({bits});"


def _fields(variant: Variant, indent: str) -> Iterator[str]:
    for item in variant.fields:
        lost = ", of which the top bits are lost" if item.truncated else ""
        yield f"{indent}/** Bits {item.low} .. {item.high}{lost}. */"
        yield f"{indent}{_type(item.kind)} {plain(item.name, RESERVED)};"


def _member(variant: Variant) -> str:
    return plain(snake(variant.name), RESERVED)


def _taken(text: str, places: int, mask: int) -> str:
    return f"{f'((uint64_t){text} >> {places})' if places else text} & {_literal(mask, 64)}"


def _type(kind: Kind) -> str:
    return "bool" if kind.word == BOOL else f"{'' if kind.word == SIGNED else 'u'}int{kind.carrier}_t"


def _signed(bits: int) -> str:
    return f"int{bits}_t"


def _literal(value: int, width: int) -> str:
    """An unsigned number that macros and the preprocessor can use."""
    return f"UINT{width}_C({value:#x})"


def _number(value: int, width: int) -> str:
    if value >= 0:
        return _literal(value, width)
    return f"(-INT64_C({-value}))" if value > LEAST else "INT64_MIN"


def _word(value: int) -> str:
    return _literal(value, 64)


def _section(title: str) -> list[str]:
    return ["", f"/* ---- {title} */", ""]


def _comment(lines: list[str]) -> list[str]:
    safe = [line.replace("*/", "* /").replace("/*", "/ *") for line in lines]
    if len(safe) == 1:
        return [f"/** {safe[0]} */"]
    return ["/**", *(f" * {line}".rstrip() for line in safe), " */"]
