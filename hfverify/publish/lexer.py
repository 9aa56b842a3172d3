"""Highlight specifications and proof files.

Reads   syntax/grammar.lark, so that a new keyword of the language is one here too
Gives   SpecificationLexer for Pygments, under the names `hfs` and `hfp`
Refuses nothing: what the language does not have is marked as an error
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import ClassVar

from pygments.lexer import RegexLexer, words
from pygments.token import (
    Comment,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Token,
    _TokenType,
)

from hfverify.model.names import TYPES as NAMED_TYPES
from hfverify.syntax.parse import RESERVED

CONSTANTS = ("true", "false", "none")
WORD_OPERATORS = ("and", "or", "not", "in")
TYPES = (*NAMED_TYPES, "int")
QUOTED_WORD = re.compile(r'"([a-z]+)"')
CHOICE = re.compile(r"^[A-Z_]+(?:\.\d+)?:\s*/\(([a-z|]+)\)", re.MULTILINE)


@cache
def keywords() -> tuple[str, ...]:
    """Every word that the grammar knows."""
    grammar = files("hfverify.syntax").joinpath("grammar.lark").read_text("utf-8")
    rules = "\n".join(line for line in grammar.split("\n") if not line.startswith("//"))
    found = set(QUOTED_WORD.findall(rules))
    for choice in CHOICE.findall(rules):
        found |= set(choice.split("|"))
    return tuple(sorted({*found, "set", "once"} - {*CONSTANTS, *WORD_OPERATORS}))


class SpecificationLexer(RegexLexer):
    """Specifications (`.hfs`) and proof files (`.hfp`)."""

    name = "hfverify specification"
    url = ""
    aliases: ClassVar[list[str]] = ["hfs", "hfp"]
    filenames: ClassVar[list[str]] = ["*.hfs", "*.hfp"]
    mimetypes: ClassVar[list[str]] = ["text/x-hfverify"]

    tokens: ClassVar[dict[str, list[tuple[object, _TokenType]]]] = {
        "root": [
            (r"\s+", Text.Whitespace),
            (r"///[^\n]*", String.Doc),
            (r"//[^\n]*", Comment.Single),
            (r'"[^"\n]*"', String),
            (r"\d{4}-\d{2}-\d{2}", Literal.Date),
            (r"0x[0-9a-fA-F]+(_[0-9a-fA-F]+)*\b", Number.Hex),
            (r"\d+(_\d+)*\b", Number.Integer),
            (words(CONSTANTS, prefix=r"(?<!\.)", suffix=r"\b"), Keyword.Constant),
            (words(WORD_OPERATORS, prefix=r"(?<!\.)", suffix=r"\b"), Operator.Word),
            (r"(?<=\.)[A-Za-z_]\w*", Name.Attribute),
            (r"x([0-9]|[12][0-9]|30)\b", Name.Builtin.Pseudo),
            (words(TYPES, suffix=r"\b(?!\s*[.(\[:])"), Keyword.Type),
            (words(sorted(RESERVED - {*CONSTANTS, *WORD_OPERATORS}), suffix=r"\b"), Keyword),
            # The other words of the language are names too, where something stands behind them that a name has.
            (words(keywords(), suffix=r"\b(?!\s*(:=|:|[.(\[=<>,)!+]|-[^>]))"), Keyword),
            (r"[A-Z][A-Z0-9_]+\b", Name.Constant),
            (r"[A-Za-z_]\w*", Name),
            (r"==>|:=|=>|->|==|!=|<=|>=|<<|>>|::|\.\.|[-+*/%&|<>=]", Operator),
            (r"[{}()\[\],.:;]", Punctuation),
            (r".", Token.Error),
        ]
    }
