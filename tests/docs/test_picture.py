"""The picture of the README is that of today's tool; `pytest --accept` draws it anew."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "picture.svg"


def test_the_picture_is_what_the_tool_writes(request: pytest.FixtureRequest) -> None:
    found = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "picture.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    drawn = module.picture()
    if request.config.getoption("--accept"):
        PICTURE.write_text(drawn, "utf-8")
    assert PICTURE.read_text("utf-8") == drawn


def test_the_picture_says_what_it_shows_and_loads_nothing() -> None:
    text = PICTURE.read_text("utf-8")
    words = "".join(ElementTree.fromstring(text).itertext()).replace("\N{NO-BREAK SPACE}", " ")
    assert "error[HF701]" in words
    assert "mailbox_receive.lock.held" in words
    assert 'role="img" aria-label="' in text
    assert re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org|www\.textualize\.io)", text) == []
    assert "(docs/picture.svg)" in (ROOT / "README.md").read_text("utf-8")
