"""Flatten a specification to one revision: keep what exists there, and see that nothing is missing or double.

Reads   syntax.tree.Module
Gives   `Timeline`, which answers whether a clause exists at a revision
Refuses an unknown revision, dates that do not ascend (HF206), a call's text with a gap or a double (HF207)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hfverify.diagnostics import Collector, also, at
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Timeline:
    """The declared revisions, oldest first, and the one that is looked at."""

    names: tuple[str, ...]
    chosen: str

    def exists(self, clauses: tuple[tree.Revision, ...], collector: Collector) -> bool:
        """Whether something with these `since` and `until` clauses exists at the chosen revision."""
        present = True
        for clause in clauses:
            if clause.name not in self.names:
                known = ", ".join(self.names) or "none"
                collector.error(
                    "HF206",
                    f"revision `{clause.name}` is not declared",
                    at(clause.span),
                    notes=(("help", f"declared: {known}"),),
                )
                continue
            reached = self.names.index(self.chosen) >= self.names.index(clause.name)
            present = present and (reached if clause.kind == "since" else not reached)
        return present

    def check_order(self, clauses: tuple[tree.Revision, ...], collector: Collector) -> None:
        """Something must exist at one revision at least."""
        first = max(
            (self.names.index(c.name) for c in clauses if c.kind == "since" and c.name in self.names), default=0
        )
        ends = [c for c in clauses if c.kind == "until" and c.name in self.names]
        for clause in ends:
            if self.names.index(clause.name) <= first:
                message = (
                    f"this exists at no revision: `until {clause.name}` leaves out `{clause.name}` and what follows"
                )
                collector.error("HF206", message, at(clause.span))


def timeline(
    modules: Sequence[tree.Module], chosen: str, collector: Collector
) -> tuple[Timeline, tuple[tree.NamedRevision, ...]]:
    """Read the revisions of all modules; `chosen` empty means the newest."""
    items: list[tree.NamedRevision] = []
    for module in modules:
        for declaration in module.declarations:
            if isinstance(declaration, tree.Revisions):
                items += declaration.items
    seen: dict[str, tree.NamedRevision] = {}
    for item in items:
        if seen.setdefault(item.name, item) is not item:
            labels = at(item.span, "again here"), also(seen[item.name].span, "first here")
            collector.error("HF202", f"the revision `{item.name}` is declared twice", *labels)
    for before, after in pairwise(items):
        if after.date < before.date:
            collector.error("HF206", f"revision `{after.name}` is dated before `{before.name}`", at(after.span))
    names = tuple(item.name for item in items) or ("current",)
    if chosen and chosen not in names:
        place = items[-1].span if items else modules[0].name_span
        known = "declared: " + ", ".join(names) if items else "the specification declares no revisions"
        collector.error("HF206", f"revision `{chosen}` is not declared", at(place), notes=(("help", known),))
        chosen = ""
    return Timeline(names, chosen or names[-1]), tuple(items)


def check_revisions(line: Timeline, declarations: Sequence[tree.Declaration], collector: Collector) -> None:
    """Every `since` and `until` names a revision, also where the chosen revision does not look."""
    for item in declarations:
        parts: list[object] = [item]
        if isinstance(item, tree.State):
            parts += item.cells
        if isinstance(item, tree.Call):
            parts += item.clauses
            for clause in item.clauses:
                if isinstance(clause, tree.Reject | tree.Case):
                    parts += clause.consequences
        for part in parts:
            revisions: tuple[tree.Revision, ...] = getattr(part, "revisions", ())
            line.exists(revisions, collector)
            line.check_order(revisions, collector)


def check_call_text(item: tree.Call, names: tuple[str, ...], collector: Collector) -> None:
    """The text of each revision in which the call exists has one number and one result per outcome."""
    for name in names:
        line, quiet = Timeline(names, name), Collector()
        if not line.exists(item.revisions, quiet):
            continue
        numbers = [n for n in item.clauses if isinstance(n, tree.Number) and line.exists(n.revisions, quiet)]
        if any(isinstance(c, tree.Number) for c in item.clauses) and len(numbers) != 1:
            what = "no number" if not numbers else "two numbers"
            collector.error("HF207", f"`{item.name}` has {what} at {name}", at(item.name_span))
        for outcome in item.clauses:
            if isinstance(outcome, tree.Reject | tree.Case) and line.exists(outcome.revisions, quiet):
                for kind, word in ((tree.Returns, "result"), (tree.Next, "`next`")):
                    given = [c for c in outcome.consequences if isinstance(c, kind)]
                    current = [c for c in given if line.exists(c.revisions, quiet)]
                    if len(current) > 1 or (given and not current):
                        what = "more than one" if current else "no"
                        message = f"`{item.name}.{outcome.name}` has {what} {word} at {name}"
                        collector.error("HF207", message, at(outcome.name_span))
