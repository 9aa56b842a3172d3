"""How a program in C makes a call and tells its answers apart.

Reads   abi.description.Abi
Gives   example: a few lines for the body of a function, with the functions and names of the header
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterator

from hfverify.abi.c import RESERVED, name_of
from hfverify.abi.description import BOOL, Abi, Answer, Call, Encoding
from hfverify.abi.names import plain, snake, upper

SMALL = 1 << 16


def example(abi: Abi, call: Call) -> list[str]:
    """The lines; arguments are variables that have the names of the parameters."""
    made = f"{name_of(abi.name, call)}({', '.join(plain(a.name, RESERVED) for a in call.arguments)})"
    if call.result is None:
        return [f"{made};"]
    encoding = abi.encoding(call.result.kind)
    if encoding is not None:
        return list(_decoded(abi, encoding, made))
    if call.result.kind.word == BOOL:
        return [f"if ({made}) {{", "    /* … */", "}"]
    return list(_answered(call.answers, made))


def _answered(answers: tuple[Answer, ...], made: str) -> Iterator[str]:
    """A case for each number; what depends on the state is the default."""
    numbers: dict[int, list[str]] = {}
    for answer in answers:
        if answer.value is not None:
            numbers.setdefault(answer.value, []).append(answer.outcome)
    rest = [answer.outcome for answer in answers if answer.value is None]
    yield f"switch ({made}) {{"
    for number, outcomes in sorted(numbers.items()):
        yield from [f"case {_literal(number)}: /* {', '.join(outcomes)} */", "    break;"]
    yield from [f"default: /* {', '.join(rest) or 'nothing else comes back'} */", "    break;", "}"]


def _literal(number: int) -> str:
    return str(number) if abs(number) < SMALL else f"UINT64_C({number:#x})"


def _decoded(abi: Abi, encoding: Encoding, made: str) -> Iterator[str]:
    """A case for each variant, with the fields that it has."""
    name = f"{snake(abi.name)}_{snake(encoding.name)}"
    yield f"struct {name} answer;"
    if encoding.tag is None:
        fields = ", ".join(f"answer.{plain(item.name, RESERVED)}" for item in encoding.variants[0].fields)
        yield from [f"{name}_decode({made}, &answer);", f"/* {fields} */"]
        return
    yield from [f"if ({name}_decode({made}, &answer)) {{", "    switch (answer.tag) {"]
    for variant in encoding.variants:
        places = [f"answer.as.{plain(snake(variant.name), RESERVED)}.{plain(f.name, RESERVED)}" for f in variant.fields]
        said = f" /* {', '.join(places)} */" if places else ""
        yield f"    case {f'{snake(abi.name)}_{upper(encoding.name)}_{upper(variant.name)}'.upper()}:{said}"
        yield "        break;"
    yield from ["    }", "}"]
