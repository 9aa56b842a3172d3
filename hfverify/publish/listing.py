"""The text of a source file as a page, on which each line has an anchor.

Reads   the directive `hf:listing`, whose argument names a file of the subject
Gives   Listing, and the node that it makes; page_of and line_anchor, which say where a line stands
Refuses a file that cannot be read (an error of the page)
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from hfverify.publish.lexer import SpecificationLexer

ANCHOR = "L"


def page_of(file: str) -> str:
    """The page of a file, relative to the folder of what is generated."""
    return f"source/{file.replace('/', '-')}"


def line_anchor(line: int) -> str:
    """The anchor of a line."""
    return f"{ANCHOR}-{line}"


class listing(nodes.General, nodes.Element):  # noqa: N801
    """A file with its name and its text."""


class Listing(SphinxDirective):
    """Shows a file; it is not searched, because what it says stands on other pages too."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The listing."""
        root = Path(self.env.srcdir, self.config.hfverify_project).resolve()
        path = root / self.arguments[0]
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self.error(f"{self.arguments[0]} cannot be read: {error}") from error
        self.env.note_dependency(str(path))
        return [listing("", file=self.arguments[0], text=text)]


def visit_html(translator: HTML5Translator, node: nodes.Element) -> None:
    """Each line in an element of its own."""
    name = node["file"]
    lexer = SpecificationLexer() if name.endswith((".hfs", ".hfp")) else get_lexer_for_filename(name)
    formatter = HtmlFormatter(linespans=ANCHOR, cssclass="highlight hf-listing")
    translator.body.append(highlight(node["text"], lexer, formatter))
    raise nodes.SkipNode


def visit_other(translator: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Other builders leave the text of the sources out."""
    raise nodes.SkipNode


def add_listing(app: Sphinx) -> None:
    """Make the node known."""
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (visit_other, None))
    app.add_node(listing, html=(visit_html, None), **others)  # type: ignore[arg-type]
