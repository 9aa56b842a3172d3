"""Turn the text of a specification or proof file into a tree.

Reads   text, grammar.lark
Gives   tree.Module
Refuses text outside the grammar (HF101), a reserved word as a name (HF102)
"""

from __future__ import annotations

import os
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from hfverify.diagnostics import Collector, Diagnostic, Rejected, Span, also, at
from hfverify.syntax import tree

T = TypeVar("T")

# Everything that walks a tree calls itself for each level; Python stops at 1000 calls.
MOST_LEVELS = 100
MOST_SHOWN = 60
MOST_WORDS = 16
BETWEEN = re.compile(r"(?:\s+|//(?!/)[^\n]*)*")


def grammar() -> str:
    """The text of the grammar."""
    return resources.files("hfverify.syntax").joinpath("grammar.lark").read_text("utf-8")


@cache
def parser() -> Lark:
    """The LALR parser, made once for each process; its tables are kept in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hfverify"
    try:
        home.mkdir(parents=True, exist_ok=True)
        return _parser(str(home / "grammar"))
    except (OSError, RuntimeError):
        return _parser(False)


def _parser(tables: str | bool) -> Lark:
    return Lark(grammar(), parser="lalr", propagate_positions=True, maybe_placeholders=True, cache=tables)


# Words that end an expression or start a clause where a name may stand too. The other keywords of the
# grammar can be names, because the contextual lexer tells them apart.
WORDS = (
    "action actor after and arg assume awaits by case commit contract effect else encoding ensures enum exists false "
    "forall function given havoc holds hypercall if impl import in invariant later let loop module never next none not "
    "or peek protocol pure reject represent requires ret returns revisions scenario since then thread true trusted "
    "unless until when while with"
)
RESERVED = frozenset(WORDS.split())


def parse(text: str, file: str) -> tree.Module:
    """Parse one file; `file` is the name that spans carry."""
    try:
        root = parser().parse(text)
    except UnexpectedInput as error:
        raise Rejected([_syntax_error(error, text, file)]) from error
    builder = _Builder(file, text)
    try:
        module = builder.module(root)
    except _TooDeepError as error:
        raise Rejected(
            [Diagnostic("HF101", f"more than {MOST_LEVELS} levels of nesting", (at(error.span, "here"),))]
        ) from error
    builder.collector.finish()
    return module


class _TooDeepError(Exception):
    """An expression inside an expression, and so on, further than anybody reads."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


def _syntax_error(error: UnexpectedInput, text: str, file: str) -> Diagnostic:
    lines = text.split("\n")
    expected: set[str]
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        token = error.token
        span = Span(file, token.line or 1, token.column or 1, token.end_line or 1, token.end_column or 1)
        what = f"`{token}` cannot stand here" if len(token) <= MOST_SHOWN else "this cannot stand here"
        expected = error.accepts or error.expected
    elif isinstance(error, UnexpectedCharacters):
        span = Span(file, error.line, error.column, error.line, error.column + 1)
        what = f"`{lines[error.line - 1][error.column - 1]}` cannot stand here"
        expected = error.allowed or set()
    else:
        last = max(index for index, line in enumerate(lines) if line.strip() or index == 0)
        end = len(lines[last].rstrip()) + 1
        span = Span(file, last + 1, end, last + 1, end + 1)
        what = "the text ends too early" if text.strip() else "there is nothing in this file"
        expected = set(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
    labels = [at(span, "here")]
    opened = _open_brace(text, span, file)
    if opened is not None and ("ends" in what or _starts_declaration(lines[span.line - 1])):
        labels.append(also(opened, "this block is still open"))
    words = sorted({_terminal_text(name) for name in expected})
    notes = (("help", "expected " + ", ".join(words)),) if 0 < len(words) <= MOST_WORDS else ()
    return Diagnostic("HF101", what, tuple(labels), notes)


def _starts_declaration(line: str) -> bool:
    return bool(re.match(r"\s*(///|hypercall|entry|state|enum|invariant|const|action|scenario|lock|order)", line))


def _terminal_text(name: str) -> str:
    for definition in parser().terminals:
        if definition.name == name and definition.pattern.type == "str":
            return f"`{definition.pattern.value}`"
    plain = {"NAME": "a name", "INT": "a number", "STRING": "a string", "DOC": "`///` text", "$END": "the end"}
    return plain.get(name, name.lower().replace("_", " "))


def _open_brace(text: str, before: Span, file: str) -> Span | None:
    open_braces: list[Span] = []
    for number, line in enumerate(text.split("\n"), 1):
        code = re.sub(r'//.*|"[^"]*"', lambda match: " " * len(match.group()), line)
        for column, character in enumerate(code, 1):
            if (number, column) >= (before.line, before.column):
                return open_braces[-1] if open_braces else None
            if character == "{":
                open_braces.append(Span(file, number, column, number, column + 1))
            elif character == "}" and open_braces:
                open_braces.pop()
    return open_braces[-1] if open_braces else None


class _Builder:
    """Walks Lark's tree; one method for each rule, named after it."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.depth = 0
        self.collector = Collector()

    # ------------------------------------------------------------ helpers

    def span(self, item: Any) -> Span:
        if isinstance(item, Token):
            return Span(self.file, item.line or 1, item.column or 1, item.end_line or 1, item.end_column or 1)
        meta = item.meta
        if meta.empty:
            return Span(self.file, 1, 1, 1, 1)
        line, column = meta.line, meta.column
        docs = [child for child in item.children if isinstance(child, Token) and child.type == "DOC"]
        if docs and docs[-1].end_pos is not None:
            found = BETWEEN.match(self.text, docs[-1].end_pos)
            start = found.end() if found is not None else docs[-1].end_pos
            line = self.text.count("\n", 0, start) + 1
            column = start - self.text.rfind("\n", 0, start)
        return Span(self.file, line, column, meta.end_line, meta.end_column)

    def build(self, item: Any) -> Any:
        if item is None or isinstance(item, Token):
            return item
        self.depth += 1
        if self.depth > MOST_LEVELS:
            raise _TooDeepError(self.span(item))
        built = getattr(self, item.data)(item, list(item.children))
        self.depth -= 1
        return built

    def all(self, items: list[Any], kind: type[T]) -> tuple[T, ...]:
        built = [self.build(item) for item in items if isinstance(item, Tree)]
        return tuple(item for item in built if isinstance(item, kind))

    def head(self, item: Tree[Token]) -> tuple[Span, str, Span, str, list[Any]]:
        """Span, name, name span, doc, and the children after the name."""
        children = list(item.children)
        docs = [c for c in children if isinstance(c, Token) and c.type == "DOC"]
        rest: list[Any] = [c for c in children if not (isinstance(c, Token) and c.type == "DOC")]
        token = rest.pop(0)
        return self.span(item), self.word(token), self.span(token), _doc(docs), rest

    def word(self, token: Token) -> str:
        if token in RESERVED:
            self.collector.error("HF102", f"`{token}` is a reserved word and cannot be a name", at(self.span(token)))
        return str(token)

    def number_of(self, token: Token) -> int:
        """The number that is written; one that begins with 0 could be meant to be octal."""
        digits = token.replace("_", "")
        if len(digits) > MOST_SHOWN or (digits[0] == "0" and digits.isdigit() and digits != "0"):
            what = "has too many digits" if len(digits) > MOST_SHOWN else "begins with 0, but is not 0"
            self.collector.error("HF101", f"this number {what}", at(self.span(token)))
            return 0
        return int(digits, 0)

    def revisions(self, items: list[Any]) -> tuple[tree.Revision, ...]:
        return tuple(self.build(i) for i in items if isinstance(i, Tree) and i.data in ("since", "until"))

    # ------------------------------------------------------------ module

    def module(self, root: Tree[Token]) -> tree.Module:
        declarations = [c for c in root.children if isinstance(c, Tree)]
        head = declarations.pop(0)
        docs = [c for c in head.children if isinstance(c, Token)]
        imports = [c for c in declarations if c.data == "import_decl"]
        return tree.Module(
            self.span(root),
            self.qname(head.children[-1]),
            _doc(docs),
            tuple(tree.NameRef(self.span(c.children[0]), self.qname(c.children[0])) for c in imports),
            tuple(self.build(c) for c in declarations if c.data != "import_decl"),
            self.text,
            self.span(head.children[-1]),
        )

    def qname(self, item: Any) -> str:
        return ".".join(str(token) for token in item.children)

    def path_text(self, item: Any) -> str:
        return ".".join(str(token) for token in item.children)

    # ------------------------------------------------------------ vocabulary

    def revisions_decl(self, item: Any, _: list[Any]) -> tree.Revisions:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Revisions(span, name, name_span, doc, tuple(self.build(r) for r in rest))

    def revision(self, item: Any, c: list[Any]) -> tree.NamedRevision:
        return tree.NamedRevision(self.span(item), str(c[0]), _text(c[1]), str(c[2]), _text(c[3]))

    def type_decl(self, item: Any, _: list[Any]) -> tree.TypeAlias:
        span, name, name_span, doc, rest = self.head(item)
        return tree.TypeAlias(span, name, name_span, doc, self.build(rest[0]))

    def enum_decl(self, item: Any, _: list[Any]) -> tree.Enum:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Enum(span, name, name_span, doc, self.build(rest[0]), tuple(self.build(r) for r in rest[1:]))

    def enum_item(self, item: Any, _: list[Any]) -> tree.EnumItem:
        span, name, name_span, doc, rest = self.head(item)
        return tree.EnumItem(span, name, name_span, doc, None if rest[0] is None else self.number_of(rest[0]))

    def encoding_decl(self, item: Any, _: list[Any]) -> tree.Encoding:
        span, name, name_span, doc, rest = self.head(item)
        tag = None if rest[1] is None else (self.number_of(rest[1]), self.number_of(rest[2]))
        return tree.Encoding(
            span, name, name_span, doc, self.build(rest[0]), tag, tuple(self.build(r) for r in rest[3:])
        )

    def variant(self, item: Any, _: list[Any]) -> tree.Variant:
        span, name, name_span, doc, rest = self.head(item)
        tag = None if rest[0] is None else self.number_of(rest[0])
        return tree.Variant(span, name, name_span, doc, tag, self.all(rest[1:], tree.Field))

    def field(self, item: Any, c: list[Any]) -> tree.Field:
        return tree.Field(
            self.span(item),
            self.word(c[0]),
            self.build(c[1]),
            self.number_of(c[2]),
            self.number_of(c[3]),
            c[4] is not None,
        )

    def const_decl(self, item: Any, _: list[Any]) -> tree.Const:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Const(span, name, name_span, doc, self.build(rest[0]), self.build(rest[1]))

    def size_decl(self, item: Any, _: list[Any]) -> tree.Size:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Size(span, name, name_span, doc, self.build(rest[0]))

    def pure_decl(self, item: Any, _: list[Any]) -> tree.Pure:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Pure(
            span, name, name_span, doc, self.build(rest[0]) or (), self.build(rest[1]), self.build(rest[2])
        )

    def let_decl(self, item: Any, _: list[Any]) -> tree.Let:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Let(span, name, name_span, doc, self.build(rest[0]))

    def action_decl(self, item: Any, _: list[Any]) -> tree.Action:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Action(span, name, name_span, doc, self.build(rest[0]) or (), self.all(rest[1:], tree.Update))

    # ------------------------------------------------------------ state

    def lock_decl(self, item: Any, _: list[Any]) -> tree.Lock:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Lock(span, f"{name}.{rest[0]}", name_span, doc, str(rest[1]))

    def lock_name(self, item: Any, c: list[Any]) -> tree.LockName:
        return tree.LockName(self.span(item), f"{c[0]}.{c[1]}")

    def order_decl(self, item: Any, c: list[Any]) -> tree.Order:
        docs = [t for t in c if isinstance(t, Token)]
        span = self.span(item)
        return tree.Order(span, "order", span, _doc(docs), self.all(c, tree.LockName))

    def state_decl(self, item: Any, _: list[Any]) -> tree.State:
        span, name, name_span, doc, rest = self.head(item)
        return tree.State(span, name, name_span, doc, self.all(rest, tree.Key), self.all(rest, tree.Cell))

    def key(self, item: Any, c: list[Any]) -> tree.Key:
        return tree.Key(self.span(item), self.word(c[0]), self.build(c[1]), self.build(c[2]))

    def cell(self, item: Any, c: list[Any]) -> tree.Cell:
        docs = [t for t in c if isinstance(t, Token) and t.type == "DOC"]
        rest = [t for t in c if not (isinstance(t, Token) and t.type == "DOC")]
        path = rest[0]
        for token in path.children:
            self.word(token)
        return tree.Cell(
            self.span(item),
            self.path_text(path),
            self.span(path),
            _doc(docs),
            self.build(rest[1]),
            self.build(rest[2]),
            self.build(rest[3]),
            self.revisions(rest[4:]),
        )

    def guarded_by(self, item: Any, c: list[Any]) -> tree.GuardedBy:
        return tree.GuardedBy(self.span(item), str(c[0]), c[1] is not None)

    def owned_by(self, item: Any, c: list[Any]) -> tree.OwnedBy:
        return tree.OwnedBy(self.span(item), self.build(c[0]), self.build(c[1]), self.build(c[2]))

    def simple_discipline(self, item: Any, c: list[Any]) -> tree.Plain:
        return tree.Plain(self.span(item), str(c[0]), "" if c[1] is None else _text(c[1]))

    def thread_decl(self, item: Any, _: list[Any]) -> tree.Thread:
        span, name, name_span, doc, rest = self.head(item)
        facts = self.all(rest[2:], tree.Fact)
        return tree.Thread(span, name, name_span, doc, self.build(rest[0]), self.build(rest[1]), facts)

    def actor_decl(self, item: Any, _: list[Any]) -> tree.Actor:
        span, name, name_span, doc, rest = self.head(item)
        formerly = str(rest[1]) if isinstance(rest[1], Token) else ""
        return tree.Actor(span, name, name_span, doc, str(rest[0]), formerly, self.all(rest[1:], tree.Fact))

    def fact(self, item: Any, _: list[Any]) -> tree.Fact:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Fact(span, name, name_span, doc, self.build(rest[0]))

    def invariant_decl(self, item: Any, _: list[Any]) -> tree.Invariant:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Invariant(
            span, name, name_span, doc, self.build(rest[0]), self.build(rest[1]), self.revisions(rest[2:])
        )

    def owed_decl(self, item: Any, _: list[Any]) -> tree.Owed:
        span, name, name_span, doc, rest = self.head(item)
        owner = tree.Parameter(self.span(rest[0]), self.word(rest[0]), self.build(rest[1]))
        return tree.Owed(span, name, name_span, doc, owner, self.build(rest[2]), self.revisions(rest[3:]))

    def assume_decl(self, item: Any, _: list[Any]) -> tree.Assume:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Assume(span, name, name_span, doc, self.build(rest[0]), _text(rest[1]))

    # ------------------------------------------------------------ calls

    def call_decl(self, item: Any, c: list[Any]) -> tree.Call:
        docs = [t for t in c if isinstance(t, Token) and t.type == "DOC"]
        rest = [t for t in c if not (isinstance(t, Token) and t.type == "DOC")]
        kind, name, *others = rest
        clauses = tuple(self.build(o) for o in others if isinstance(o, Tree) and o.data not in ("since", "until"))
        return tree.Call(
            self.span(item), self.word(name), self.span(name), _doc(docs), str(kind), self.revisions(others), clauses
        )

    def number(self, item: Any, c: list[Any]) -> tree.Number:
        return tree.Number(self.span(item), self.number_of(c[0]), str(c[1]), self.revisions(c[2:]))

    def impl_clause(self, item: Any, c: list[Any]) -> tree.Impl:
        return tree.Impl(self.span(c[0]), _text(c[0]))

    def by_clause(self, item: Any, c: list[Any]) -> tree.By:
        return tree.By(self.span(c[0]), str(c[0]))

    def with_clause(self, item: Any, c: list[Any]) -> tree.With:
        name, kind = [t for t in c if not (isinstance(t, Token) and t.type == "DOC")]
        return tree.With(self.span(item), self.word(name), self.span(name), str(kind))

    def given(self, item: Any, _: list[Any]) -> tree.Given:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Given(span, name, name_span, doc, self.build(rest[0]))

    def input(self, item: Any, c: list[Any]) -> tree.Argument:
        bits = None if c[1] is None else (self.number_of(c[1]), self.number_of(c[2]))
        return tree.Argument(self.span(item), str(c[0] or ""), self.word(c[3]), self.build(c[4]), bits)

    def output(self, item: Any, c: list[Any]) -> tree.Result:
        return tree.Result(self.span(item), str(c[0] or ""), self.word(c[1]), self.build(c[2]))

    def call_let(self, item: Any, _: list[Any]) -> tree.Let:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Let(span, name, name_span, doc, self.build(rest[0]))

    def reject(self, item: Any, _: list[Any]) -> tree.Reject:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Reject(span, name, name_span, doc, self.revisions(rest), self.build(rest[-2]), self.build(rest[-1]))

    def case(self, item: Any, _: list[Any]) -> tree.Case:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Case(span, name, name_span, doc, self.revisions(rest), self.build(rest[-2]), self.build(rest[-1]))

    def outcome(self, item: Any, c: list[Any]) -> tuple[Any, ...]:
        return tuple(self.build(i) for i in c)

    def returns(self, item: Any, c: list[Any]) -> tree.Returns:
        return tree.Returns(self.span(item), self.build(c[0]), self.revisions(c[1:]))

    def next(self, item: Any, c: list[Any]) -> tree.Next:
        return tree.Next(self.span(item), self.build(c[0]), self.revisions(c[1:]))

    def effect(self, item: Any, c: list[Any]) -> tree.Effect:
        return tree.Effect(self.span(item), False, tuple(self.build(i) for i in c))

    def later(self, item: Any, c: list[Any]) -> tree.Effect:
        return tree.Effect(self.span(item), True, tuple(self.build(i) for i in c))

    def holds(self, item: Any, c: list[Any]) -> tree.Holds:
        return tree.Holds(self.span(item), tuple(self.build(i) for i in c))

    def trusted(self, item: Any, c: list[Any]) -> tree.Trusted:
        return tree.Trusted(self.span(item), _text(c[0]))

    def havoc(self, item: Any, c: list[Any]) -> tree.Havoc:
        return tree.Havoc(self.span(item), tuple(self.build(i) for i in c))

    def ensures(self, item: Any, _: list[Any]) -> tree.Ensures:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Ensures(span, name, name_span, doc, self.build(rest[0]))

    def ends(self, item: Any, c: list[Any]) -> tree.Ends:
        return tree.Ends(self.span(item), str(c[0]))

    def never(self, item: Any, _: list[Any]) -> tree.Never:
        return tree.Never(self.span(item))

    def awaits(self, item: Any, c: list[Any]) -> tree.Awaits:
        docs = [t for t in c if isinstance(t, Token) and t.type == "DOC"]
        return tree.Awaits(self.span(item), self.build(c[-1]), _doc(docs))

    def perform(self, item: Any, c: list[Any]) -> tree.Perform:
        return tree.Perform(self.span(item), str(c[0]), tuple(v for _, v in (self.build(c[1]) or ())))

    def update(self, item: Any, c: list[Any]) -> tree.Update:
        return tree.Update(self.span(item), self.build(c[0]), self.build(c[1]))

    def protocol(self, item: Any, c: list[Any]) -> tree.Protocol:
        return tree.Protocol(self.span(item), tuple(self.build(i) for i in c))

    def step(self, item: Any, c: list[Any]) -> tree.Step:
        cases = () if c[2] is None else tuple(tree.NameRef(self.span(t), str(t)) for t in c[2].children)
        return tree.Step(self.span(item), str(c[0]), self.build(c[1]), cases)

    def locks(self, item: Any, c: list[Any]) -> tuple[tree.HeldLock, ...]:
        return () if isinstance(c[0], Token) else tuple(self.build(i) for i in c)

    def held_lock(self, item: Any, c: list[Any]) -> tree.HeldLock:
        return tree.HeldLock(self.span(item), c[0] is not None, self.build(c[1]))

    def dispatcher_decl(self, item: Any, _: list[Any]) -> tree.Dispatcher:
        span, name, name_span, doc, rest = self.head(item)
        impl, number, otherwise, *left_out = [self.build(r) for r in rest if r.data not in ("since", "until")]
        numbers = tuple(entry for entries in left_out for entry in entries)
        return tree.Dispatcher(span, name, name_span, doc, self.revisions(rest), impl, number, otherwise, numbers)

    def routing(self, item: Any, c: list[Any]) -> tree.Expr:
        expr: tree.Expr = self.build(c[-1])
        return expr

    def otherwise(self, item: Any, c: list[Any]) -> tree.Expr:
        expr: tree.Expr = self.build(c[-1])
        return expr

    def unspecified(self, item: Any, c: list[Any]) -> tuple[tree.Unspecified, ...]:
        numbers = [t for t in c if t.type == "INT"]
        return tuple(tree.Unspecified(self.span(t), self.number_of(t), _text(c[-1])) for t in numbers)

    def trap_decl(self, item: Any, _: list[Any]) -> tree.Trap:
        span, name, name_span, doc, rest = self.head(item)
        impl, through, result, stays, leaves = [self.build(r) for r in rest if r.data not in ("since", "until")]
        return tree.Trap(span, name, name_span, doc, self.revisions(rest), impl, through, result, stays, leaves)

    def through(self, item: Any, c: list[Any]) -> tree.NameRef:
        return tree.NameRef(self.span(c[-1]), str(c[-1]))

    stays = leaves = through

    def scenario_decl(self, item: Any, _: list[Any]) -> tree.Scenario:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Scenario(span, name, name_span, doc, tuple(self.build(r) for r in rest))

    def scenario_step(self, item: Any, c: list[Any]) -> tree.ScenarioStep:
        return tree.ScenarioStep(self.span(item), str(c[0]), self.build(c[1]) or (), str(c[2]))

    # ------------------------------------------------------------ proof files

    def represent_decl(self, item: Any, _: list[Any]) -> tree.Represent:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Represent(span, name, name_span, doc, _text(rest[0]), tuple(self.build(r) for r in rest[1:]))

    def trust_decl(self, item: Any, _: list[Any]) -> tree.Trust:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Trust(span, name, name_span, doc, _text(rest[0]), _text(rest[1]))

    def accept_decl(self, item: Any, c: list[Any]) -> tree.Accept:
        docs = [t for t in c if t.type == "DOC"]
        name, because = (t for t in c if t.type == "STRING")
        return tree.Accept(self.span(item), _text(name), self.span(name), _doc(docs), _text(because))

    def codec_decl(self, item: Any, _: list[Any]) -> tree.Codec:
        span, name, name_span, doc, rest = self.head(item)
        encodes, decodes = (tree.Impl(self.span(t), _text(t)) for t in rest[:2])
        built = [self.build(t) for t in rest[2:]]
        record = next((b for b in built if isinstance(b, tree.CodecRecord)), None)
        refusal = next((b for b in built if isinstance(b, tree.CodecRefusal)), None)
        variants = tuple(b for b in built if isinstance(b, tree.CodecVariant))
        return tree.Codec(span, name, name_span, doc, encodes, decodes, record, variants, refusal)

    def codec_record(self, item: Any, c: list[Any]) -> tree.CodecRecord:
        return tree.CodecRecord(self.span(item), _text(c[-2]), str(c[-1]))

    def codec_member(self, item: Any, c: list[Any]) -> tree.CodecVariant:
        return tree.CodecVariant(self.span(item), str(c[0]), str(c[1]), ())

    def codec_tuple(self, item: Any, c: list[Any]) -> tree.CodecVariant:
        return tree.CodecVariant(self.span(item), str(c[0]), "", tuple(str(t) for t in c[1:]))

    def codec_refusal(self, item: Any, c: list[Any]) -> tree.CodecRefusal:
        return tree.CodecRefusal(self.span(item), str(c[-1]))

    def maps_to(self, item: Any, c: list[Any]) -> tree.MapsTo:
        return tree.MapsTo(self.span(item), self.path_text(c[0]), self.build(c[1]))

    def maps_many(self, item: Any, c: list[Any]) -> tree.MapsMany:
        return tree.MapsMany(self.span(item), self.path_text(c[0]), str(c[1]), self.build(c[2]), self.build(c[3]))

    def maps_words(self, item: Any, c: list[Any]) -> tree.MapsWords:
        return tree.MapsWords(self.span(item), self.path_text(c[0]), self.path_text(c[2]), self.number_of(c[1]))

    def maps_none(self, item: Any, c: list[Any]) -> tree.MapsNone:
        return tree.MapsNone(self.span(item), self.path_text(c[0]), self.build(c[1]))

    def maps_list(self, item: Any, c: list[Any]) -> tree.MapsList:
        return tree.MapsList(self.span(item), self.path_text(c[0]), self.path_text(c[1]), self.build(c[2]), str(c[3]))

    def layout_decl(self, item: Any, _: list[Any]) -> tree.Layout:
        span, name, name_span, doc, rest = self.head(item)
        return tree.Layout(
            span, name, name_span, doc, _text(rest[0]), self.all(rest, tree.Parameter), self.all(rest, tree.View)
        )

    def link(self, item: Any, c: list[Any]) -> tree.Parameter:
        return tree.Parameter(self.span(item), str(c[0]), self.build(c[1]))

    def view(self, item: Any, _: list[Any]) -> tree.View:
        span, name, name_span, doc, rest = self.head(item)
        return tree.View(span, name, name_span, doc, self.build(rest[0]), self.all(rest[1:], tree.Fact))

    def contract_decl(self, item: Any, c: list[Any]) -> tree.Contract:
        docs = [t for t in c if isinstance(t, Token) and t.type == "DOC"]
        target = next(t for t in c if isinstance(t, Token) and t.type == "STRING")
        built = [self.build(t) for t in c if isinstance(t, Tree)]
        returns = [b.value for b in built if isinstance(b, tree.Returns)]
        return tree.Contract(
            self.span(item),
            _text(target),
            self.span(target),
            _doc(docs),
            tuple(b for b in built if isinstance(b, tree.Role)),
            tuple(b.value for b in built if isinstance(b, tree.Given)),
            tuple(b for b in built if isinstance(b, tree.Update)),
            returns[0] if returns else None,
        )

    def role(self, item: Any, c: list[Any]) -> tree.Role:
        return tree.Role(self.span(item), str(c[0]), str(c[1]), "" if c[2] is None else str(c[2]))

    def requires(self, item: Any, c: list[Any]) -> tree.Given:
        span = self.span(item)
        return tree.Given(span, "requires", span, "", self.build(c[0]))

    def contract_effect(self, item: Any, c: list[Any]) -> tree.Update:
        built = self.build(c[0])
        assert isinstance(built, tree.Update)
        return built

    def contract_returns(self, item: Any, c: list[Any]) -> tree.Returns:
        return tree.Returns(self.span(item), self.build(c[0]), ())

    def loop_decl(self, item: Any, c: list[Any]) -> tree.Loop:
        docs = [t for t in c if isinstance(t, Token) and t.type == "DOC"]
        target = next(t for t in c if isinstance(t, Token) and t.type == "STRING")
        position = next(t for t in c if isinstance(t, Token) and t.type == "INT")
        facts = self.all(c, tree.Fact)
        return tree.Loop(self.span(item), _text(target), self.span(target), _doc(docs), self.number_of(position), facts)

    # ------------------------------------------------------------ shared

    def since(self, item: Any, c: list[Any]) -> tree.Revision:
        return tree.Revision(self.span(item), "since", str(c[1]))

    def until(self, item: Any, c: list[Any]) -> tree.Revision:
        return tree.Revision(self.span(item), "until", str(c[1]))

    def params(self, item: Any, c: list[Any]) -> tuple[tree.Parameter, ...]:
        pairs = zip(c[::2], c[1::2], strict=True)
        return tuple(tree.Parameter(self.span(n), self.word(n), self.build(t)) for n, t in pairs)

    def type(self, item: Any, c: list[Any]) -> tree.Type:
        return tree.Type(self.span(item), str(c[0]), tuple(self.build(a) for a in c[1:] if a is not None))

    def type_int(self, item: Any, c: list[Any]) -> int:
        return self.number_of(c[0])

    def place(self, item: Any, c: list[Any]) -> tree.Expr:
        result: tree.Expr = tree.Name(self.span(c[0]), str(c[0]))
        for trailer in c[1:]:
            inner = trailer.children[0]
            end = self.span(inner) if trailer.data == "member" else self.span(trailer)
            span = Span(self.file, result.span.line, result.span.column, end.end_line, end.end_column)
            if trailer.data == "member":
                result = tree.Member(span, result, str(inner))
            else:
                result = tree.Index(span, result, tuple(v for _, v in self.build(inner)))
        return result

    def args(self, item: Any, c: list[Any]) -> tuple[tuple[str, tree.Expr], ...]:
        return tuple(a if isinstance(a, tuple) else ("", a) for a in (self.build(i) for i in c))

    def keyword_arg(self, item: Any, c: list[Any]) -> tuple[str, tree.Expr]:
        return str(c[0]), self.build(c[1])

    def name(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Name(self.span(item), self.word(c[0]))

    def int(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Literal(self.span(item), self.number_of(c[0]))

    def true(self, item: Any, _: list[Any]) -> tree.Expr:
        return tree.Literal(self.span(item), True)

    def false(self, item: Any, _: list[Any]) -> tree.Expr:
        return tree.Literal(self.span(item), False)

    def none(self, item: Any, _: list[Any]) -> tree.Expr:
        return tree.Literal(self.span(item), None)

    def set(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.SetLiteral(self.span(item), tuple(self.build(i) for i in c if i is not None))

    def unary(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Unary(self.span(item), str(c[0]), self.build(c[1]))

    def binary(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Binary(self.span(item), str(c[1]), self.build(c[0]), self.build(c[2]))

    def less(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Binary(self.span(item), "<", self.build(c[0]), self.build(c[1]))

    def greater(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Binary(self.span(item), ">", self.build(c[0]), self.build(c[1]))

    def bit_or(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Binary(self.span(item), "|", self.build(c[0]), self.build(c[1]))

    def member_of(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Binary(self.span(item), "in", self.build(c[0]), self.build(c[1]))

    def not_member_of(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Binary(self.span(item), "not in", self.build(c[0]), self.build(c[2]))

    def conditional(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Conditional(self.span(item), self.build(c[0]), self.build(c[1]), self.build(c[2]))

    def quantified(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Quantified(self.span(item), str(c[0]), self.build(c[1]), self.build(c[2]))

    def member_e(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Member(self.span(item), self.build(c[0]), str(c[1]))

    def index_e(self, item: Any, c: list[Any]) -> tree.Expr:
        return tree.Index(self.span(item), self.build(c[0]), tuple(v for _, v in self.build(c[1])))

    def apply(self, item: Any, c: list[Any]) -> tree.Expr:
        pairs = self.build(c[1]) or ()
        positional = tuple(v for k, v in pairs if not k)
        return tree.Apply(self.span(item), self.build(c[0]), positional, tuple((k, v) for k, v in pairs if k))


def _doc(tokens: list[Any]) -> str:
    return "\n".join(str(token)[3:].strip() for token in tokens)


def _text(token: Token) -> str:
    return str(token)[1:-1]
