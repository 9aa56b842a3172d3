"""How a call is made: registers, types, and its form in C, Rust and Python.

Reads   model.program.Call with the widths of its types
Gives   the sections "Registers" and "Synopsis"
Refuses nothing; a call without a number has the form that it has in the implementation
"""

from __future__ import annotations

import ast

from hfverify.abi import c, python, rust
from hfverify.abi.names import plain
from hfverify.model.program import Call
from hfverify.model.registers import named, place
from hfverify.model.types import EncodingType, EnumType, Type
from hfverify.publish.marks import mark
from hfverify.publish.prose import excerpt, inline, sentence
from hfverify.publish.rst import Lines, code, directive, escaped, fields, literal, table, title
from hfverify.publish.subject import Subject

WORD_BITS = 64


def interface(subject: Subject, call: Call) -> Lines:
    """Both sections."""
    found = title("Registers", "-") + _registers(subject, call)
    return found + _synopsis(subject, call)


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


def _synopsis(subject: Subject, call: Call) -> Lines:
    """The functions that `hfverify abi` writes; of what no program calls, that of the implementation."""
    if call.number is None:
        return [] if subject.as_of else _own(subject, call)
    abi = subject.abi
    made = next((item for item in abi.calls if item.name == call.name), None) if abi is not None else None
    if abi is None or made is None or abi.convention is None:
        said = "The specification does not say how a register names a call, so programs have no function for it."
        return [*title("Synopsis", "-"), said, ""]
    forms = [
        ("C", code(f"{c.signature(made, c.name_of(abi.name, made))};", "c")),
        ("Rust", code(rust.signature(abi, made, plain(made.name, rust.RESERVED)), "rust")),
        ("Python", code(f"{python.signature(abi, made, plain(made.name, python.RESERVED))}: ...", "python")),
    ]
    found = [*title("Synopsis", "-"), *directive("rst-class", "hf-facts"), *fields(forms)]
    return [
        *found,
        "``hfverify abi`` writes these functions, with all numbers and constants; ``trap`` makes the call.",
        "",
    ]


def _own(subject: Subject, call: Call) -> Lines:
    function = subject.sources.function(call.impl.target, call.impl.span)
    bare = ast.FunctionDef(**{**vars(function.node), "body": [ast.Expr(ast.Constant(...))], "decorator_list": []})
    return [*title("Synopsis", "-"), *code(f"# {call.impl.target.split(':')[0]}\n{ast.unparse(bare)}", "python")]
