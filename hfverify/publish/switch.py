"""The switch between revisions: which page of the same thing stands for which revision.

Reads   the directive `hf:other-revisions`, with a line `NAME PAGE` for each revision; `.` is this page, `-` says that
        the thing is not there. The directive `hf:as-of`, whose argument is the revision that the page describes
Gives   links to the other pages, as navigation of its own; as_of, which says what a page describes
Refuses nothing: what becomes of a page that does not exist, Sphinx says
"""

from __future__ import annotations

import html
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

CONTEXT = "hf:as-of"
# The field of a page that says where the same thing stands as it is now.
NEWEST = "hf-newest"
HERE, NOT_THERE = ".", "-"


def as_of(env: BuildEnvironment) -> str:
    """The revision that the page which is read describes, if it is not the chosen one."""
    return str(env.ref_context.get(CONTEXT, ""))


class switch(nodes.General, nodes.Element):  # noqa: N801
    """`pages` are pairs of a revision and a page."""


class AsOf(SphinxDirective):
    """From here on the page describes another revision; nothing on it has a mark."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Nothing to be seen."""
        self.env.ref_context[CONTEXT] = self.arguments[0]
        return []


class Switch(SphinxDirective):
    """The control."""

    has_content = True
    option_spec: ClassVar[OptionSpec] = {"absent": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Its place."""
        pages = [tuple(line.split()) for line in self.content]
        return [switch("", pages=pages, absent=self.options.get("absent", ""))]


def visit_html(translator: HTML5Translator, node: nodes.Element) -> None:
    """A list of links, of which one is the current page."""
    builder = translator.builder
    here = builder.current_docname
    items = []
    for revision, page in node["pages"]:
        name = html.escape(revision)
        if page == NOT_THERE:
            items.append(f'<li><span class="hf-absent">{name} <small>{html.escape(node["absent"])}</small></span></li>')
        elif page == HERE:
            items.append(f'<li><a class="reference internal" href="#" aria-current="page">{name}</a></li>')
        else:
            uri = html.escape(builder.get_relative_uri(here, page))
            items.append(f'<li><a class="reference internal" href="{uri}" data-revision="{name}">{name}</a></li>')
    head = '<span class="hf-label">As of revision</span>'
    translator.body.append(f'<nav class="hf-switch" aria-label="Revision">{head}<ul>{"".join(items)}</ul></nav>')
    raise nodes.SkipNode


def visit_other(translator: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Other builders have the history."""
    raise nodes.SkipNode


def canonical(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Search engines that find the page of another revision are told which one counts."""
    newest = (context.get("meta") or {}).get(NEWEST)
    if newest:
        uri = html.escape(app.builder.get_relative_uri(pagename, newest))
        context["metatags"] = f'{context.get("metatags", "")}<link rel="canonical" href="{uri}">\n'


def add_switch(app: Sphinx) -> None:
    """Make it known."""
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (visit_other, None))
    app.add_node(switch, html=(visit_html, None), **others)  # type: ignore[arg-type]
    app.connect("html-page-context", canonical)
    app.add_js_file("hfverify-revision.js", loading_method="defer")
