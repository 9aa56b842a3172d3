"""Critical sections may be taken for atomic: of all pairs of calls, the real code shows no difference."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from situated import JOBS, ROOT, subject

from hfverify.explore.locking import without_maps
from hfverify.explore.pairs import search_all
from hfverify.explore.search import Plan

# More schedules than any situation of two calls has without reduction.
MOST = 20_000


@pytest.mark.parametrize("root", [JOBS, ROOT], ids=["jobs", "hypervisor"])
def test_all_pairs_of_calls_have_the_same_ends_with_whole_sections(root: Path) -> None:
    """Search every schedule that can differ, every schedule, and those that switch between sections alone."""
    config, program = subject(root)
    pairs = list(combinations_with_replacement(without_maps(program), 2))
    reduced = all_ = 0
    for found in search_all(program, config.folders, pairs, 1, Plan(compare=MOST)):
        assert (found.failed, found.findings, found.tally.complete) == ("", [], True), found.calls
        assert found.tally.situations > 0, found.calls
        reduced += found.tally.schedules
        all_ += found.tally.unreduced
    assert reduced < all_
