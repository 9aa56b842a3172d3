"""Small sites for the tests: a copy of a subject with a documentation folder, built as Sphinx builds it."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="`make docs` installs the extra `docs`")

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "examples" / "jobs"
CONF = """
extensions = ["hfverify.publish"]
html_theme = "basic"
nitpicky = True
"""
INDEX = "Jobs\n====\n\n.. toctree::\n\n   reference/index\n"


@dataclass(slots=True)
class Site:
    """Where it is built, and what Sphinx warned of."""

    subject: Path
    out: Path
    warnings: str = ""

    def page(self, name: str) -> str:
        """The HTML of a page."""
        return (self.out / f"{name}.html").read_text("utf-8")


def jobs(folder: Path, *, index: str = INDEX, conf: str = CONF) -> Site:
    """A copy of the second subject, with documentation that is not built yet."""
    subject = folder / "jobs"
    shutil.copytree(JOBS, subject, ignore=shutil.ignore_patterns("mutants", "rewrites", ".hfverify", "__pycache__"))
    (subject / "docs").mkdir()
    (subject / "docs" / "conf.py").write_text(conf, "utf-8")
    (subject / "docs" / "index.rst").write_text(index, "utf-8")
    return Site(subject, folder / "html")


def build(site: Site, *, docs: Path | None = None, builder: str = "html", **options: object) -> Site:
    """Build it; the warnings are what `-W` would make errors of."""
    source = docs or site.subject / "docs"
    warnings = io.StringIO()
    with patch_docutils(str(source)), docutils_namespace():
        app = Sphinx(
            source,
            source,
            site.out,
            site.out.parent / "doctrees",
            builder,
            confoverrides=options,
            status=None,
            warning=warnings,
        )
        app.build()
    site.warnings = warnings.getvalue()
    return site


def edit(file: Path, old: str, new: str) -> int:
    """Replace a text that occurs once; the line on which it stood."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file}: {old!r} occurs {text.count(old)} times"
    file.write_text(text.replace(old, new), "utf-8")
    return text[: text.index(old)].count("\n") + 1
