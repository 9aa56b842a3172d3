"""A Sphinx extension that publishes a specification with its evidence: `extensions = ["hfverify.publish"]`.

Reads   conf.py. `hfverify_project`: the folder with [tool.hfverify] in its pyproject.toml, relative to conf.py.
        `hfverify_folder`: where pages are written below the documentation. `hfverify_stale`: what becomes of a ledger
        that is not that of the sources; `"show"` publishes pages that say so, `"error"` none. `hfverify_source_link`: a
        pattern with `{file}` and `{line}`; without it the sources are published too. `hfverify_traces`: files and
        `$ commands` with runs to draw. `hfverify_renamed`: names that are retired
Gives   the domain `hf`, the highlighting of `hfs`, pages for every call and everything that calls share
Refuses whatever cannot be published: the build ends, with file and line, before anything is written
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, ExtensionError
from sphinx.util.typing import ExtensionMetadata

import hfverify
from hfverify.publish.charts import load_charts
from hfverify.publish.domain import Domain, forgive
from hfverify.publish.generate import pages, write
from hfverify.publish.lexer import SpecificationLexer
from hfverify.publish.listing import add_listing
from hfverify.publish.marking import add_marks, follow
from hfverify.publish.navigation import Navigation
from hfverify.publish.renamed import misfits
from hfverify.publish.search import terms, write_terms
from hfverify.publish.subject import Unpublishable, load_subject
from hfverify.publish.switch import add_switch
from hfverify.publish.wrapping import wrap

STATIC = Path(__file__).parent / "static"
STALE = ("show", "error")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register everything."""
    app.add_config_value("hfverify_project", "..", "env", str)
    app.add_config_value("hfverify_folder", "reference", "env", str)
    app.add_config_value("hfverify_stale", "show", "", str)
    app.add_config_value("hfverify_source_link", "", "env", str)
    app.add_config_value("hfverify_traces", [], "", list)
    app.add_config_value("hfverify_renamed", {}, "env", dict)
    app.add_domain(Domain)
    app.add_lexer("hfs", SpecificationLexer)
    app.add_lexer("hfp", SpecificationLexer)
    add_listing(app)
    add_switch(app)
    app.connect("missing-reference", forgive)
    add_marks(app)
    app.connect("config-inited", _check)
    app.connect("builder-inited", _generate)
    app.connect("builder-inited", _static)
    Navigation().connect(app)
    app.connect("html-page-context", wrap)
    app.add_css_file("hfverify.css")
    app.add_js_file("hfverify-search.js", loading_method="defer")
    return {"version": hfverify.__version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _check(app: Sphinx, config: Config) -> None:
    """Options that cannot be meant."""
    if config.hfverify_stale not in STALE:
        raise ConfigError(f"hfverify_stale is {config.hfverify_stale!r}; it is one of {', '.join(map(repr, STALE))}")
    if not config.hfverify_folder or Path(config.hfverify_folder).is_absolute() or ".." in config.hfverify_folder:
        raise ConfigError("hfverify_folder is the name of a folder inside the documentation")


def _static(app: Sphinx) -> None:
    """Style sheet and scripts, after those of the project, which may replace them."""
    app.config.html_static_path.append(str(STATIC))


def _generate(app: Sphinx) -> None:
    """Write the pages that changed."""
    config = app.config
    root = (Path(app.srcdir) / config.hfverify_project).resolve()
    try:
        subject = load_subject(root)
        charts = load_charts(root, config.hfverify_traces)
    except Unpublishable as error:
        raise ExtensionError(f"nothing can be published:\n{error}") from error
    if subject.stale and config.hfverify_stale == "error":
        shown = subject.config.folders.shown(subject.config.ledger)
        raise ExtensionError(f"{shown}:1: the ledger is not that of the sources: run `hfverify verify`")
    follow(app, stale=subject.stale)
    renamed, linked = config.hfverify_renamed, bool(config.hfverify_source_link)
    if problems := list(misfits(renamed, subject)):
        raise ConfigError("\n".join(problems))
    texts = pages(subject, config.hfverify_folder, charts, sources=not linked, renamed=renamed)
    write(Path(app.srcdir) / config.hfverify_folder, texts)
    own = terms(subject, config.hfverify_folder)

    def finished(app: Sphinx, error: Exception | None) -> None:
        if error is None and app.builder.format == "html":
            write_terms(app, own)

    app.connect("build-finished", finished)
