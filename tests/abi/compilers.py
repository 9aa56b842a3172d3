"""Compile programs that check every vector in C, C++ and Rust, and run them.

Reads   the compilers of the machine
Gives   what a program says; a test is skipped, with the reason, where a compiler is missing
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bindings import Made, Packed, Vectors

from hfverify.abi import c, rust
from hfverify.abi.names import camel, plain, snake, upper

STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wundef", "-Wshadow")


def compiler(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} on this machine")
    return found


def ran(command: list[str], folder: Path) -> str:
    """What a command writes; it must succeed and say nothing on standard error."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


# ---------------------------------------------------------------- C


# How a call ends: in a function of the program, or in the handler of a signal, as at a hypervisor.
HOOK = """void {prefix}_trap(uint64_t x[{count}])
{{
    memcpy(before, x, sizeof before);
    memcpy(x, after, sizeof after);
}}
static void prepare(void) {{ }}
"""
# The instruction is not allowed to programs: what they get for it plays the hypervisor, and leaves nothing as it was
# in the registers that a procedure may change.
SIGNAL = """#include <signal.h>
#include <ucontext.h>
static void on_trap(int number, siginfo_t *info, void *context)
{{
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    (void)number;
    (void)info;
    memcpy(before, machine->regs, sizeof before);
    memcpy(machine->regs, after, sizeof after);
    for (int index = {count}; index < 18; index++) machine->regs[index] = UINT64_C(0xdeaddeaddeaddead);
    machine->pc += 4;
}}
static void prepare(void)
{{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, NULL);
}}
"""


def c_program(vectors: Vectors, trap: str = HOOK) -> str:
    checks = [*_c_constants(vectors)]
    for packed in vectors.packed:
        checks += _c_packed(vectors.prefix, packed)
    for encoding, numbers in vectors.wrong.items():
        name = f"{vectors.prefix}_{snake(encoding)}"
        checks += [f"{{ struct {name} v; CHECK(!{name}_decode(UINT64_C({n:#x}), &v)); }}" for n in numbers]
    for made in vectors.made:
        checks += _c_made(vectors.prefix, made)
    count = len(vectors.made[0].before)
    functions, calls = [], []
    for start in range(0, len(checks), 100):
        body = "\n    ".join(checks[start : start + 100])
        functions.append(f"static void part{start}(void)\n{{\n    {body}\n}}\n")
        calls.append(f"part{start}();")
    played = trap.format(prefix=vectors.prefix, count=count)
    return f"""#include "abi.h"
#include <stdio.h>
#include <string.h>

static uint64_t before[{count}], after[{count}];
static int checked, failed;
{played}
#define CHECK(condition) do {{ \\
    checked++; \\
    if (!(condition)) {{ failed++; printf("line %d: %s\\n", __LINE__, #condition); }} \\
}} while (0)

{"".join(functions)}
int main(void)
{{
    prepare();
    {" ".join(calls)}
    printf("%d checked\\n", checked);
    return failed != 0;
}}
"""


def _c_constants(vectors: Vectors) -> Iterator[str]:
    for name, value in vectors.numbers.items():
        yield f"CHECK({vectors.prefix.upper()}_{name} == {_c_literal(value)});"


def _c_value(prefix: str, packed: Packed, fields: dict[str, int], variable: str) -> tuple[str, dict[str, str]]:
    """How the variant is told, and where its fields are."""
    tagged = packed.encoding not in ("ReceiveReturn", "Pair")
    member = f"as.{plain(snake(packed.variant), c.RESERVED)}." if tagged else ""
    places = {name: f"{variable}.{member}{plain(name, c.RESERVED)}" for name in fields}
    tag = f"{prefix}_{upper(packed.encoding)}_{upper(packed.variant)}".upper() if tagged else ""
    return tag, places


def _c_packed(prefix: str, packed: Packed) -> Iterator[str]:
    name, number = f"{prefix}_{snake(packed.encoding)}", f"UINT64_C({packed.number:#x})"
    tag, places = _c_value(prefix, packed, packed.fields, "v")
    given = [f"{places[field]} = UINT64_C({value:#x});" for field, value in packed.fields.items()]
    sets = " ".join([f"v.tag = {tag};" if tag else "", *given])
    yield f"{{ struct {name} v; memset(&v, 0xa5, sizeof v); {sets} CHECK({name}_encode(v) == {number}); }}"
    decodes = f"CHECK({name}_decode({number}, &v)); CHECK(v.tag == {tag});" if tag else f"{name}_decode({number}, &v);"
    reads = " ".join(f"CHECK({places[field]} == UINT64_C({value:#x}));" for field, value in packed.read.items())
    yield f"{{ struct {name} v; {decodes} {reads} }}"


def _c_made(prefix: str, made: Made) -> Iterator[str]:
    for index, value in enumerate(made.after):
        yield f"after[{index}] = UINT64_C({value:#x});"
    arguments = ", ".join(_c_literal(value) for value in made.arguments)
    wanted = made.result.number if isinstance(made.result, Packed) else made.result
    yield f"CHECK({prefix}_{plain(made.call, ())}({arguments}) == {_c_literal(wanted)});"
    for index, value in enumerate(made.before):
        yield f"CHECK(before[{index}] == UINT64_C({value:#x}));"


def _c_literal(value: int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if -(1 << 31) <= value < 1 << 31 else f"UINT64_C({value:#x})"


# ---------------------------------------------------------------- Rust


# What a program gives as the trap: a function of its own, or the trap itself, which the handler in C plays.
CLOSURE = "seen = Some(*x); *x = [{after}];"
NATIVE = "unsafe {{ after = [{after}]; }} hvc(x); seen = Some(unsafe {{ before }});"
EXTERNAL = """#[allow(non_upper_case_globals)]
extern "C" {{
    static mut before: [u64; {count}];
    static mut after: [u64; {count}];
    fn prepare();
}}
"""


def handler(count: int) -> str:
    """The handler of the signal, for a program that is not in C."""
    head = f"#include <stdint.h>\n#include <string.h>\nvoid prepare(void);\nuint64_t before[{count}], after[{count}];\n"
    return head + SIGNAL.format(count=count).replace("static void prepare", "void prepare")


def target(name: str) -> str:
    """A machine for which the compiler of Rust has its library."""
    command = compiler("rustc")
    if not Path(ran([command, "--print", "sysroot"], Path()).strip(), "lib", "rustlib", name).is_dir():
        pytest.skip(f"rustc has no library for {name}: `rustup target add {name}`")
    return name


def rust_program(vectors: Vectors, *, native: bool = False) -> str:
    checks = [f"assert_eq!({name} as i128, {value});" for name, value in vectors.numbers.items()]
    for packed in vectors.packed:
        checks += _rust_packed(packed)
    for encoding, numbers in vectors.wrong.items():
        checks += [f"assert_eq!({camel(encoding)}::decode({number:#x}), None);" for number in numbers]
    for made in vectors.made:
        checks += _rust_made(made, NATIVE if native else CLOSURE)
    parts = [checks[start : start + 200] for start in range(0, len(checks), 200)]
    functions = ["fn part{}() {{\n{}\n}}\n".format(index, "\n".join(part)) for index, part in enumerate(parts)]
    calls = " ".join(f"part{index}();" for index in range(len(parts)))
    begin = "unsafe { prepare(); } " if native else ""
    main = f'fn main() {{ {begin}{calls} println!("{len(checks)} checked"); }}'
    external = [EXTERNAL.format(count=len(vectors.made[0].before))] if native else []
    return "\n".join(["mod abi;", "use abi::*;", *external, *functions, main, ""])


def _rust_value(packed: Packed, fields: dict[str, int]) -> str:
    tagged = packed.encoding not in ("ReceiveReturn", "Pair")
    given = ", ".join(f"{plain(name, rust.RESERVED)}: {value:#x}" for name, value in fields.items())
    name = f"{camel(packed.encoding)}::{camel(packed.variant)}" if tagged else camel(packed.encoding)
    return f"{name} {{ {given} }}" if given else name


def _rust_packed(packed: Packed) -> Iterator[str]:
    yield f"assert_eq!({_rust_value(packed, packed.fields)}.encode(), {packed.number:#x});"
    read = _rust_value(packed, packed.read)
    tagged = packed.encoding not in ("ReceiveReturn", "Pair")
    wanted = f"Some({read})" if tagged else read
    yield f"assert_eq!({camel(packed.encoding)}::decode({packed.number:#x}), {wanted});"


def _rust_made(made: Made, trap: str) -> Iterator[str]:
    arguments = "".join(f", {str(v).lower() if isinstance(v, bool) else v}" for v in made.arguments)
    result = made.result
    if isinstance(result, Packed):
        value = _rust_value(result, result.read)
        wanted = f"Some({value})" if result.encoding not in ("ReceiveReturn", "Pair") else value
    else:
        wanted = str(result).lower()
    before, after = (", ".join(hex(value) for value in values) for values in (made.before, made.after))
    name = plain(made.call, rust.RESERVED)
    yield (
        f"{{ let mut seen = None; let got = {name}(|x| {{ {trap.format(after=after)} }}{arguments}); "
        f"assert_eq!(got, {wanted}); assert_eq!(seen, Some([{before}])); }}"
    )
