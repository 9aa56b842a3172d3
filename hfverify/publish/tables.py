"""Tables of one-line cells, which are many: parsed as lines, not as documents.

Reads   the directive `hf:table`: a line for the head, a line for each row, ` ¦ ` between cells, `~` for an empty one
Gives   Table
Refuses rows of different lengths (an error of the page)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec

from hfverify.publish.rst import CELLS, NO_TEXT


class Table(SphinxDirective):
    """A table with a head."""

    has_content = True
    option_spec: ClassVar[OptionSpec] = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """The table."""
        rows = [line.split(CELLS) for line in self.content]
        if len({len(row) for row in rows}) != 1:
            raise self.error("the rows of a table have different lengths")
        classes = ["hf-table", "colwidths-auto", *self.options.get("class", [])]
        group = nodes.tgroup(cols=len(rows[0]))
        group += [nodes.colspec(colwidth=1) for _ in rows[0]]
        group += nodes.thead("", self._row(rows[0]))
        group += nodes.tbody("", *(self._row(row) for row in rows[1:]))
        return [nodes.table("", group, classes=classes)]

    def _row(self, cells: Sequence[str]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            entry = nodes.entry()
            if cell != NO_TEXT:
                inline, messages = self.parse_inline(cell)
                entry += [nodes.paragraph(cell, "", *inline), *messages]
            row += entry
        return row
