"""Say what a written type means, and which names are unknown or taken.

Reads   syntax.tree.Type, model.program.Program
Gives   types; `BAD` after an error
Refuses unknown names (HF201), names that are taken (HF202), types that do not fit into another (HF203, HF204)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from hfverify.diagnostics import Collector, Span, also, at
from hfverify.model.program import Program
from hfverify.model.types import (
    BAD,
    BOOL,
    SIGNED,
    UNSIGNED,
    BitsType,
    BytesType,
    FifoType,
    IntType,
    MapType,
    OptionalType,
    RefType,
    Type,
    int_type,
)
from hfverify.syntax import tree

MOST_BYTES = 1 << 24
MOST_BITS_IN_A_SET = 64
TYPES = ("bool", "optional", "fifo", "bytes", "bits", "map", *UNSIGNED, *SIGNED)


class Names:
    """Looks names up in one program; `states` are those that are declared but not collected yet."""

    def __init__(self, program: Program, collector: Collector) -> None:
        self.program = program
        self.collector = collector
        self.states: set[str] = set()

    def error(self, code: str, span: Span, message: str, help_: str = "") -> Type:
        """Note an error at one place; what stands there has no type."""
        self.collector.error(code, message, at(span), notes=(("help", help_),) if help_ else ())
        return BAD

    def unknown(self, span: Span, what: str, name: str, known: Iterable[str]) -> Type:
        """Note a name that nothing has, and the one that may be meant."""
        close = difflib.get_close_matches(name, list(known), n=1)
        return self.error(
            "HF201", span, f"{what} `{name}` is not declared", f"did you mean `{close[0]}`?" if close else ""
        )

    def local_names(self, named: Iterable[tuple[str, Span]]) -> None:
        """Names of parameters and arguments: each once, and none that stands for the machine as a whole."""
        program, seen = self.program, dict[str, Span]()
        fixed = dict.fromkeys(program.sizes, "a size") | dict.fromkeys(program.actors, "an actor")
        if program.thread is not None:
            fixed[program.thread.name] = "the thread"
        for name, span in named:
            if name in fixed:
                self.error("HF202", span, f"`{name}` is {fixed[name]} already; choose another name")
            if name in seen:
                self.collector.error(
                    "HF202", f"`{name}` is declared twice", at(span, "again here"), also(seen[name], "first here")
                )
            seen.setdefault(name, span)

    def resolve_type(self, type_: tree.Type) -> Type:
        """The meaning of a written type."""
        match type_.name, type_.arguments:
            case "bool", ():
                return BOOL
            case "bits", (int(width),) if 0 < width <= MOST_BITS_IN_A_SET:
                return BitsType(width)
            case "bits", (int(),):
                message = f"`bits` has from 1 to {MOST_BITS_IN_A_SET} members"
                return self.error("HF204", type_.span, message)
            case "optional", (tree.Type() as inner,):
                resolved = self.resolve_type(inner)
                if isinstance(resolved, IntType) and (resolved.low is None or resolved.low >= 0):
                    return OptionalType(resolved)
                return self.error("HF203", type_.span, "`optional` needs an unsigned type")
            case "fifo", (tree.Type() as inner,):
                resolved = self.resolve_type(inner)
                if isinstance(resolved, IntType):
                    return FifoType(resolved)
                return self.error("HF203", type_.span, "`fifo` needs an integer type")
            case "map", (tree.Type() as inner,):
                resolved = self.resolve_type(inner)
                if isinstance(resolved, IntType):
                    return MapType(resolved)
                return self.error("HF203", type_.span, "`map` needs an integer type")
            case "bytes", (int() as length,):
                if 0 < length <= MOST_BYTES:
                    return BytesType(length)
                return self.error("HF204", type_.span, f"a buffer has 1 .. {MOST_BYTES} bytes, not {length}")
            case name, ():
                found = int_type(name) or self.program.types.get(name)
                if found is None and name in (self.program.states.keys() | self.states):
                    found = RefType(name)
                if found is not None:
                    return found
        if type_.name in ("optional", "fifo", "bytes", "bits", "map"):
            inside = "a number" if type_.name in ("bytes", "bits") else "a type"
            return self.error("HF203", type_.span, f"`{type_.name}` needs {inside}: `{type_.name}<…>`")
        if type_.arguments:
            return self.error("HF203", type_.span, f"`{type_.name}` takes nothing in `<…>`")
        known = [*self.program.types, *self.program.states, *TYPES]
        return self.unknown(type_.span, "type", type_.name, known)
