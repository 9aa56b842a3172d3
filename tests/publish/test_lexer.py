"""Every word of the language is highlighted, and nothing in a specification is taken for an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, Token
from sites import JOBS, ROOT

from hfverify.publish.lexer import CONSTANTS, WORD_OPERATORS, SpecificationLexer, keywords
from hfverify.syntax.parse import RESERVED

FILES = sorted([*ROOT.glob("spec/*.hfs"), *ROOT.glob("proofs/*.hfp"), *JOBS.glob("*/*.hf[sp]")])


def tokens(text: str) -> list[tuple[object, str]]:
    return [(kind, value) for kind, value in SpecificationLexer().get_tokens(text) if value.strip()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_have_no_errors_and_lose_no_text(file: Path) -> None:
    text = file.read_text("utf-8")
    found = list(SpecificationLexer(ensurenl=False, stripnl=False).get_tokens(text))
    assert [value for kind, value in found if kind is Token.Error] == []
    assert "".join(value for _, value in found) == text


def test_reserved_words_are_keywords_wherever_they_stand() -> None:
    for word in sorted(RESERVED - {*CONSTANTS, *WORD_OPERATORS}):
        assert tokens(f"{word} (x)")[0] == (Keyword, word)


def test_words_that_are_names_too_are_keywords_where_the_grammar_has_them() -> None:
    assert set(keywords()) >= {"hypercall", "spinlock", "peek", "forall", "volatile", "since"}
    assert tokens("lock queue.lock : spinlock")[0] == (Keyword, "lock")
    assert tokens("effect  q.count := q.count + 1")[3] == (Name.Attribute, "count")
    assert tokens("    count : u16")[0] == (Name, "count")


def test_what_is_written_of_each_kind() -> None:
    assert tokens("/// said")[0][0] is String.Doc
    assert tokens("// not said")[0][0] is Comment.Single
    assert tokens("number 0xff_08")[1] == (Number.Hex, "0xff_08")
    assert tokens("case §")[-1] == (Token.Error, "§")


def test_pygments_knows_the_language_by_name() -> None:
    assert isinstance(get_lexer_by_name("hfs"), SpecificationLexer)
