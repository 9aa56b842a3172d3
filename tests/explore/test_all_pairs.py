"""Critical sections may be taken for atomic: of all pairs of calls, the real code shows no difference."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from situated import JOBS, ROOT, situations, subject

from hfverify.explain.scenario import Scenario
from hfverify.explore import search as search_module
from hfverify.explore.isolated import Worker
from hfverify.explore.locking import without_maps
from hfverify.explore.machine import Shared
from hfverify.explore.pairs import search_all
from hfverify.explore.search import Plan, Search
from hfverify.explore.situations import Situations

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


def test_many_searches_give_the_same_each_time_and_can_be_left() -> None:
    config, program = subject(JOBS)
    pairs = list(combinations_with_replacement(without_maps(program), 2))
    first, again = (list(search_all(program, config.folders, pairs, 2, Plan())) for _ in range(2))
    assert [found.calls for found in first] == pairs
    assert first == again
    searches = search_all(program, config.folders, pairs, 2, Plan())
    assert next(searches) == first[0]
    searches.close()


def test_a_process_for_which_nobody_waits_is_not_started() -> None:
    config, program = subject(JOBS)
    worker = Worker(config.folders, program.revision)
    worker.stop()
    (news,) = worker.search(["submit", "take"], Plan())
    assert (news.kind, news.reason) == (
        "failed", "no process can be started for the search: nobody waits for it any more",
    )  # fmt: skip


@pytest.mark.parametrize(("root", "calls"), [(JOBS, ("submit", "finish")), (ROOT, ("mailbox_send", "mailbox_receive"))])
def test_one_machine_serves_all_situations(
    root: Path, calls: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, program = subject(root)
    known = situations(root, calls)
    monkeypatch.setattr(Situations, "one_by_one", lambda *_, **__: iter(known))

    def searched() -> Search:
        search = Search(program, list(calls), str(config.folders.impl.resolve()), Plan())
        assert len(list(search.run())) == 2 * len(known)
        return search

    again = searched()
    monkeypatch.setattr(Shared, "begin_at", lambda *_: pytest.fail("another machine was to be made"))
    monkeypatch.setattr(search_module._Machines, "beginning_at", _anew)
    assert searched().tally == again.tally
    assert again.tally.situations == len(known) > 1


def _anew(machines: search_module._Machines, scenarios: list[Scenario]) -> Shared:
    machines.close()
    machines.machine = Shared(machines.program, scenarios, machines.impl)
    machines.machine.watch_contracts()
    return machines.machine
