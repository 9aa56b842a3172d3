"""Marks and the banner on a page, which say *stale* if the ledger is not that of the sources.

Reads   the role `hf:mark` (`proved`, `tested (400 examples, 3 paths)`), the role `hf:legend`, the directive `hf:banner`
Gives   nodes that are looked at when a page is written, so that a page is not read again because the ledger went stale
Refuses a mark that does not exist (an error of the page)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective, SphinxRole

from hfverify.publish.marks import MARKS

STALE = "stale"
# In the output: what its pages say.
NOTE = ".hfverify"
# Nothing was decided about it, so nothing of it can be out of date.
LASTING = ("not-asked",)
BANNER = (
    "The specification, the implementation or the proof files have changed since the ledger was written. "
    "No mark here says anything until "
)


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


def follow(app: Sphinx, *, stale: bool) -> None:
    """Write every page with a mark again if the ledger went stale, or is not stale any more.

    The note in the output is away while pages are written, so that an interrupted build is made good by the next one.
    """
    note = Path(app.outdir) / NOTE
    now = STALE if stale else "fresh"
    before = note.read_text("utf-8") if note.is_file() else ""
    note.unlink(missing_ok=True)
    state_of(app.env)["stale"] = stale

    def again(app: Sphinx, env: BuildEnvironment) -> list[str]:
        return sorted(state_of(env)["pages"]) if before != now else []

    def finished(app: Sphinx, error: Exception | None) -> None:
        if error is None:
            note.write_text(now, "utf-8")

    app.connect("env-updated", again)
    app.connect("build-finished", finished)


class MarkRole(SphinxRole):
    """A mark with its word, and numbers in parentheses behind it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The mark, for when the page is written."""
        key, _, numbers = self.text.partition(" ")
        if key not in MARKS:
            message = f"no mark is called `{key}`; there are {', '.join(sorted(MARKS))}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        if self.name.endswith("legend"):
            return [drawn(key)], []
        state_of(self.env)["pages"].add(self.env.docname)
        return [pending_mark("", key=key, numbers=numbers)], []


class Banner(SphinxDirective):
    """What a reader of the page must know first, if the ledger is stale."""

    def run(self) -> list[nodes.Node]:
        """Its place."""
        state_of(self.env)["pages"].add(self.env.docname)
        return [pending_banner("")]


class Mark(SphinxPostTransform):
    """Says of each mark what is true now."""

    default_priority = 20

    def run(self, **kwargs: object) -> None:
        """Replace what waits for it."""
        stale = state_of(self.env)["stale"]
        for node in list(self.document.findall(pending_mark)):
            key = STALE if stale and node["key"] not in LASTING else node["key"]
            node.replace_self(drawn(key, node["numbers"] if key != STALE else ""))
        for place in list(self.document.findall(pending_banner)):
            place.replace_self([_banner()] if stale else [])


def _banner() -> nodes.admonition:
    text = nodes.paragraph("", BANNER)
    text += [nodes.literal("hfverify verify", "hfverify verify"), nodes.Text(" has run.")]
    return nodes.admonition("", nodes.title("Stale", "Stale"), text, classes=["hf-banner", "admonition-stale"])
