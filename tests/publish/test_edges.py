"""The smallest subjects: nothing shared, nothing known, text that looks like markup."""

from __future__ import annotations

import re
from pathlib import Path

from sites import CONF, INDEX, Site, build

from hfverify import ledger
from hfverify.config import load_config
from hfverify.session import Session
from hfverify.units import Scope

SPEC = r"""/// A subject with one call.
module tiny

/// Doubles *twice* `n` times; a_b_ |c| <d> \ : {braces}.
///
/// Second paragraph.
entry double {
    impl "tiny.code:double"
    arg n: u8
    ret twice: u16

    /// Nothing is `doubled` by *this*.
    reject odd unless n % 2 == 0 { returns 0 }

    /// It is.
    case even when true { returns n + n }
}
"""
CODE = """def double(n: int) -> int:
    if n % 2 != 0:
        return 0
    return n + n
"""


def tiny(folder: Path) -> Site:
    """The subject, with a ledger that knows nothing."""
    subject = folder / "subject"
    for name in ("spec", "impl/tiny", "proofs", "docs"):
        (subject / name).mkdir(parents=True)
    (subject / "pyproject.toml").write_text("[tool.hfverify]\n", "utf-8")
    for key in ("spec", "impl", "proofs"):
        with (subject / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(f'{key} = "{key}"\n')
    (subject / "spec" / "tiny.hfs").write_text(SPEC, "utf-8")
    (subject / "impl" / "tiny" / "code.py").write_text(CODE, "utf-8")
    (subject / "docs" / "conf.py").write_text(CONF, "utf-8")
    (subject / "docs" / "index.rst").write_text(INDEX, "utf-8")
    config = load_config(subject)
    session = Session(config, Scope(implementation=True, steps=1), jobs=1)
    ledger.save(config.ledger, session.subjects.program.revision, session.fingerprint(), [], [])
    return Site(subject, folder / "html")


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_smallest_subject_builds_without_a_warning(tmp_path: Path) -> None:
    site = build(tiny(tmp_path))
    assert site.warnings == ""
    page = text_of(site.page("reference/calls/double"))
    assert "· not asked" in page
    assert "proved" not in page.replace("0 of 0 obligations proved", "")
    assert "The specification declares no lock." in text_of(site.page("reference/locks"))
    assert "No call of this specification has a number." in text_of(site.page("reference/numbers"))


def test_published_text_is_shown_as_it_is_written(tmp_path: Path) -> None:
    site = build(tiny(tmp_path))
    page = text_of(site.page("reference/calls/double"))
    assert r"Doubles *twice* n times; a_b_ |c| &lt;d&gt; \ : {braces}." in page
    assert "Nothing is doubled by *this*." in page
    assert "Second paragraph." in page


def test_what_a_run_would_write_is_what_the_pages_compare_with(tmp_path: Path) -> None:
    site = tiny(tmp_path)
    config = load_config(site.subject)
    session = Session(config, Scope(implementation=True, steps=1_000_000), jobs=1)
    done = session.run([], fresh=True, warn=print, started=lambda reused, todo: None, finished=lambda name, found: None)
    assert done.inputs == session.fingerprint() == ledger.load(config.ledger).inputs
    ledger.save(config.ledger, session.subjects.program.revision, done.inputs, [], done.verdicts)
    page = text_of(build(site).page("reference/calls/double"))
    own = [verdict for verdict in done.verdicts if verdict.obligation.group == "double"]
    assert len(own) > 10
    assert f"{len(own)} of {len(own)} obligations proved" in page
    assert "● proved" in page
