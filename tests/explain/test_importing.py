"""What runs is the implementation that was named, whatever else of its names was imported before."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from hfverify.explain.importing import import_from


def folder(at: Path, value: int) -> str:
    (at / "piece").mkdir(parents=True)
    (at / "piece" / "__init__.py").write_text("")
    (at / "piece" / "part.py").write_text(f"VALUE = {value}\n")
    return str(at)


def test_each_folder_has_its_own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    first, second = folder(tmp_path / "first", 1), folder(tmp_path / "second", 2)
    seen = []
    for impl in (first, second, second, first):
        import_from(impl)
        seen.append(importlib.import_module("piece.part").VALUE)
    assert seen == [1, 2, 2, 1]
    assert sys.path.count(first) == 1
    for name in ("piece", "piece.part"):
        del sys.modules[name]


def test_the_standard_library_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "json.py").write_text("")
    before = sys.modules["json"] if "json" in sys.modules else importlib.import_module("json")
    import_from(str(tmp_path))
    assert sys.modules["json"] is before
