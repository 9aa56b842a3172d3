"""Marks and the banner on a page, which say *stale* if the ledger is not that of the sources.

Reads   the role `hf:mark` (`proved`, `tested (400 examples, 3 paths)`), the role `hf:legend`, the directive `hf:banner`
Gives   nodes that are looked at when a page is written, so that a page is not read again because the ledger went stale
Refuses a mark that does not exist (an error of the page)
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.writers.html5 import HTML5Translator

from hfverify.publish.marks import MARKS
from hfverify.publish.switch import as_of

STALE = "stale"
# In the output: what its pages say.
NOTE = ".hfverify"
# Nothing was decided about it, so nothing of it can be out of date.
LASTING = ("not-asked",)
BANNER = (
    "The specification, the implementation or the proof files have changed since the ledger was written. "
    "No mark here says anything until "
)
AGAIN = "hfverify verify"
# Builders that write a file for each page, which can be mended.
PAGE_BUILDERS = ("html", "dirhtml")


class pending_mark(nodes.Inline, nodes.Element):  # noqa: N801
    """A mark as the ledger has it."""


class pending_banner(nodes.General, nodes.Element):  # noqa: N801
    """Where a page says that it is stale."""


def state_of(env: BuildEnvironment) -> dict[str, Any]:
    """What a build knows: whether the ledger is `stale`, and which pages have a mark or a banner."""
    return cast(dict[str, Any], env.get_domain("hf").data["marking"])


def new_state() -> dict[str, Any]:
    """Before the first build."""
    return {"stale": False, "pages": set()}


def drawn(key: str, numbers: str = "") -> nodes.inline:
    """Sign and word, and what stands behind them."""
    mark = MARKS[key]
    found = nodes.inline("", "", classes=["hf-mark", f"hf-{key}"])
    found += nodes.inline(mark.sign, mark.sign, classes=["hf-sign"])
    found += nodes.Text(f" {mark.word}")
    if numbers:
        found += [nodes.Text(" "), nodes.inline(numbers, numbers, classes=["hf-numbers"])]
    return found


def _said(key: str, numbers: str, *, stale: bool) -> tuple[str, str]:
    """Which mark is shown in place of what the ledger has."""
    return (STALE, "") if stale and key not in LASTING else (key, numbers)


# ---------------------------------------------------------------- in HTML

MARK = re.compile(r'<span class="hf-mark [\w-]+" data-known="([^"]*)">(?:[^<]|<span[^>]*>[^<]*</span>)*</span>')
BANNER_PLACE = re.compile(r"<!-- banner -->.*?<!-- /banner -->", re.DOTALL)


def mark_html(known: str, *, stale: bool) -> str:
    """A mark that knows what it says when the ledger is fresh."""
    key, numbers = _said(*_parts(known), stale=stale)
    mark = MARKS[key]
    behind = f' <span class="hf-numbers">{html.escape(numbers)}</span>' if numbers else ""
    text = f'<span class="hf-sign">{mark.sign}</span> {mark.word}{behind}'
    return f'<span class="hf-mark hf-{key}" data-known="{html.escape(known)}">{text}</span>'


def banner_html(*, stale: bool) -> str:
    """The place of the banner, and the banner if there is one."""
    text = f'<p class="admonition-title">Stale</p><p>{BANNER}<code>{AGAIN}</code> has run.</p>'
    banner = f'<div class="hf-banner admonition-stale admonition">{text}</div>' if stale else ""
    return f"<!-- banner -->{banner}<!-- /banner -->"


def settled(page: str, *, stale: bool) -> str:
    """The HTML of a page with the marks that are true now."""
    page = BANNER_PLACE.sub(lambda _: banner_html(stale=stale), page)
    return MARK.sub(lambda found: mark_html(html.unescape(found[1]), stale=stale), page)


def _parts(known: str) -> tuple[str, str]:
    key, _, numbers = known.partition(" ")
    return key, numbers


def _visit_mark(translator: HTML5Translator, node: nodes.Element) -> None:
    stale = state_of(translator.builder.env)["stale"]
    translator.body.append(mark_html(node["known"], stale=stale))
    raise nodes.SkipNode


def _visit_banner(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.body.append(banner_html(stale=state_of(translator.builder.env)["stale"]))
    raise nodes.SkipNode


def add_marks(app: Sphinx) -> None:
    """Make the nodes known; where pages are no HTML, others stand in their place before a page is written."""
    app.add_node(pending_mark, html=(_visit_mark, None))
    app.add_node(pending_banner, html=(_visit_banner, None))


def follow(app: Sphinx, *, stale: bool) -> None:
    """Mend every page with a mark if the ledger went stale, or is not stale any more; no page is read again for it.

    The note in the output is away while pages are written, so that an interrupted build is made good by the next one.
    """
    note = Path(app.outdir) / NOTE
    now = STALE if stale else "fresh"
    before = note.read_text("utf-8") if note.is_file() else ""
    note.unlink(missing_ok=True)
    state_of(app.env)["stale"] = stale
    apart = isinstance(app.builder, StandaloneHTMLBuilder) and app.builder.name in PAGE_BUILDERS

    def again(app: Sphinx, env: BuildEnvironment) -> list[str]:
        return sorted(state_of(env)["pages"]) if before != now and not apart else []

    def finished(app: Sphinx, error: Exception | None) -> None:
        if error is None:
            if before != now and isinstance(app.builder, StandaloneHTMLBuilder) and apart:
                for name in sorted(state_of(app.env)["pages"]):
                    _mend(Path(app.builder.get_outfilename(name)), stale=stale)
            note.write_text(now, "utf-8")

    if app.builder.format != "html":
        app.connect("doctree-resolved", _resolve)
    app.connect("env-updated", again)
    app.connect("build-finished", finished)


def _mend(path: Path, *, stale: bool) -> None:
    text = path.read_text("utf-8")
    mended = settled(text, stale=stale)
    if mended != text:
        path.write_text(mended, "utf-8")


class MarkRole(SphinxRole):
    """A mark with its word, and numbers in parentheses behind it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The mark, for when the page is written."""
        key, _ = _parts(self.text)
        if key not in MARKS:
            message = f"no mark is called `{key}`; there are {', '.join(sorted(MARKS))}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        if self.name.endswith("legend"):
            return [drawn(key)], []
        if as_of(self.env):
            return [], []
        state_of(self.env)["pages"].add(self.env.docname)
        return [pending_mark("", known=self.text)], []


class Banner(SphinxDirective):
    """What a reader of the page must know first, if the ledger is stale."""

    def run(self) -> list[nodes.Node]:
        """Its place."""
        state_of(self.env)["pages"].add(self.env.docname)
        return [pending_banner("")]


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put what is true now in the place of marks and banner."""
    stale = state_of(app.env)["stale"]
    for node in list(doctree.findall(pending_mark)):
        node.replace_self(drawn(*_said(*_parts(node["known"]), stale=stale)))
    for place in list(doctree.findall(pending_banner)):
        place.replace_self([_banner()] if stale else [])


def _banner() -> nodes.admonition:
    text = nodes.paragraph("", BANNER)
    text += [nodes.literal(AGAIN, AGAIN), nodes.Text(" has run.")]
    return nodes.admonition("", nodes.title("Stale", "Stale"), text, classes=["hf-banner", "admonition-stale"])
