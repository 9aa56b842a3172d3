"""What a generated file says about a call, in words: its text, its registers, what it answers.

Reads   abi.description
Gives   lines without comment signs
Refuses nothing
"""

from __future__ import annotations

from hfverify.abi.description import Abi, Argument, Call

FULL = (0, 63)
WIDEST = 24


def about(abi: Abi) -> list[str]:
    """What stands at the head of a file."""
    revision = f" at revision {abi.revision}" if abi.revision else ""
    lines = [f"Calls of `{abi.name}`{revision}. Written by `hfverify abi`: change the specification, not this file."]
    lines += ["", *abi.text.split("\n")] if abi.text else []
    if abi.convention is not None and abi.convention.text:
        lines += ["", *abi.convention.text.split("\n")]
    if abi.convention is None:
        lines += ["", "The specification does not say how a register names a call, so nothing here makes one."]
    return lines


def about_call(abi: Abi, call: Call) -> list[str]:
    """What a program has to know about one call."""
    lines = [*call.text.split("\n"), ""] if call.text else []
    lines += [_registers(abi, call)]
    if call.answers:
        lines += ["", f"Answers; {_order(call)}:"]
        shown = [f"{answer.value}" if answer.value is not None else answer.written for answer in call.answers]
        width = min(max(map(len, shown)), WIDEST)
        for before, answer, value in zip((None, *call.answers), call.answers, shown, strict=False):
            if before is not None and before.is_reject and not answer.is_reject:
                lines.append("  ----")
            text = " ".join(answer.text.split())
            lines.append(f"  {value:>{width}}  {answer.outcome}{': ' if text else ''}{text}")
    return lines


def _order(call: Call) -> str:
    """Which answer counts if several could be given: checks come in order, cases exclude each other."""
    checks = {answer.is_reject for answer in call.answers}
    if checks == {True}:
        return "of these the first that applies counts"
    return "exactly one applies" if checks == {False} else "of those above the line the first that applies counts"


def _registers(abi: Abi, call: Call) -> str:
    made = abi.convention
    parts = [f"x{made.register} = {call.selector:#x}"] if made is not None else [f"number {call.number:#x}"]
    parts += [f"{_place(argument)} = {argument.name}" for argument in call.arguments]
    ends = f"; the result is in x{call.result.register}" if call.result is not None else ""
    return f"Registers: {', '.join(parts)}{ends}."


def _place(argument: Argument) -> str:
    bits = "" if (argument.low, argument.high) == FULL else f" bits {argument.low} .. {argument.high}"
    return f"x{argument.register}{bits}"


def summary(call: Call) -> str:
    """The first paragraph of a call's text, on one line."""
    return " ".join(call.text.split("\n\n")[0].split())
