"""What cannot be published ends the build, with file and line, before a page is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import CONF, INDEX, Site, build, edit, jobs
from sphinx.errors import ConfigError, ExtensionError

NUMBERED = """
/// One.
hypercall one {{
    number 0x1 as FIRST
    impl "jobs.shop:pause"
    ret x0 result: u32
    /// Always.
    case told when true {{ returns 0 }}
}}
/// Two.
hypercall two {{
    number {number} as SECOND
    impl "jobs.shop:pause"
    ret x0 result: u32
    /// Always.
    case told when true {{ returns 0 }}
}}
"""


def refused(site: Site, kind: type[Exception] = ExtensionError, **options: object) -> str:
    """What the build says; no page of the subject is there afterwards."""
    with pytest.raises(kind) as error:
        build(site, **options)
    assert not (site.subject / "docs" / "reference").exists()
    assert not site.out.exists() or list(site.out.rglob("*.html")) == []
    return str(error.value)


def test_a_specification_that_does_not_resolve(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    line = edit(site.subject / "spec" / "jobs.hfs", "unless shop.is_open", "unless shop.is_opened")
    said = refused(site)
    assert f"spec/jobs.hfs:{line}" in said
    assert "HF201" in said


def test_a_specification_that_does_not_parse(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    line = edit(site.subject / "spec" / "jobs.hfs", "entry finish {", "entry finish }")
    assert f"spec/jobs.hfs:{line}" in refused(site)


@pytest.mark.parametrize(
    ("text", "name"),
    [("/// Puts down the job that is done.\n", "`finish`"), ("    /// The shop is closed.\n", "`submit.closed`")],
)
def test_a_call_or_a_case_without_published_text(tmp_path: Path, text: str, name: str) -> None:
    site = jobs(tmp_path)
    line = edit(site.subject / "spec" / "jobs.hfs", text, "")
    said = refused(site)
    assert f"{name} has no published text" in said
    assert f"spec/jobs.hfs:{line}" in said


def test_two_calls_with_one_number(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    file = site.subject / "spec" / "jobs.hfs"
    file.write_text(file.read_text("utf-8") + NUMBERED.format(number="0x1"), "utf-8")
    said = refused(site)
    assert "two calls have the number 0x1" in said
    assert "spec/jobs.hfs:" in said


def test_an_implementation_that_lacks_a_function(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    line = edit(site.subject / "spec" / "jobs.hfs", 'impl "jobs.shop:pause"', 'impl "jobs.shop:wait"')
    assert f"spec/jobs.hfs:{line}" in refused(site)


def test_a_missing_ledger(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    (site.subject / "proofs" / "ledger.json").unlink()
    said = refused(site)
    assert "proofs/ledger.json:1: there is no ledger" in said
    assert "hfverify verify" in said


@pytest.mark.parametrize(("text", "line"), [("{\n,\n}", 2), ("{}", 1), ("\n\n[1,\n2", 4)])
def test_a_damaged_ledger(tmp_path: Path, text: str, line: int) -> None:
    site = jobs(tmp_path)
    (site.subject / "proofs" / "ledger.json").write_text(text, "utf-8")
    said = refused(site)
    assert f"proofs/ledger.json:{line}:" in said
    assert "is damaged" in said


def test_a_stale_ledger_if_it_must_be_fresh(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    assert "proofs/ledger.json:1: the ledger is not that of the sources" in refused(site, hfverify_stale="error")


def test_options_that_cannot_be_meant(tmp_path: Path) -> None:
    assert "'hide'" in refused(jobs(tmp_path / "a"), ConfigError, hfverify_stale="hide")
    assert "hfverify_folder" in refused(jobs(tmp_path / "b"), ConfigError, hfverify_folder="../elsewhere")
    assert "pyproject.toml" in refused(jobs(tmp_path / "c"), hfverify_project="../../..")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no JSON\n", "run.jsonl:1: this is no line of a run"),
        ('{"from": "a", "to": "b", "text": "c"}\n', "run.jsonl:1: the first line of a run names its chart"),
        (
            '{"chart": "A", "lanes": ["a"]}\n\n{"from": "a", "to": "b", "text": "c"}\n',
            "run.jsonl:3: the chart has no lane `b`",
        ),
    ],
)
def test_a_run_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    site = jobs(tmp_path)
    (site.subject / "run.jsonl").write_text(text, "utf-8")
    assert said in refused(site, hfverify_traces=["run.jsonl"])


def test_a_run_that_is_not_there_or_fails(tmp_path: Path) -> None:
    assert "none.jsonl:1: this run cannot be read" in refused(jobs(tmp_path / "a"), hfverify_traces=["none.jsonl"])
    said = refused(jobs(tmp_path / "b"), hfverify_traces=["$ {python} -c 'import nowhere'"])
    assert "hfverify_traces failed" in said
    assert "nowhere" in said


def test_a_role_whose_target_nobody_declares_is_a_warning_with_its_line(tmp_path: Path) -> None:
    site = build(jobs(tmp_path, index=INDEX + "\n:hf:call:`submitt` and :hf:mark:`certain`\n"))
    assert "index.rst:8: WARNING: hf:call reference target not found: submitt" in site.warnings
    assert "index.rst:8: ERROR: no mark is called `certain`" in site.warnings


def test_two_pages_that_declare_one_call_are_a_warning(tmp_path: Path) -> None:
    site = build(jobs(tmp_path, index=INDEX + "\n.. hf:call:: submit\n", conf=CONF))
    assert "the call `submit` is declared in" in site.warnings


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("call hand_in", "submitt", "leads to the call `submitt`, which is not there"),
        ("call take", "submit", "is not retired: there is a call of this name"),
        ("take", "submit", "is not a kind and a name"),
    ],
)
def test_a_retired_name_that_cannot_be_meant(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refused(jobs(tmp_path), ConfigError, hfverify_renamed={old: new})
