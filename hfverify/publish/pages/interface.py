"""How a call is made: registers, types, and its form in C, Rust and Python.

Reads   model.program.Call with the widths of its types
Gives   the sections "Registers" and "Synopsis"
Refuses nothing; a call without a number has no form in another language
"""

from __future__ import annotations

from hfverify.model.program import Call
from hfverify.model.registers import named, place
from hfverify.model.types import BoolType, EncodingType, EnumType, IntType, OptionalRefType, RefType, Type, bounds
from hfverify.publish.marks import mark
from hfverify.publish.prose import excerpt, inline, sentence
from hfverify.publish.rst import Lines, code, directive, escaped, fields, literal, table, title
from hfverify.publish.subject import Subject

WORD_BITS = 64


def interface(subject: Subject, call: Call) -> Lines:
    """Both sections."""
    found = title("Registers", "-") + _registers(subject, call)
    return found + title("Synopsis", "-") + _synopsis(call)


def _registers(subject: Subject, call: Call) -> Lines:
    program = subject.program
    rows: list[tuple[str, ...]] = []
    if call.number is not None and program.dispatcher is not None:
        for register in named(program.dispatcher.number):
            text = escaped("the number of the call")
            rows.append(("in", literal(register), _bits(None), literal(f"{call.number.value:#x}"), text))
    for argument, type_ in call.arguments:
        bits = place(argument, type_) if argument.register else None
        rows.append(("in", _register(argument.register), _bits(bits), typed(subject, type_), literal(argument.name)))
    if call.result is not None:
        result, type_ = call.result
        rows.append(("out", _register(result.register), _bits(None), typed(subject, type_), literal(result.name)))
    found = table(("", "register", "bits", "type", "holds"), rows, "hf-registers")
    if not rows:
        found += ["The call takes nothing and returns nothing.", ""]
    return found + _unused(subject, call)


def _register(name: str) -> str:
    return literal(name) if name else "–"


def _bits(bits: tuple[int, int] | None) -> str:
    return "all" if bits is None or bits == (0, WORD_BITS - 1) else f"{bits[0]} … {bits[1]}"


def _unused(subject: Subject, call: Call) -> Lines:
    """What the other registers hold, before and after."""
    program = subject.program
    if call.number is None or program.dispatcher is None:
        return []
    name = f"{program.dispatcher.name}.{call.name}"
    entry = subject.ledger.entries.get(name)
    ignored = "Going in, no other register, and no bit that is not named here, matters"
    ignored += f" (:hf:obligation:`{name}` {mark([entry])})." if entry else "."
    returned = ", ".join(dict.fromkeys(literal(trap.result.register) for trap in program.traps.values()))
    kept = f"Coming back, nothing is promised of registers other than {returned}." if returned else ""
    number = f"The number is :hf:spec:`{excerpt(subject, program.dispatcher.number.span)}`:"
    note = inline(subject, sentence(routing_text(subject)))
    return [" ".join(part for part in (ignored, kept, number if note else number[:-1] + ".", note) if part), ""]


def routing_text(subject: Subject) -> str:
    """The published text of the line that says which bits are the number."""
    dispatcher = subject.program.dispatcher
    assert dispatcher is not None
    lines = subject.lines(dispatcher.span.file)
    start = end = dispatcher.number.span.line
    while start > 1 and lines[start - 2].strip().startswith("///"):
        start -= 1
    return " ".join(line.strip().removeprefix("///").strip() for line in lines[start - 1 : end - 1])


def typed(subject: Subject, type_: Type) -> str:
    """A type, as a link if it has a layout or names."""
    name = str(type_)
    if isinstance(type_, EncodingType | EnumType):
        return f":hf:type:`{name}`"
    return literal(name)


# ---------------------------------------------------------------- other languages

RUST_OF_BITS = {8: "u8", 16: "u16", 32: "u32", 64: "u64"}


def width(type_: Type) -> tuple[int, bool]:
    """How many bits a number of this type has in other languages, and whether it has a sign."""
    low, high = bounds(type_)
    signed = low is not None and low < 0
    needed = max(max(abs(low or 0) - 1, 0).bit_length() + 1 if signed else 0, (high or 0).bit_length() + signed)
    return next((bits for bits in RUST_OF_BITS if needed <= bits), WORD_BITS), signed


def in_c(type_: Type) -> str:
    """The type in C."""
    bits, signed = width(type_)
    return "bool" if isinstance(type_, BoolType) else f"{'' if signed else 'u'}int{bits}_t"


def in_rust(type_: Type) -> str:
    """The type in Rust."""
    bits, signed = width(type_)
    return "bool" if isinstance(type_, BoolType) else ("i" if signed else "u") + str(bits)


def in_python(type_: Type) -> str:
    """The type in Python."""
    if isinstance(type_, EncodingType | EnumType):
        return type_.name
    if isinstance(type_, RefType | OptionalRefType):
        return str(type_)
    return "bool" if isinstance(type_, BoolType) else "int" if isinstance(type_, IntType) else "int | None"


def _synopsis(call: Call) -> Lines:
    """The same call in each language; an entry point is a function of the implementation alone."""
    module, function = call.impl.target.split(":")
    result = in_python(call.result[1]) if call.result else "None"
    python = ", ".join(f"{a.name}: {in_python(t)}" for a, t in call.arguments)
    if call.number is None:
        return code(f"# {module}\ndef {function}({python}) -> {result}", "python")
    name = call.number.name.lower()
    c = ", ".join(f"{in_c(t)} {a.name}" for a, t in call.arguments) or "void"
    rust = ", ".join(f"{a.name}: {in_rust(t)}" for a, t in call.arguments)
    c_result, rust_result = (in_c(call.result[1]), in_rust(call.result[1])) if call.result else ("void", "()")
    forms = [
        ("C", code(f"{c_result} {name}({c});", "c")),
        ("Rust", code(f"pub fn {name}({rust}) -> {rust_result}", "rust")),
        ("Python", code(f"def {name}({python}) -> {result}: ...", "python")),
    ]
    return [*directive("rst-class", "hf-facts"), *fields(forms)]
