"""Where a long name may go on in the next line: behind its dots, and nowhere inside a word.

Reads   the HTML of a page
Gives   breakable, and its place in a build
Refuses nothing
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONG = 16
NAME = re.compile(rf'(?<=<span class="pre">)[\w.\[\], ]{{{LONG},}}(?=</span>)')


def breakable(page: str) -> str:
    """The page with places for breaks, which nobody copies."""
    return NAME.sub(lambda found: found[0].replace(".", ".<wbr>"), page)


def wrap(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """When the page is written."""
    if "body" in context:
        context["body"] = breakable(context["body"])
