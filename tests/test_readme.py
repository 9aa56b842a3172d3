"""The figures of the README are those of the tree."""

from __future__ import annotations

import json
import re
from pathlib import Path

from variants import MUTANTS, REWRITES, load, load_faithful

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DEVIATIONS = (ROOT / "docs" / "deviations.md").read_text("utf-8")


def test_obligations() -> None:
    ledger = json.loads((ROOT / "proofs" / "ledger.json").read_text("utf-8"))
    count = len(ledger["obligations"])
    assert {int(n) for n in re.findall(r"(\d+) obligations", README)} == {count}


def test_variants() -> None:
    wrong = len(load(MUTANTS)) + len(load_faithful(MUTANTS / "faithful"))
    assert f"each of {wrong} wrong variants" in README
    assert f"{len(load(REWRITES))} harmless rewrites" in README


def test_defects() -> None:
    refuted = sorted(variant.refutes for variant in load_faithful(MUTANTS / "faithful"))
    assert sorted(re.findall(r"^\| `([\w.]+)` \|", README, re.MULTILINE)) == refuted
    assert sorted(re.findall(r"It is refuted: `([\w.]+)`", DEVIATIONS)) == refuted
