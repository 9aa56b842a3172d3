"""The generated C, C++ and Rust compile without a warning, and do what the generated Python does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bindings import REPOSITORY, Vectors, odd, program_of, text_program
from compilers import SIGNAL, STRICT, c_program, compiler, handler, ran, rust_program, target
from vectors import hypervisor, odd_values

from hfverify.abi import c
from hfverify.abi.example import example
from hfverify.abi.write import written
from hfverify.model.program import Program

AARCH64 = "aarch64-unknown-linux-gnu"
C = [("gcc", "-std=c11"), ("gcc", "-std=gnu17"), ("g++", "-std=c++11"), ("g++", "-std=c++20")]


@pytest.fixture(params=["hypervisor", "odd"])
def subject(request: pytest.FixtureRequest) -> tuple[Program, Vectors]:
    return (odd(), odd_values()) if request.param == "odd" else (program_of(REPOSITORY), hypervisor())


@pytest.mark.parametrize(("name", "standard"), C)
def test_c(name: str, standard: str, subject: tuple[Program, Vectors], tmp_path: Path) -> None:
    program, vectors = subject
    command = compiler(name)
    (tmp_path / "abi.h").write_text(written(program, "c")[1], "utf-8")
    (tmp_path / "alone.c").write_text('#include "abi.h"\n', "utf-8")
    language = ["-x", "c++" if name == "g++" else "c"]
    ran([command, standard, *STRICT, *language, "-c", "alone.c", "-o", "alone.o"], tmp_path)
    (tmp_path / "check.c").write_text(c_program(vectors), "utf-8")
    ran([command, standard, "-Wall", "-Wextra", "-Werror", *language, "check.c", "-o", "check"], tmp_path)
    said = ran([str(tmp_path / "check")], tmp_path)
    assert int(re.fullmatch(r"(\d+) checked\n", said)[1]) > 2 * len(vectors.packed)  # type: ignore[index]


@pytest.mark.parametrize("optimised", ["-O0", "-O2"])
@pytest.mark.parametrize(("name", "standard"), C)
def test_c_on_aarch64_with_the_trap_itself(name: str, standard: str, optimised: str, tmp_path: Path) -> None:
    """Programs may not execute the trap: they get a signal, whose handler plays the hypervisor."""
    command, emulator, vectors = compiler(f"aarch64-linux-gnu-{name}"), compiler("qemu-aarch64"), hypervisor()
    (tmp_path / "abi.h").write_text(written(program_of(REPOSITORY), "c")[1], "utf-8")
    (tmp_path / "alone.c").write_text('#include "abi.h"\n', "utf-8")
    language = ["-x", "c++" if name == "g++" else "c"]
    ran([command, standard, optimised, *STRICT, *language, "-c", "alone.c", "-o", "alone.o"], tmp_path)
    (tmp_path / "check.c").write_text(c_program(vectors, SIGNAL), "utf-8")
    flags = [standard, optimised, "-static", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *language]
    ran([command, *(f for f in flags if f != "-D_GNU_SOURCE" or name == "gcc"), "check.c", "-o", "check"], tmp_path)
    said = ran([emulator, str(tmp_path / "check")], tmp_path)
    assert int(re.fullmatch(r"(\d+) checked\n", said)[1]) > 2 * len(vectors.packed)  # type: ignore[index]


def test_rust(subject: tuple[Program, Vectors], tmp_path: Path) -> None:
    program, vectors = subject
    command = compiler("rustc")
    (tmp_path / "abi.rs").write_text(written(program, "rust")[1], "utf-8")
    for edition in ("2018", "2021", "2024"):
        ran([command, "--deny", "warnings", "--edition", edition, "--crate-type", "lib", "abi.rs"], tmp_path)
    (tmp_path / "bare.rs").write_text("#![no_std]\npub mod abi;\n", "utf-8")
    ran([command, "--deny", "warnings", "--edition", "2021", "--crate-type", "lib", "bare.rs"], tmp_path)
    (tmp_path / "check.rs").write_text(rust_program(vectors), "utf-8")
    ran([command, "--deny", "warnings", "--edition", "2021", "check.rs", "-o", "check"], tmp_path)
    said = ran([str(tmp_path / "check")], tmp_path)
    assert int(re.fullmatch(r"(\d+) checked\n", said)[1]) > 2 * len(vectors.packed)  # type: ignore[index]


def test_rust_on_aarch64_with_the_trap_itself(tmp_path: Path) -> None:
    machine, emulator, linker = target(AARCH64), compiler("qemu-aarch64"), compiler("aarch64-linux-gnu-gcc")
    vectors, command = hypervisor(), compiler("rustc")
    (tmp_path / "abi.rs").write_text(written(program_of(REPOSITORY), "rust")[1], "utf-8")
    made_for = [command, "--deny", "warnings", "--edition", "2021", "--target", machine]
    ran([*made_for, "--crate-type", "lib", "--emit", "metadata", "abi.rs"], tmp_path)
    (tmp_path / "handler.c").write_text(handler(len(vectors.made[0].before)), "utf-8")
    ran([linker, "-D_GNU_SOURCE", "-O2", "-c", "handler.c", "-o", "handler.o"], tmp_path)
    (tmp_path / "check.rs").write_text(rust_program(vectors, native=True), "utf-8")
    links = ["-C", f"linker={linker}", "-C", "link-arg=handler.o", "-C", "target-feature=+crt-static"]
    ran([*made_for, *links, "check.rs", "-o", "check"], tmp_path)
    said = ran([emulator, str(tmp_path / "check")], tmp_path)
    assert int(re.fullmatch(r"(\d+) checked\n", said)[1]) > 2 * len(vectors.packed)  # type: ignore[index]


def test_the_trap_is_one_instruction_on_aarch64(tmp_path: Path) -> None:
    command = compiler("aarch64-linux-gnu-gcc")
    (tmp_path / "abi.h").write_text(written(program_of(REPOSITORY), "c")[1], "utf-8")
    use = '#include "abi.h"\nint64_t use(uint32_t to) { return hafnium_mailbox_send(to, 7, true); }\n'
    (tmp_path / "use.c").write_text(use, "utf-8")
    ran([command, "-std=c11", "-O2", *STRICT, "-S", "use.c", "-o", "use.s"], tmp_path)
    lines = [line.split() for line in (tmp_path / "use.s").read_text("utf-8").splitlines()]
    assert [words[1:] for words in lines if words[:1] == ["hvc"]] == [["#0"]]
    assert ["mov", "x0,", "65286"] in lines
    assert ["mov", "x2,", "7"] in lines


def test_the_hook_replaces_the_trap(tmp_path: Path) -> None:
    command = compiler("gcc")
    (tmp_path / "abi.h").write_text(written(program_of(REPOSITORY), "c", "my")[1], "utf-8")
    text = """#include <stdint.h>
static void mine(uint64_t *x) { x[0] += 1; }
#define MY_TRAP mine
#include "abi.h"
int main(void) { return my_vcpu_yield() != (int64_t)HF_VCPU_YIELD + 1; }
"""
    (tmp_path / "use.c").write_text(text, "utf-8")
    ran([command, "-std=c11", *STRICT, "use.c", "-o", "use"], tmp_path)
    ran([str(tmp_path / "use")], tmp_path)


def test_two_prefixes_live_together(tmp_path: Path) -> None:
    command = compiler("gcc")
    other = "module other\nstate s { a : u8 constant }\nconst PRIMARY : u8 = 3\n"
    for name, program in (("one", program_of(REPOSITORY)), ("two", text_program(other))):
        (tmp_path / f"{name}.h").write_text(written(program, "c")[1], "utf-8")
    (tmp_path / "use.c").write_text('#include "one.h"\n#include "two.h"\n#include "one.h"\n', "utf-8")
    ran([command, "-std=c11", *STRICT, "-c", "use.c", "-o", "use.o"], tmp_path)


@pytest.mark.parametrize(("name", "standard"), C)
def test_the_example_of_each_call_compiles(
    name: str, standard: str, subject: tuple[Program, Vectors], tmp_path: Path
) -> None:
    abi, header = written(subject[0], "c")
    (tmp_path / "abi.h").write_text(header, "utf-8")
    lines = ['#include "abi.h"']
    for index, call in enumerate(abi.calls):
        signature = c.signature(call, f"use{index}").split(" ", 1)[1]
        lines += [f"void {signature};", f"void {signature}", "{", *example(abi, call), "}"]
    (tmp_path / "use.c").write_text("\n".join([*lines, ""]), "utf-8")
    language = ["-x", "c++" if name == "g++" else "c"]
    ran([compiler(name), standard, *STRICT, *language, "-c", "use.c", "-o", "use.o"], tmp_path)


def test_the_example_tells_answers_apart() -> None:
    abi = written(program_of(REPOSITORY), "c")[0]
    calls = {call.name: call for call in abi.calls}
    assert example(abi, calls["mailbox_clear"])[:4] == [
        "switch (hafnium_mailbox_clear()) {",
        "case -1: /* unread */",
        "    break;",
        "case 0: /* already_empty, cleared, cleared_by_secondary */",
    ]
    lines = example(abi, calls["vcpu_run"])
    assert "    case HAFNIUM_RUN_RETURN_MESSAGE: /* answer.as.message.vm_id, answer.as.message.size */" in lines


def shown(language: str) -> str:
    """The program that the guide shows in a language."""
    page = (REPOSITORY / "docs" / "guide" / "howto" / "call-from-programs.md").read_text("utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return found


def test_what_the_guide_shows_in_c(tmp_path: Path) -> None:
    command = compiler("gcc")
    (tmp_path / "hafnium.h").write_text(written(program_of(REPOSITORY), "c")[1], "utf-8")
    head = '#include "hafnium.h"\nvoid deliver(uint16_t vm_id, uint32_t size);\nvoid use(void);\n'
    (tmp_path / "use.c").write_text(f"{head}void use(void)\n{{\n{shown('c')}}}\n", "utf-8")
    ran([command, "-std=c11", *STRICT, "-c", "use.c", "-o", "use.o"], tmp_path)


def test_what_the_guide_shows_in_rust(tmp_path: Path) -> None:
    command = compiler("rustc")
    text = written(program_of(REPOSITORY), "rust")[1]
    trap = "pub fn hvc(_: &mut Registers) {}\n"
    given = text if "aarch64" in ran([command, "-vV"], tmp_path) else text + trap
    (tmp_path / "hafnium.rs").write_text(given, "utf-8")
    head = "mod hafnium;\nuse hafnium::RunReturn;\nfn deliver(_: u16, _: u32) {}\n"
    (tmp_path / "use.rs").write_text(f"{head}fn main() {{\n{shown('rust')}}}\n", "utf-8")
    ran([command, "--deny", "warnings", "--edition", "2021", "use.rs", "-o", "use"], tmp_path)
