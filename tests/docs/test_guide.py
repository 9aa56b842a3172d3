"""The guide is true: its commands write what it shows, and nothing in it points nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
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
