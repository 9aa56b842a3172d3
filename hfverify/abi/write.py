"""Write what programs need to make calls, in one of the languages.

Reads   model.program.Program
Gives   text
Refuses what `collect` and the writers refuse
"""

from __future__ import annotations

from hfverify.abi import LANGUAGES, c, machine, python, rust
from hfverify.abi.collect import describe
from hfverify.abi.description import Abi
from hfverify.model.program import Program


def written(program: Program, language: str, prefix: str = "") -> tuple[Abi, str]:
    """The description and the file; names in C begin with the prefix, which is the first module's name if empty."""
    abi = describe(program)
    match language:
        case "c":
            return abi, c.header(abi, prefix or abi.name)
        case "rust":
            return abi, rust.module(abi)
        case "python":
            return abi, python.module(abi)
        case "json":
            return abi, machine.document(abi)
        case _:
            raise ValueError(f"no language is called {language!r}; known: {', '.join(LANGUAGES)}")
