"""The pages say what the specification says: checked against the model, for the second subject."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sites import CONF, INDEX, JOBS, Site, build, edit, jobs
from sphinx.errors import ExtensionError
from sphinx.util.inventory import InventoryFile

from hfverify import ledger
from hfverify.config import load_config
from hfverify.model.program import Outcome
from hfverify.publish.facts import facts_of
from hfverify.publish.generate import pages, write
from hfverify.publish.navigation import Navigation
from hfverify.publish.subject import Subject, load_subject
from hfverify.session import Session
from hfverify.units import Scope


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", "")).split())


def said_of(subject: Subject, outcome: Outcome) -> str:
    """The first words of a published text, up to what becomes a link."""
    return " ".join(subject.said(outcome).split("`")[0].split())


def test_the_second_subject_builds_without_a_warning(small: Site) -> None:
    assert small.warnings == ""


def test_every_call_has_its_page_with_each_case_and_each_obligation(small: Site) -> None:
    subject = load_subject(JOBS)
    for call in subject.program.calls.values():
        page = small.page(f"reference/calls/{call.name}")
        assert f'id="{call.name}"' in page
        for outcome in call.outcomes:
            assert f'id="case.{call.name}.{outcome.name}"' in page
            assert said_of(subject, outcome) in text_of(page)
        for name in subject.entries(call.name):
            assert f'id="{name}"' in page


def test_every_cell_lock_and_invariant_has_an_anchor(small: Site) -> None:
    program = load_subject(JOBS).program
    for cell in program.cells():
        assert f'id="{cell.name}"' in small.page(f"reference/cells/{cell.state}")
    for lock in program.locks.values():
        assert f'id="{lock.name}"' in small.page("reference/locks")
        for invariant in lock.invariants:
            assert f'id="invariant.{invariant.name}"' in small.page("reference/locks")


def test_what_is_owed_stands_on_the_page_of_its_state_and_is_not_called_proved(small: Site) -> None:
    page = small.page("reference/cells/worker")
    for name in ("gets_work", "does_its_job"):
        assert f'id="{name}"' in page
    text = text_of(page)
    assert "A worker does not wait while there is a job." in text
    assert "Nobody proves this." in text
    assert "Nobody proves this." not in text_of(small.page("reference/cells/shop"))


def test_every_obligation_of_the_ledger_has_one_anchor_in_all(small: Site) -> None:
    everything = "".join(path.read_text("utf-8") for path in (small.out / "reference").rglob("*.html"))
    for name in ledger.load(JOBS / "proofs" / "ledger.json").entries:
        assert everything.count(f' id="{name}"') == 1, name


def test_changes_are_shown_from_before_to_after() -> None:
    subject = load_subject(JOBS)
    facts = facts_of(subject, subject.program.calls["take"])
    (changed,) = [c for c in facts.changes["waits"] if c.cell.name == "worker.state"]
    assert (sorted(changed.before or ()), changed.target) == (["IDLE", "WAITING"], "WAITING")
    started = {c.place: c.after for c in facts.changes["taken"]}
    assert started["me.job"] == "q.oldest"
    assert started["me.state"] == "BUSY"


def test_readers_and_writers_of_a_cell() -> None:
    subject = load_subject(JOBS)
    facts = {name: facts_of(subject, call) for name, call in subject.program.calls.items()}
    assert [name for name, found in facts.items() if "queue.count" in found.writes] == ["submit", "take"]
    assert facts["finish"].writes == {"worker.last": ["done"], "worker.job": ["done"], "worker.state": ["done"]}
    assert "worker.job" in facts["finish"].reads
    assert "worker.last" not in facts["finish"].reads


def test_equal_subjects_give_equal_pages_and_only_what_changed_is_written(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    texts = pages(load_subject(site.subject), "reference", [])
    assert texts == pages(load_subject(JOBS), "reference", [])
    folder = tmp_path / "reference"
    assert set(write(folder, texts)) == set(texts)
    assert write(folder, texts) == []
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    texts = pages(load_subject(site.subject), "reference", [])
    assert "calls/submit" in write(folder, texts)
    (folder / "mine.rst").write_text("Mine\n====\n", "utf-8")
    texts.pop("types")
    write(folder, texts)
    assert not (folder / "types.rst").exists()
    assert (folder / "mine.rst").exists()


def test_a_ledger_of_other_sources_is_stale_on_every_page(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    build(site)
    assert site.warnings == ""
    for path in sorted((site.out / "reference").rglob("*.html")):
        if path.parent.name == "source":
            continue
        page = path.read_text("utf-8")
        assert "hf-banner" in page, path
        marks = set(re.findall(r'class="hf-mark hf-([a-z-]+)"', page))
        assert marks <= {"stale"} or path.name == "index.html", path
    assert '<span class="hf-sign">◌</span> stale' in site.page("reference/calls/submit")


def test_without_examples_a_code_stands_alone(small: Site) -> None:
    page = text_of(small.page("reference/diagnostics"))
    assert "HF101 the text does not follow the grammar ¶" in page
    assert "meaning and example" not in page


def test_names_that_are_retired_lead_on(tmp_path: Path) -> None:
    renamed = {"call hand_in": "submit", "case take.none_left": "take.waits", "cell queue.size": "queue.count"}
    index = INDEX + "\n:hf:call:`hand_in` :hf:case:`hand_in.full` :hf:obligation:`hand_in.full.returns`\n"
    site = build(jobs(tmp_path, index=index), hfverify_renamed=renamed)
    assert site.warnings == ""
    page = site.page("reference/calls/submit")
    for old in ("hand_in", "case.hand_in.full", "hand_in.full.returns", "submit", "case.submit.full"):
        assert page.count(f'id="{old}"') == 1
    assert 'id="case.take.none_left"' in site.page("reference/calls/take")
    assert 'id="queue.size"' in site.page("reference/cells/queue")
    assert 'href="submit.html#submit"' in site.page("reference/calls/hand_in")
    for link in ("#hand_in", "#case.hand_in.full", "#hand_in.full.returns"):
        assert f'href="reference/calls/submit.html{link}"' in site.page("index")


def test_a_fresh_ledger_is_nowhere_stale(small: Site) -> None:
    page = small.page("reference/calls/submit")
    assert "hf-banner" not in page
    assert set(re.findall(r'class="hf-mark hf-([a-z-]+)"', page)) == {"proved"}


def test_other_marks_come_from_the_ledger_with_their_words(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    file = site.subject / "proofs" / "ledger.json"
    text = file.read_text("utf-8")
    for name, status in (("submit.full.returns", "REFUTED"), ("submit.full.frame", "TESTED")):
        text = re.sub(rf'("{re.escape(name)}": \{{\s*"status": )"PROVED"', rf'\1"{status}"', text)
    file.write_text(text, "utf-8")
    page = build(site).page("reference/calls/submit")
    assert "hfverify replay submit.full.returns" in text_of(page)
    assert "◐ tested" in text_of(page)
    assert 'href="#submit.full.returns"' in page
    assert "refuted" in text_of(site.page("reference/index"))


def test_what_is_tested_shows_its_numbers(tmp_path: Path) -> None:
    site = jobs(tmp_path)
    file = site.subject / "proofs" / "ledger.json"
    data = json.loads(file.read_text("utf-8"))
    ways = [["13! 15 18", 390], ["13", 10]]
    for name in ("submit.full.frame", "submit.full.effect"):
        evidence = {"examples": 400, "ways": ways, "schedules": 0, "seed": 0}
        data["obligations"][name] = {"status": "TESTED", "steps": 9, "group": "submit", "evidence": evidence}
    file.write_text(json.dumps(data), "utf-8")
    proofs = site.subject / "proofs" / "jobs.hfp"
    reason = "the solver gives up on `submit`"
    proofs.write_text(proofs.read_text("utf-8") + f'\naccept "submit.full.frame"\n    because "{reason}"\n', "utf-8")
    fresh(site)
    page = text_of(build(site).page("reference/calls/submit"))
    assert "full ◐ tested (400 examples, 2 paths, one CPU)" in page
    assert "by 400 examples, 0 schedules, seed 0" in page
    assert "13! 15 18 390 submit.full.frame , submit.full.effect" in page
    board = text_of(site.page("reference/proofs"))
    assert "submit.full.frame ◐ tested (400 examples, 2 paths, one CPU) the solver gives up on submit" in board
    assert "submit.full.effect ◐ tested (400 examples, 2 paths, one CPU) –" in board
    assert "Tested, and accepted without a proof" in text_of(site.page("reference/assumptions"))
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    assert "tested (" not in text_of(build(site).page("reference/calls/submit"))


def fresh(site: Site) -> None:
    """Let the ledger be that of the sources, whatever it says of them."""
    config = load_config(site.subject)
    file = site.subject / "proofs" / "ledger.json"
    data = json.loads(file.read_text("utf-8"))
    data["inputs"] = Session(config, Scope(implementation=True, steps=1), jobs=1).fingerprint()
    file.write_text(json.dumps(data), "utf-8")


def test_a_stale_mark_is_shown_without_reading_the_page_again(tmp_path: Path) -> None:
    site = build(jobs(tmp_path))
    tree = site.out.parent / "doctrees" / "reference" / "calls" / "pause.doctree"
    read, page = tree.stat().st_mtime_ns, site.page("reference/calls/pause")
    file = site.subject / "impl" / "jobs" / "shop.py"
    file.write_text(file.read_text("utf-8").replace("    return", "    return  ", 1), "utf-8")
    build(site)
    assert tree.stat().st_mtime_ns == read
    assert set(re.findall(r'class="hf-mark hf-([a-z-]+)"', site.page("reference/calls/pause"))) == {"stale"}
    fresh(site)
    build(site)
    assert tree.stat().st_mtime_ns == read
    assert site.page("reference/calls/pause") == page


def test_an_interrupted_build_is_made_good_by_the_next(tmp_path: Path) -> None:
    site = build(jobs(tmp_path))
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    conf = site.subject / "docs" / "conf.py"
    text = conf.read_text("utf-8")
    broken = "\ndef setup(app):\n    app.connect('html-page-context', lambda *_: 1 / 0)\n"
    conf.write_text(text + broken, "utf-8")
    with pytest.raises(ExtensionError):
        build(site)
    assert "hf-banner" not in site.page("reference/calls/pause")
    conf.write_text(text, "utf-8")
    assert "hf-banner" in build(site).page("reference/calls/pause")


def test_other_projects_can_link(small: Site) -> None:
    with (small.out / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, uri: uri)
    assert "submit" in inventory["hf:call"]
    assert inventory["hf:case"]["submit.full"].uri == "reference/calls/submit.html#case.submit.full"
    assert inventory["hf:lock"]["queue.lock"].uri == "reference/locks.html#queue.lock"
    assert "HF703" in inventory["hf:code"]
    assert "submit.full.returns" in inventory["hf:obligation"]
    assert "not_too_many" in inventory["hf:invariant"]


def test_roles_link_from_pages_that_people_write(tmp_path: Path) -> None:
    said = "\n:hf:case:`~submit.full` of :hf:call:`submit` under :hf:lock:`queue.lock`, see :hf:code:`HF703`.\n"
    site = build(jobs(tmp_path, index=INDEX + said))
    page = site.page("index")
    assert site.warnings == ""
    assert 'href="reference/calls/submit.html#case.submit.full"' in page
    assert ">full<" in page
    assert 'href="reference/diagnostics.html#HF703"' in page


def test_links_to_sources_follow_the_pattern(tmp_path: Path) -> None:
    site = jobs(tmp_path, conf=CONF + 'hfverify_source_link = "https://example.org/{file}#L{line}"\n')
    page = build(site).page("reference/calls/pause")
    assert 'href="https://example.org/spec/jobs.hfs#L' in page
    assert not (site.out / "reference" / "source").exists()


def test_a_line_of_a_source_has_an_anchor(small: Site) -> None:
    place = load_subject(JOBS).program.calls["submit"].name_span
    assert f'href="../source/spec-jobs.hfs.html#L-{place.line}"' in small.page("reference/calls/submit")
    assert f'id="L-{place.line}"' in small.page("reference/source/spec-jobs.hfs")


@pytest.mark.parametrize("term", ["-1", "submit", "queue.lock", "hf703", "none"])
def test_the_index_of_exact_hits(small: Site, term: str) -> None:
    script = (small.out / "_static" / "hfverify-terms.js").read_text("utf-8")
    assert (f'"{term}":' in script) is (term != "-1")


def test_a_new_page_is_in_the_navigation_of_all(tmp_path: Path) -> None:
    site = build(jobs(tmp_path))
    page = site.out / "reference" / "calls" / "finish.html"
    before = page.stat().st_mtime_ns
    build(site)
    assert page.stat().st_mtime_ns == before
    (site.subject / "docs" / "more.rst").write_text(":orphan:\n\nMore\n====\n", "utf-8")
    build(site)
    assert page.stat().st_mtime_ns > before


def html_of(site: Site) -> dict[str, str]:
    """Every page by its place."""
    return {str(path.relative_to(site.out)): path.read_text("utf-8") for path in sorted(site.out.rglob("*.html"))}


def test_pages_that_became_stale_are_those_of_a_build_that_begins_stale(tmp_path: Path) -> None:
    site = build(jobs(tmp_path / "a"))
    fresh = html_of(site)
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    again, anew = build(site), jobs(tmp_path / "b")
    edit(anew.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    assert html_of(again) == html_of(build(anew)) != fresh
    edit(site.subject / "spec" / "jobs.hfs", "/// No queue has this number.", "/// There is no such queue.")
    assert html_of(build(site)) == fresh


def test_the_navigation_is_the_one_that_sphinx_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = CONF.replace("basic", "furo")
    own = html_of(build(jobs(tmp_path / "a", conf=conf)))
    monkeypatch.setattr(Navigation, "offer", lambda *given: None)
    given = html_of(build(jobs(tmp_path / "b", conf=conf)))
    assert {name: page.replace(' aria-level="2"', "") for name, page in own.items()} == given
    assert any('class="current reference internal" href="#"' in page for page in own.values())


@pytest.mark.parametrize("builder", ["text", "latex", "singlehtml", "dirhtml"])
def test_other_builders_say_stale_too(tmp_path: Path, builder: str) -> None:
    site = build(jobs(tmp_path), builder=builder)
    edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
    build(site, builder=builder)
    assert site.warnings == ""
    found = "".join(p.read_text("utf-8") for p in site.out.rglob("*") if p.suffix in {".html", ".txt", ".tex"})
    assert "◌" in found
    assert "No mark here says anything until" in found
