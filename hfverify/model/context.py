"""What all passes over the declarations share.

Reads   nothing
Gives   Context: the program so far, where errors go, and which names are taken
Refuses a name that is declared twice or is part of the language (HF202)
"""

from __future__ import annotations

from hfverify.diagnostics import Collector, Span, also, at
from hfverify.model.names import TYPES, Names
from hfverify.model.program import Program
from hfverify.model.revisions import Timeline
from hfverify.model.typing import BUILTINS, OF_MAPS, Typer
from hfverify.syntax import tree

# What no declaration can be called; the words of maps stand before `(` only, so they are taken for what can be applied.
BUILT_IN = frozenset((*BUILTINS, *TYPES)) - frozenset(OF_MAPS)


class Context:
    """`declared` says where each name stands, `absent` which calls and cells another revision has."""

    def __init__(self, program: Program, timeline: Timeline, collector: Collector) -> None:
        self.program = program
        self.timeline = timeline
        self.collector = collector
        self.typer = Typer(program, collector)
        self.declared: dict[str, Span] = {}
        self.absent: set[str] = set()

    @property
    def names(self) -> Names:
        """The meaning of names and written types."""
        return self.typer.names

    def declare(self, item: tree.Declaration) -> None:
        """Take a name that only one declaration can have."""
        if item.name in BUILT_IN or (isinstance(item, tree.Pure | tree.Variant) and item.name in OF_MAPS):
            self.collector.error("HF202", f"`{item.name}` is part of the language", at(item.name_span))
        if item.name in self.declared:
            self.collector.error(
                "HF202",
                f"`{item.name}` is declared twice",
                at(item.name_span, "again here"),
                also(self.declared[item.name], "first here"),
            )
        self.declared.setdefault(item.name, item.name_span)

    def exists(self, revisions: tuple[tree.Revision, ...]) -> bool:
        """Whether something with these clauses exists at the chosen revision."""
        return self.timeline.exists(revisions, self.collector)
