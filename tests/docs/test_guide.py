"""The guide is true: its commands write what it shows, and nothing in it points nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hfverify.cli import main_group
from transcripts import SUBJECT, compare

GUIDE = Path(__file__).parent.parent.parent / "docs" / "guide"
PAGES = sorted(GUIDE.rglob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def shown(path: Path) -> str:
    return path.relative_to(GUIDE).as_posix()


@pytest.mark.parametrize("path", [path for path in PAGES if SUBJECT.search(path.read_text("utf-8"))], ids=shown)
def test_commands(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    compare(path, tmp_path, bool(request.config.getoption("--accept")))


def anchors() -> set[str]:
    return {name for page in PAGES for name in re.findall(r"^\(([\w-]+)\)=$", page.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in LINK.findall(FENCED.sub("", path.read_text("utf-8"))):
        assert not target or (path.parent / target).is_file(), f"{shown(path)}: {target}"
        assert not anchor or (not target and anchor in anchors()), f"{shown(path)}: #{anchor}"


def test_commands_that_no_test_runs_exist() -> None:
    """What the files for CI systems call is understood by the command line."""
    text = (GUIDE / "howto" / "ci.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("hfverify ", 1)[1] for block in blocks for line in block.split("\n") if "hfverify " in line]
    assert len(lines) == 4
    for line in lines:
        name, *arguments = line.split()
        main_group.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = re.findall(r"^[\w/-]+$", (GUIDE / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(shown(path).removesuffix(".md") for path in PAGES if path.name != "index.md")


def test_the_architecture_names_every_package() -> None:
    text = (GUIDE / "architecture.md").read_text("utf-8")
    tool = GUIDE.parent.parent / "hfverify"
    packages = {path.name for path in tool.iterdir() if path.is_dir() and path.name != "__pycache__"}
    packages |= {path.name for path in tool.glob("*.py") if path.name != "__init__.py"}
    assert {name for name in packages if f"`hfverify/{name}`" not in text} == set()
    for path in re.findall(r"`((?:hfverify|tests|docs|examples)/[\w./-]+)`", text):
        assert (tool.parent / path).exists(), path
    for path in re.findall(r"`((?:syntax|prove|execute|explain|model|abi)/[\w./-]+)`", text):
        assert (tool / path).exists(), path
