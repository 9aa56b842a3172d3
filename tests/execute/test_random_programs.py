"""Generated functions agree with CPython.

Reads   programs.modules
Gives   agreement of both runs on generated inputs, for generated programs
Refuses a disagreement, and a generated program that the executor does not support
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from programs import modules
from twin import BOOL, INT, Kind, Twin

from hfverify.diagnostics import Rejected
from hfverify.execute import paths

KINDS = [INT, INT, BOOL, Kind("enum", name="Colour")]
PROGRAMS = 160
INPUTS = 12


def test_generated_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole module is drawn; the inputs come from a generator with a fixed seed."""
    monkeypatch.setattr(paths, "MOST_PATHS", 150)

    @settings(
        max_examples=PROGRAMS, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    @given(modules())
    def run(text: str) -> None:
        try:
            compile(text, "main.py", "exec")
        except SyntaxError:
            assume(condition=False)
        try:
            twin = Twin(tmp_path, text, KINDS)
        except Rejected as rejected:
            if "has more than 150 paths" not in str(rejected):
                raise
            assume(condition=False)
        numbers = random.Random(text)
        for _ in range(INPUTS):
            low = numbers.choice((-20, -3, 0))
            twin.check(
                [numbers.randint(low, 20), numbers.randint(low, 20), numbers.random() < 0.5, numbers.choice((0, 1, 5))]
            )

    run()
