"""The grammar has no conflicts, and every tree knows exactly which text it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from lark import Lark

from hfverify.diagnostics import Rejected, Span
from hfverify.syntax import tree
from hfverify.syntax.files import read
from hfverify.syntax.parse import MOST_LEVELS, RESERVED, grammar, parse, parser

ROOT = Path(__file__).parent.parent.parent
SHIPPED = sorted(
    path
    for folder in ("spec", "proofs", "examples")
    for ending in ("hfs", "hfp")
    for path in (ROOT / folder).rglob(f"*.{ending}")
)


def nodes(item: object) -> Iterator[tree.Node]:
    """Every node of a tree."""
    if isinstance(item, tree.Node):
        yield item
    if isinstance(item, tuple):
        for part in item:
            yield from nodes(part)
    elif is_dataclass(item) and not isinstance(item, Span):
        for entry in fields(item):
            yield from nodes(getattr(item, entry.name))


def text_at(text: str, span: Span) -> str:
    """The text that a span covers."""
    lines = text.split("\n")[span.line - 1 : span.end_line]
    assert lines
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def expression(text: str) -> tree.Expr:
    module = parse(f"module m\nlet it = {text}\n", "m.hfs")
    (let,) = module.declarations
    assert isinstance(let, tree.Let)
    return let.value


def refused(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(Rejected) as caught:
        parse(text, "m.hfs")
    return [(d.code, d.span.line, d.span.column) for d in caught.value.diagnostics]


# ---------------------------------------------------------------- the grammar


def test_the_grammar_has_no_conflicts() -> None:
    Lark(grammar(), parser="lalr", strict=True)


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_is_no_name(word: str) -> None:
    codes = {code for code, _, _ in refused(f"module m\nconst {word} : u8 = 1\n")}
    assert codes <= {"HF101", "HF102"}


def test_every_keyword_is_reserved_or_told_apart_by_its_place() -> None:
    words = {t.pattern.value for t in parser().terminals if t.pattern.type == "str" and t.pattern.value.isalpha()}
    for word in sorted(words - RESERVED):
        assert parse(f"module m\nconst {word} : u8 = 1\n", "m.hfs").declarations[0].name == word


@pytest.mark.parametrize(
    "text",
    [
        "state s {{ /// One.\n{0} : u8 constant\n/// Two.\n{0}.part : u8 atomic }}",
        "enum E : u8 {{ /// One.\n{0}, /// Two.\nother = 3 }}",
        "encoding E : u8 {{ /// One.\n{0} (a: u8 bits 0 .. 7) }}",
        "actor a : s {{ /// One.\n{0} : true }}",
    ],
    ids=["cell", "item", "variant", "fact"],
)
def test_a_keyword_with_a_text_above_it_is_a_name_where_a_name_stands(text: str) -> None:
    words = {t.pattern.value for t in parser().terminals if t.pattern.type == "str" and t.pattern.value.isalpha()}
    for word in sorted(words - RESERVED):
        (found, after) = parse(f"module m\n{text.format(word)}\n/// After.\nstate other {{ }}\n", "m.hfs").declarations
        inner = [node for node in nodes(found) if isinstance(node, tree.Declaration) and node is not found]
        assert inner[0].name == word
        assert inner[0].doc == "One."
        assert after.doc == "After."


# ---------------------------------------------------------------- spans


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_spans_of_shipped_files_are_exact(path: Path) -> None:
    text = read(path, path.name)
    module = parse(text, path.name)
    found = list(nodes(module))
    assert len(found) > 10
    for node in found:
        covered = text_at(text, node.span)
        assert covered == covered.strip(), node
        assert node.span.file == path.name
        match node:
            case tree.Name(_, name) | tree.NameRef(_, name):
                assert covered == name
            case tree.Literal(_, bool() | None as value):
                assert covered == str(value).lower()
            case tree.Literal(_, int() as value):
                assert int(covered.replace("_", ""), 0) == value
            case tree.Member(_, _, name):
                assert covered.endswith(name)
            case tree.Index():
                assert covered.endswith("]")
            case tree.Apply():
                assert covered.endswith(")")
            case tree.Order():
                assert covered.startswith("order ")
            case tree.Declaration():
                last = node.name.split(".")[0 if isinstance(node, tree.Lock) else -1]
                assert last in text_at(text, node.name_span)
                assert not covered.startswith("///")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_a_span_covers_means_the_same_by_itself(path: Path) -> None:
    text = read(path, path.name)
    tried = 0
    for node in nodes(parse(text, path.name)):
        if isinstance(node, tree.Binary | tree.Apply | tree.Conditional | tree.Quantified | tree.Index | tree.Member):
            again = expression(text_at(text, node.span))
            assert shape(again) == shape(node)
            tried += 1
    # Codecs name things, and compute nothing.
    assert tried > 0 or path.name == "codecs.hfp"


def shape(item: object) -> object:
    """A tree without its places."""
    if isinstance(item, tuple):
        return tuple(shape(part) for part in item)
    if isinstance(item, tree.Node):
        parts = (shape(getattr(item, entry.name)) for entry in fields(item) if entry.name != "span")
        return (type(item).__name__, *parts)
    return item


def test_documentation_belongs_to_what_follows() -> None:
    module = parse("/// All.\n///  Of it.\nmodule a.b\n/// One.\nconst A : u8 = 1 // not this\n", "m.hfs")
    assert (module.name, module.doc) == ("a.b", "All.\nOf it.")
    assert module.declarations[0].doc == "One."
    assert text_at(module.source, module.name_span) == "a.b"
    assert module.declarations[0].span == Span("m.hfs", 5, 1, 5, 17)


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a or b and c", "a or (b and c)"),
        ("not a == b", "not (a == b)"),
        ("a ==> b ==> c", "a ==> (b ==> c)"),
        ("a | b & c << d + e * f", "a | (b & (c << (d + (e * f))))"),
        ("a - b - c", "(a - b) - c"),
        ("-a.b[1].c", "-(a.b[1].c)"),
        ("a not in b or c", "(a not in b) or c"),
        ("if a then b else c ==> d", "if a then b else (c ==> d)"),
        ("forall x: u8 :: a ==> b", "forall x: u8 :: (a ==> b)"),
    ],
)
def test_precedence(text: str, same: str) -> None:
    assert shape(expression(text)) == shape(expression(same))


@pytest.mark.parametrize("text", ["a == b == c", "a < b < c", "a in b in c", "1 2", "f(a b)", "a[]", "{a b}"])
def test_what_is_no_expression(text: str) -> None:
    assert refused(f"module m\nlet it = {text}\n")[0][:2] == ("HF101", 2)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("1_000", 1000), ("0x_f", None), ("0xF_f", 255), ("1_", None), ("00", None)]
)
def test_numbers(text: str, value: int | None) -> None:
    if value is None:
        assert refused(f"module m\nlet it = {text}\n")[0][0] == "HF101"
    else:
        literal = expression(text)
        assert isinstance(literal, tree.Literal)
        assert literal.value == value


def test_nesting_ends_somewhere() -> None:
    expression("-" * (MOST_LEVELS - 5) + "1")
    assert refused("module m\nlet it = " + "-" * 5000 + "1\n")[0][0] == "HF101"
    assert refused("module m\nlet it = " + "1 + " * 5000 + "1\n")[0][0] == "HF101"
    assert refused("module m\nlet it = " + "f(" * 5000 + "1" + ")" * 5000 + "\n")[0][0] == "HF101"


# ---------------------------------------------------------------- odd files


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1)),
        ("\n\n", (1, 1)),
        ("// only a comment\n", (1, 18)),
        ("module", (1, 7)),
        ("\fmodule m\n?", (2, 1)),
        ("module m // \u2028 \x0b \x1c\n?", (2, 1)),
        ("module m\n\x00", (2, 1)),
        ("module m\nstate s {\n", (2, 10)),
    ],
)
def test_an_error_has_a_place(text: str, place: tuple[int, int]) -> None:
    assert refused(text) == [("HF101", *place)]


def test_files_of_other_systems(tmp_path: Path) -> None:
    path = tmp_path / "m.hfs"
    path.write_bytes(b"\xef\xbb\xbfmodule m\r\n\r\nconst A : u8 = 1\r\n")
    module = parse(read(path, "m.hfs"), "m.hfs")
    assert module.declarations[0].span == Span("m.hfs", 3, 1, 3, 17)


def test_a_folder_with_the_name_of_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="HF100"):
        read(tmp_path, "m.hfs")
