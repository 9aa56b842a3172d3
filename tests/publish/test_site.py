"""The whole site: links lead somewhere, pages are small and valid, nothing comes from elsewhere, words are found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from sites import ROOT, Site

from hfverify.diagnostics import CODES
from hfverify.publish.subject import load_subject

html5lib = pytest.importorskip("html5lib", reason="`make docs` installs the extra `docs`")
pytest.importorskip("furo", reason="`make docs` installs the extra `docs`")

LARGEST = 300_000
VALIDATOR = Path(__file__).parent / "validator"
REFERRING = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


@pytest.fixture(scope="module")
def site(whole: Site) -> Site:
    """The site of this repository."""
    return whole


class Page(HTMLParser):
    """What a page links to, loads and can be linked to by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: list[str] = []
        self.refers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.append(values["id"])
        for name in REFERRING:
            self.refers += values.get(name, "").split()
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in ("script", "img", "iframe") and "src" in values:
            self.loads.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon", "preconnect", "dns-prefetch"):
            self.loads.append(values["href"])


def files(site: Site) -> list[Path]:
    return sorted(site.out.rglob("*.html"))


@cache
def parsed(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def test_no_warning(site: Site) -> None:
    assert site.warnings == ""


def test_every_link_and_every_anchor_resolves(site: Site) -> None:
    broken, checked = [], 0
    for path in files(site):
        here = path.relative_to(site.out).as_posix()
        for link in parsed(path).links:
            parts = urlsplit(urljoin(here, link))
            if parts.scheme or parts.netloc:
                continue
            target = site.out / unquote(parts.path)
            checked += 1
            if not target.is_file():
                broken.append(f"{here}: {link}")
            elif parts.fragment and target.suffix == ".html":
                fragment = unquote(parts.fragment)
                if fragment not in parsed(target).anchors and fragment != "":
                    broken.append(f"{here}: {link} has no such anchor")
    assert checked > 10_000
    assert broken == []


def test_no_anchor_stands_twice_on_a_page(site: Site) -> None:
    for path in files(site):
        anchors = parsed(path).anchors
        assert len(anchors) == len(set(anchors)), f"{path}: {sorted(a for a in set(anchors) if anchors.count(a) > 1)}"


def test_every_page_is_small_with_its_pictures(site: Site) -> None:
    for path in files(site):
        pictures = [path.parent / load for load in parsed(path).loads if load.endswith((".svg", ".png", ".jpg"))]
        assert sum(file.stat().st_size for file in (path, *pictures)) < LARGEST, path


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    for path in files(site):
        assert [load for load in parsed(path).loads if urlsplit(load).scheme or load.startswith("//")] == [], path
    for path in site.out.rglob("*.css"):
        assert re.findall(r"url\([\"']?(?:https?:)?//", path.read_text("utf-8")) == [], path


def test_every_page_is_parsed_without_an_error(site: Site) -> None:
    for path in files(site):
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(path.read_text("utf-8"))
        assert [error for _, error, _ in parser.errors] == [], path


def test_every_page_is_valid(site: Site) -> None:
    java, jar = shutil.which("java"), VALIDATOR / "node_modules/vnu-jar/build/dist/vnu.jar"
    if java is None or not jar.is_file():
        pytest.skip("needs Java and the Nu Html Checker: `npm ci --ignore-scripts --prefix tests/publish/validator`")
    command = [java, "-jar", str(jar), "--errors-only", "--format", "json", "--exit-zero-always", "--skip-non-html"]
    done = subprocess.run([*command, str(site.out)], capture_output=True, text=True, timeout=300, check=True)
    found = json.loads(done.stderr)["messages"]
    assert [f"{m['url']}:{m['lastLine']}: {m['message']}" for m in found] == []


def test_labels_and_references_name_what_is_there(site: Site) -> None:
    checked = 0
    for path in files(site):
        page = parsed(path)
        checked += len(page.refers)
        assert [name for name in page.refers if name not in page.anchors] == [], path
    assert checked > 1000


def test_pictures_have_their_words(site: Site) -> None:
    pictures = 0
    for path in files(site):
        for svg in re.findall(r'<svg [^>]*class="hf-drawing".*?</svg>', path.read_text("utf-8"), re.DOTALL):
            pictures += 1
            labels = re.search(r'role="img" aria-labelledby="([\w-]+) ([\w-]+)"', svg)
            assert labels is not None
            for label in labels.groups():
                assert re.search(rf'id="{label}">[^<]+<', svg), path
    assert pictures > 40


def test_everything_that_has_a_name_has_its_anchor(site: Site) -> None:
    subject = load_subject(ROOT)
    program, calls = subject.program, subject.program.calls
    wanted = {f"reference/calls/{name}.html": {name, *subject.entries(name)} for name in calls}
    for name, call in calls.items():
        wanted[f"reference/calls/{name}.html"] |= {f"case.{name}.{outcome.name}" for outcome in call.outcomes}
    for cell in program.cells():
        wanted.setdefault(f"reference/cells/{cell.state}.html", set()).add(cell.name)
    wanted["reference/locks.html"] = set(program.locks)
    wanted["reference/diagnostics.html"] = set(CODES)
    for page, names in wanted.items():
        assert names - set(parsed(site.out / page).anchors) == set(), page


@pytest.mark.parametrize("name", ["0xff08", "mailbox_clear", "-1", "HF703", "HF_MAILBOX_CLEAR", "vm.mailbox.state"])
def test_exact_words_are_found(site: Site, name: str) -> None:
    script = (site.out / "_static" / "hfverify-terms.js").read_text("utf-8")
    index = json.loads(script.removeprefix("window.hfverifyTerms = ").rstrip(";\n"))
    hits = index[name.lower()]
    for _, _, uri in hits:
        page, anchor = uri.split("#")
        assert anchor in parsed(site.out / page).anchors
    expected = {"-1": "reference/results.html", "HF703": "reference/diagnostics.html"}
    wanted = expected.get(name, "reference/cells/vm.html" if "." in name else "reference/calls/mailbox_clear.html")
    assert hits[0][2].startswith(wanted)


def test_a_call_says_what_comes_in_which_register(site: Site) -> None:
    page = site.page("reference/calls/share_memory")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "in x1 32 … 63 u32 vm_id" in text
    assert "int64_t hafnium_share_memory ( uint32_t vm_id , uint64_t begin , uint64_t size , uint32_t share )" in text
    assert "R4 2019-02-04 introduced as 0xff0e" in text


def test_an_answer_that_changed_is_in_the_history(site: Site) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", site.page("reference/calls/mailbox_clear")).split())
    assert "already_empty returns 0 , no longer -1" in re.sub(r"- 1", "-1", text)


def test_the_page_of_another_revision_says_so_and_has_no_mark(site: Site) -> None:
    page = site.page("reference/as-of/R3/calls/mailbox_clear")
    assert "data-known" not in page
    assert "Nothing is proved of it here" in page
    assert '<link rel="canonical" href="../../../calls/mailbox_clear.html">' in page
    assert '<a class="reference internal" href="#" aria-current="page">R3</a>' in page
    assert set(re.findall(r'id="(case\.[^"]*)"', page)) <= set(
        parsed(site.out / "reference/calls/mailbox_clear.html").anchors
    )
    terms = (site.out / "_static" / "hfverify-terms.js").read_text("utf-8")
    assert "as-of" not in terms


def test_each_code_leads_to_its_example(site: Site) -> None:
    links = set(parsed(site.out / "reference/diagnostics.html").links)
    assert {f"../guide/diagnostics.html#{code.lower()}" for code in CODES} <= links
