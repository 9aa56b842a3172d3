"""How registers name a call, and where its result comes back.

Reads   the program's dispatcher and traps
Gives   abi.description.Convention, and for each number what the register holds
Refuses a dispatcher that looks at several registers, a number that no value of the register leads to (HF217)
"""

from __future__ import annotations

import dataclasses

from hfverify.abi.description import Convention
from hfverify.diagnostics import Collector, Span, also, at
from hfverify.model.constants import constant_value
from hfverify.model.program import Program
from hfverify.model.registers import REGISTER_BITS, named
from hfverify.model.types import INT, bounds, int_type
from hfverify.syntax import tree

# The instructions of AArch64 that leave for a higher exception level.
INSTRUCTIONS = ("hvc", "smc", "svc")


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """The convention, and the program and the collector that the calls need."""

    made: Convention
    program: Program
    collector: Collector
    dispatcher: tree.Dispatcher

    def selector(self, span: Span, number: int) -> int:
        """What the register holds for a number: the number itself, or moved up until the dispatcher finds it."""
        name = f"x{self.made.register}"
        for shift in range(REGISTER_BITS):
            held = number << shift
            literal = tree.Literal(self.dispatcher.number.span, held)
            trial = dataclasses.replace(self.program, consts={**self.program.consts, name: (INT, literal)})
            if held < 1 << REGISTER_BITS and constant_value(trial, self.dispatcher.number, ()) == number:
                return held
        message = f"no value of `{name}` leads to the number {number:#x}"
        self.collector.error("HF217", message, at(span), also(self.dispatcher.number.span, "this is looked at"))
        return number


def index(register: str) -> int:
    """The number of a register."""
    return int(register.removeprefix("x") or 0)


def convention(program: Program, collector: Collector) -> Found | None:
    """What the dispatcher and the first trap say; None without a dispatcher."""
    dispatcher = program.dispatcher
    if dispatcher is None:
        return None
    looked_at = named(dispatcher.number)
    if len(looked_at) != 1:
        message = (
            f"the number of a call is in {', '.join(f'`{name}`' for name in looked_at)}: a stub needs one register"
        )
        collector.error("HF217", message, at(dispatcher.number.span))
    trap = next(iter(program.traps.values()), None)
    used = [index(looked_at[0])]
    for call in program.calls.values():
        if call.kind == "hypercall":
            used += [index(argument.register) for argument, _ in call.arguments]
            used += [result_place(program, call.result[0])[0]] if call.result is not None else []
    unknown = constant_value(program, dispatcher.otherwise, ())
    assert unknown is not None
    made = Convention(
        used[0],
        max(used) + 1,
        trap.name if trap is not None and trap.name in INSTRUCTIONS else "",
        unknown,
        dispatcher.doc,
    )
    return Found(made, program, collector, dispatcher)


def result_place(program: Program, said: tree.Result) -> tuple[int, int]:
    """The register in which a program finds a result, and how many of its bits were kept."""
    trap = next(iter(program.traps.values()), None)
    if trap is None:
        return index(said.register), REGISTER_BITS
    type_ = int_type(trap.result.type.name) or program.types[trap.result.type.name]
    _, high = bounds(type_)
    assert high is not None
    return index(trap.result.register), high.bit_length()
