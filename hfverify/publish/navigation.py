"""The navigation, which names every page on every page: made once for each folder, then marked for each page.

Reads   the tables of contents of all pages
Gives   Navigation, which stands in for what themes call `toctree`; whether all pages must be written anew
Refuses nothing: what a theme asks for in another way, Sphinx answers
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.environment.adapters.toctree import global_toctree_for_doc

PIECE = re.compile(
    r'<(?:ul|li)(?P<open>)(?: class="(?P<style>[^"]*)")?>|</(?:ul|li)(?P<close>)>'
    r'|<a class="(?P<link>[^"]*)" href="(?P<href>[^"]*)">'
)
CURRENT = "current"
# Sphinx gives the captions of tables of contents the role of a heading; a heading has a level.
CAPTION = re.compile(r'(<p class="caption" role="heading")>')
LEVEL = r'\1 aria-level="2">'


@dataclass(frozen=True, slots=True)
class Tree:
    """The HTML of a tree in which no page is the current one, and for each address what becomes of it there.

    An edit is a place in the text, how much of it goes, and what comes.
    """

    html: str
    edits: dict[str, list[tuple[int, int, str]]]

    def at(self, href: str) -> str:
        """The tree on the page with this address."""
        found, end = [], 0
        for place, length, text in sorted(self.edits.get(href, ())):
            found += [self.html[end:place], text]
            end = place + length
        return "".join([*found, self.html[end:]])


def tree_of(html: str) -> Tree:
    """Find the pages in a tree, and what surrounds each."""
    edits: dict[str, list[tuple[int, int, str]]] = {}
    around: list[tuple[int, int, str]] = []
    for piece in PIECE.finditer(html):
        if piece["open"] is not None:
            styled = piece["style"] is not None
            text = f" {CURRENT}" if styled else f' class="{CURRENT}"'
            around.append((piece.end("style") if styled else piece.end() - 1, 0, text))
        elif piece["close"] is not None:
            around.pop()
        else:
            page, _, part = piece["href"].partition("#")
            own = [(piece.start("href"), len(page), "" if part else "#")]
            if not part:
                own += [*around, (piece.start("link"), 0, f"{CURRENT} ")]
            edits.setdefault(page, []).extend(own)
    return Tree(html, {href: sorted(set(found)) for href, found in edits.items()})


class Navigation:
    """All trees of a build."""

    def __init__(self) -> None:
        self.differs = False
        self.trees: dict[tuple[Any, ...], Tree] = {}

    def connect(self, app: Sphinx) -> None:
        """Follow a build. Themes ask for the tree at the usual priority, 500."""
        app.connect("env-get-outdated", self.note)
        app.connect("env-updated", self.rewrite)
        app.connect("html-page-context", self.offer, priority=400)

    def note(
        self, app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
    ) -> list[str]:
        """Before pages are read; asks for none beside those that changed."""
        self.differs = bool(added or removed)
        return []

    def rewrite(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """If there are other pages than before, all are written anew."""
        return sorted(env.found_docs) if self.differs else []

    def offer(
        self, app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
    ) -> None:
        """Stand in for Sphinx where the whole tree is asked for."""
        if "body" in context:
            context["body"] = CAPTION.sub(LEVEL, context["body"])
        builder, whole = app.builder, context.get("toctree")
        if whole is None or not isinstance(builder, StandaloneHTMLBuilder):
            return

        def toctree(**options: Any) -> str:
            if options.get("collapse", True) or app.builder.name != "html":
                return str(whole(**options))
            return self.tree(builder, pagename, options).at(builder.get_target_uri(pagename).rpartition("/")[2])

        context["toctree"] = toctree

    def tree(self, builder: StandaloneHTMLBuilder, pagename: str, options: dict[str, Any]) -> Tree:
        """The tree of the folder of a page."""
        folder = pagename.rpartition("/")[0]
        key = (folder, *sorted(options.items()))
        if key not in self.trees:
            nobody = f"{folder}/" if folder else ""
            found = global_toctree_for_doc(builder.env, nobody, builder, tags=builder.tags, **options)
            self.trees[key] = tree_of(CAPTION.sub(LEVEL, builder.render_partial(found)["fragment"]))
        return self.trees[key]
