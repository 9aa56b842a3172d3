"""What registers carry: where each argument stands, who finds the call that they name, and how a call ends.

Reads   syntax.tree.Argument, Dispatcher, Trap; the program's calls
Gives   the program's dispatcher and traps; the bits that an argument has of its register
Refuses an unknown entry (HF201), bits that two arguments share, two dispatchers (HF202), bits that are not there
        (HF208), a call that registers cannot make, or an entry that cannot end one (HF217)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from hfverify.diagnostics import Span, also, at
from hfverify.model.constants import constant_value
from hfverify.model.context import Context
from hfverify.model.expressions import walk
from hfverify.model.mentions import Scope, mentions
from hfverify.model.program import Call, Program
from hfverify.model.types import BoolType, EnumType, IntType, OptionalType, Type, bounds, int_type
from hfverify.syntax import tree

REGISTER_BITS = 64
# What is asked about a dispatcher or a trap as a whole; what is asked about a call has the name of that call.
AS_A_WHOLE = ("otherwise", "supported", "raises", "bounded", "frame")
REGISTER = re.compile(r"x([0-9]|[12][0-9]|30)")


def place(argument: tree.Argument, type_: Type) -> tuple[int, int]:
    """The first and the last bit that an argument has of its register; a truth value looks at all of them."""
    if argument.bits is not None:
        return argument.bits
    low, high = bounds(type_)
    narrow = not isinstance(type_, BoolType) and low is not None and low >= 0 and high is not None
    return 0, max(high.bit_length(), 1) - 1 if narrow and high is not None else REGISTER_BITS - 1


def check_places(context: Context, arguments: Sequence[tuple[tree.Argument, Type]]) -> None:
    """The bits of an argument exist and are enough, and no other argument has them."""
    collector = context.collector
    arguments = [pair for pair in arguments if pair[0].register]
    for argument, type_ in arguments:
        low, high = place(argument, type_)
        _, most = bounds(type_)
        if not low <= high < REGISTER_BITS:
            collector.error("HF208", f"bits {low} .. {high} are not in {REGISTER_BITS} bits", at(argument.span))
        elif argument.bits is not None and most is not None and high - low >= most.bit_length():
            message = f"bits {low} .. {high} do not fit {type_}"
            collector.error("HF208", message, at(argument.span))
    for (one, first), (other, second) in combinations(arguments, 2):
        (a, b), (c, d) = place(one, first), place(other, second)
        if one.register == other.register and a <= d and c <= b:
            message = f"`{other.register}` carries two arguments"
            if one.bits is not None or other.bits is not None:
                message = f"`{one.name}` and `{other.name}` share bits of `{other.register}`"
            collector.error("HF202", message, at(other.span), also(one.span, "first here"))


def numbered(program: Program) -> Iterator[tuple[int, Call]]:
    """The calls that a dispatcher finds, with their numbers."""
    for call in program.calls.values():
        if call.number is not None:
            yield call.number.value, call


def part_of(program: Program) -> str:
    """The actor that makes calls: the first that is declared; empty if there is none."""
    return next(iter(program.actors), "")


def call_of(program: Program, item: tree.Dispatcher | tree.Trap, registers: Sequence[str]) -> Call:
    """A dispatcher or a trap as a call whose arguments are these registers, each as a whole."""
    word = int_type(f"u{REGISTER_BITS}")
    assert word is not None
    written = tree.Type(item.name_span, word.name, ())
    return Call(
        name=item.name,
        kind="",
        number=None,
        impl=item.impl,
        actor=part_of(program),
        objects=(),
        arguments=tuple((tree.Argument(item.name_span, name, name, written), word) for name in registers),
        result=None,
        givens=(),
        lets=(),
        awaits=(),
        outcomes=(),
        protocol=None,
        holds=(),
        trusted="",
        name_span=item.name_span,
    )


def named(expr: tree.Expr) -> list[str]:
    """The registers that an expression names, each once."""
    found = [node.text for node in walk(expr) if isinstance(node, tree.Name) and REGISTER.fullmatch(node.text)]
    return list(dict.fromkeys(found))


def collect_registers(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """The dispatcher and the traps; all calls are collected."""
    program = context.program
    for item in declarations:
        if isinstance(item, tree.Dispatcher | tree.Trap):
            context.declare(item)
    for item in declarations:
        if isinstance(item, tree.Dispatcher) and context.exists(item.revisions):
            if program.dispatcher is not None:
                labels = at(item.name_span, "again here"), also(program.dispatcher.name_span, "first here")
                context.collector.error("HF202", "there are two dispatchers", *labels)
                continue
            program.dispatcher = item
            _check_dispatcher(context, item)
    for item in declarations:
        if isinstance(item, tree.Trap) and context.exists(item.revisions):
            program.traps[item.name] = item
            _check_trap(context, item)


def _target(context: Context, impl: tree.Impl) -> None:
    if ":" not in impl.target:
        context.collector.error("HF214", 'an implementation is named "module:function"', at(impl.span))


def _check_dispatcher(context: Context, item: tree.Dispatcher) -> None:
    program, collector = context.program, context.collector
    _target(context, item.impl)
    word = int_type(f"u{REGISTER_BITS}")
    assert word is not None
    local: dict[str, Type] = dict.fromkeys(named(item.number), word)
    context.typer.integral(item.number, local)
    if not local or mentions(context.typer, item.number, Scope(local)):
        message = "the number of a call comes from registers, and from nothing else"
        collector.error("HF217", message, at(item.number.span))
    if constant_value(program, item.otherwise, ()) is None:
        collector.error("HF217", "what no call returns is a number that is written out", at(item.otherwise.span))
    seen: dict[int, Span] = {value: call.name_span for value, call in numbered(program)}
    for left_out in item.unspecified:
        if left_out.number in seen:
            labels = at(left_out.span), also(seen[left_out.number], "here")
            collector.error("HF202", f"{left_out.number:#x} is the number of something else already", *labels)
        seen.setdefault(left_out.number, left_out.span)
    for _, call in numbered(program):
        for span, message in _unreachable(program, call):
            collector.error("HF217", message, at(span), also(item.name_span, "this finds calls by their registers"))


def _unreachable(program: Program, call: Call) -> Iterator[tuple[Span, str]]:
    """Why registers cannot make a call."""
    if call.name in AS_A_WHOLE:
        yield call.name_span, f"`{call.name}` is the name of a question about the whole dispatcher: choose another"
    if call.actor != part_of(program):
        yield call.name_span, f"`{call.name}` runs for `{call.actor}`, but `{part_of(program)}` makes calls"
    if call.result is None or isinstance(call.result[1], OptionalType | EnumType):
        yield call.name_span, f"`{call.name}` has no result that a register carries"
    for item in call.objects:
        yield call.name_span, f"`{call.name}` is given `{item.name}`, which no register carries"
    for argument, type_ in call.arguments:
        if not isinstance(type_, BoolType) and not (isinstance(type_, IntType) and type_.low == 0):
            yield argument.type.span, f"a part of a register is unsigned or bool, not {type_}"


def _check_trap(context: Context, item: tree.Trap) -> None:
    program, collector = context.program, context.collector
    _target(context, item.impl)
    if program.dispatcher is None or program.dispatcher.name != item.through.name:
        known = [program.dispatcher.name] if program.dispatcher is not None else []
        context.names.unknown(item.through.span, "dispatcher", item.through.name, known)
    type_ = context.names.resolve_type(item.result.type)
    if not isinstance(type_, IntType) or type_.low != 0:
        message = f"what a guest gets is cut from a number: it is unsigned, not {type_}"
        collector.error("HF203", message, at(item.result.type.span))
    for ref, leaves in ((item.stays, False), (item.leaves, True)):
        call = program.calls.get(ref.name)
        if call is None:
            context.names.unknown(ref.span, "entry", ref.name, program.calls)
            continue
        reason = _unfit_to_end(program, call, type_, leaves=leaves)
        if reason:
            message = f"`{call.name}` cannot end a call: {reason}"
            collector.error("HF217", message, at(ref.span), also(call.name_span, "here"))


def _unfit_to_end(program: Program, call: Call, type_: Type, *, leaves: bool) -> str:
    """Why an entry cannot do what is left when a call has its result; empty if it can."""
    part = part_of(program)
    wanted = next((actor.name for actor in program.actors.values() if actor.formerly == part), "") if leaves else part
    if call.name in AS_A_WHOLE:
        return "its name is that of a question about the whole trap"
    if call.actor != wanted:
        return f"it runs for `{call.actor}`, not for `{wanted}`"
    if [thing.plays for thing in call.objects] != ([part] if leaves else []):
        return f"it needs one object, which becomes `{part}`" if leaves else "it needs another object"
    if [found for _, found in call.arguments] != [type_]:
        return f"its only argument is the result, which is {type_}"
    if call.result is not None or call.has_next:
        return "it has a result of its own"
    return ""


__all__ = ["call_of", "check_places", "collect_registers", "named", "numbered", "part_of", "place"]
