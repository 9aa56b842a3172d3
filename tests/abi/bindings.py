"""Subjects whose calls are written in each language, and the values that must come out the same everywhere.

Reads   the repository's own subject, files/odd.hfs
Gives   the program of each, a loader for generated Python, and vectors
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from hfverify.abi.write import written
from hfverify.config import load_config
from hfverify.model.load import load_program
from hfverify.model.program import Program
from hfverify.model.resolve import resolve
from hfverify.syntax.parse import parse

REPOSITORY = Path(__file__).parent.parent.parent
FILES = Path(__file__).parent / "files"


@dataclass(frozen=True, slots=True)
class Packed:
    """A value, the number that it is packed into, and the fields that are read from that."""

    encoding: str
    variant: str
    fields: dict[str, int]
    number: int
    read: dict[str, int]


@dataclass(frozen=True, slots=True)
class Made:
    """A call with arguments, the registers that it is made with, those that come back, and what the caller gets."""

    call: str
    arguments: tuple[int | bool, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    result: int | bool | Packed


@dataclass(frozen=True, slots=True)
class Vectors:
    """`wrong` are packed numbers whose tag no variant has, by encoding."""

    prefix: str
    packed: Sequence[Packed]
    made: Sequence[Made]
    numbers: dict[str, int]
    wrong: dict[str, tuple[int, ...]]


@functools.cache
def program_of(root: Path) -> Program:
    config = load_config(root)
    return load_program(config.folders, config.revision)


def text_program(text: str) -> Program:
    """A specification that stands in a test."""
    return resolve([parse(text, "spec/test.hfs")])


@functools.cache
def odd() -> Program:
    return text_program((FILES / "odd.hfs").read_text("utf-8"))


def python_module(program: Program, name: str) -> ModuleType:
    """The generated Python, imported."""
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(written(program, "python")[1], f"{name}.py", "exec"), module.__dict__)
    return module
