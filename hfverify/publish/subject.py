"""What is published: one program, its ledger, and whether the ledger still speaks about it.

Reads   config.Config, the specification, the implementation's text, the ledger
Gives   Subject; decides nothing and asks no solver
Refuses what does not resolve, a call or case without published text, a missing or damaged ledger (Unpublishable)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from hfverify import ledger
from hfverify.abi.collect import describe
from hfverify.abi.description import Abi
from hfverify.config import Config, ConfigError, load_config
from hfverify.diagnostics import Collector, Diagnostic, Rejected, Span, at
from hfverify.execute.source import Sources
from hfverify.ledger import Entry, Ledger, LedgerError
from hfverify.model.program import Call, Outcome, Program
from hfverify.model.resolve import resolve
from hfverify.model.typing import Typer
from hfverify.report.excerpt import draw
from hfverify.session import Session
from hfverify.syntax import tree
from hfverify.units import Scope

NO_STEPS = 1


class Unpublishable(Exception):
    """Nothing can be published; the text says why, with file and line."""


@dataclass(slots=True)
class Subject:
    """`documents` has the published text of each name, by the place of the name; `texts` each file's lines.

    `as_of` names the revision if it is not the one that the ledger speaks about. `abi` is what programs need, if the
    specification says everything that they need.
    """

    config: Config
    program: Program
    sources: Sources
    ledger: Ledger
    stale: bool
    typer: Typer
    documents: dict[Span, str] = field(default_factory=dict)
    declared: dict[str, tree.Declaration] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    as_of: str = ""
    abi: Abi | None = None

    def at(self, revision: str) -> Subject:
        """The same at another revision, of which the ledger knows nothing."""
        program = resolve(self.program.modules, revision)
        unknown = replace(self.ledger, entries={}, revision=revision)
        typer = Typer(program, Collector())
        abi = _abi(program)
        return replace(self, program=program, ledger=unknown, typer=typer, stale=False, as_of=revision, abi=abi)

    def doc(self, name: str) -> str:
        """The published text of a declaration."""
        return self.declared[name].doc if name in self.declared else ""

    def said(self, outcome: Outcome) -> str:
        """The published text of a reject or case."""
        return self.documents.get(outcome.name_span, "")

    def lines(self, file: str) -> list[str]:
        """The text of a file of the subject, line by line."""
        if file not in self.texts:
            self.texts[file] = (self.config.folders.root / file).read_text("utf-8").split("\n")
        return self.texts[file]

    def entries(self, group: str) -> dict[str, Entry]:
        """What the ledger has about a call, a contract, or whatever else is asked about as one."""
        return {name: entry for name, entry in self.ledger.entries.items() if entry.group == group}

    def place(self, target: str, span: Span) -> Span:
        """Where a function of the implementation stands, which `span` names."""
        return self.sources.function(target, span).span

    def files(self) -> list[str]:
        """Every file that is published with its text: the specification, the proof files, the implementation."""
        folder = self.config.folders.impl
        shown = [f"{self.sources.shown}/{p.relative_to(folder).as_posix()}" for p in sorted(folder.rglob("*.py"))]
        return sorted({module.span.file for module in self.program.modules} | set(shown))


def load_subject(root: Path) -> Subject:
    """Everything, or the reason why not."""
    try:
        config = load_config(root)
        session = Session(config, Scope(implementation=True, steps=NO_STEPS), jobs=1)
        inputs = session.fingerprint()
        program = session.subjects.program
        _check_texts(program)
        found = _ledger(config)
    except ConfigError as error:
        raise Unpublishable(str(error)) from error
    except Rejected as rejected:
        raise Unpublishable(_drawn(root, rejected.diagnostics)) from rejected
    stale = (found.inputs, found.revision) != (inputs, program.revision)
    subject = Subject(
        config, program, session.subjects.sources, found, stale, Typer(program, Collector()), abi=_abi(program)
    )
    for module in program.modules:
        subject.texts[module.span.file] = module.source.split("\n")
        for declaration in module.declarations:
            subject.declared[declaration.name] = declaration
            for item in _inside(declaration):
                subject.documents[item.name_span] = item.doc
    return subject


def _abi(program: Program) -> Abi | None:
    try:
        return describe(program)
    except Rejected:
        return None


def _inside(declaration: tree.Declaration) -> Iterator[tree.Declaration]:
    """The declaration, and every one in it."""
    yield declaration
    parts: tuple[object, ...] = ()
    match declaration:
        case tree.State():
            parts = declaration.cells
        case tree.Enum():
            parts = declaration.items
        case tree.Encoding():
            parts = declaration.variants
        case tree.Actor() | tree.Thread():
            parts = declaration.facts
        case tree.Call():
            parts = declaration.clauses
    for part in parts:
        if isinstance(part, tree.Declaration):
            yield part
        if isinstance(part, tree.Reject | tree.Case):
            yield from (c for c in part.consequences if isinstance(c, tree.Declaration))


def _check_texts(program: Program) -> None:
    """Who makes a call reads what it does, and when each of its answers comes."""
    written = {item.name: item for module in program.modules for item in module.declarations}
    problems: list[Diagnostic] = []
    for call in program.calls.values():
        item = written[call.name]
        if call.is_function or not isinstance(item, tree.Call):
            continue
        named: list[tree.Declaration] = [item]
        named += [c for c in item.clauses if isinstance(c, tree.Reject | tree.Case) and _is_of(call, c)]
        for part in named:
            if not part.doc.strip():
                what = f"`{call.name}`" if part is item else f"`{call.name}.{part.name}`"
                message = f"{what} has no published text"
                notes = (
                    ("help", "say in a line that begins with `///` above it what whoever makes the call must know"),
                )
                problems.append(Diagnostic("HF213", message, (at(part.name_span),), notes))
    if problems:
        raise Rejected(problems)


def _is_of(call: Call, clause: tree.Declaration) -> bool:
    """Whether the clause exists at the revision that is published."""
    return any(outcome.name_span == clause.name_span for outcome in call.outcomes)


def _ledger(config: Config) -> Ledger:
    """The ledger; where it is damaged, the line."""
    try:
        return ledger.load(config.ledger)
    except LedgerError as error:
        line = error.__cause__.lineno if isinstance(error.__cause__, json.JSONDecodeError) else 1
        raise Unpublishable(f"{config.folders.shown(config.ledger)}:{line}: {error}") from error


def _drawn(root: Path, diagnostics: list[Diagnostic]) -> str:
    def read(name: str) -> str | None:
        path = root / name
        return path.read_text("utf-8", errors="replace") if path.is_file() else None

    texts = (f"{d.span.file}:{d.span.line}: {d.message}\n{draw(d, read, color=False)}" for d in diagnostics)
    return "\n\n".join(texts)
