"""Many searches and many situations: the same each time, on one machine, and nothing goes on that nobody waits for."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from situated import JOBS, ROOT, situations, subject, variant

from hfverify.explain.scenario import Scenario
from hfverify.explore import pairs as pairs_module
from hfverify.explore import search as search_module
from hfverify.explore.files import saved
from hfverify.explore.isolated import News, Worker
from hfverify.explore.locking import without_maps
from hfverify.explore.machine import Shared
from hfverify.explore.pairs import search_all
from hfverify.explore.search import Plan, Search
from hfverify.explore.situations import Situations

# How long a search that nobody stops is waited for.
PATIENCE = 20
PAIR = ("mailbox_writable_get", "interrupt_inject")


def test_many_searches_give_the_same_each_time_and_end_with_whoever_asked() -> None:
    config, program = subject(JOBS)
    pairs = list(combinations_with_replacement(without_maps(program), 2))
    first, again = (list(search_all(program, config.folders, pairs, 2, Plan())) for _ in range(2))
    assert [found.calls for found in first] == pairs
    assert first == again
    before = set(multiprocessing.active_children())
    searches = search_all(program, config.folders, pairs, 2, Plan())
    assert next(searches) == first[0]
    assert set(multiprocessing.active_children()) > before
    searches.close()
    assert set(multiprocessing.active_children()) == before


class Sleeper:
    """A process whose second search does not end until it is stopped."""

    made: ClassVar[list[Sleeper]] = []

    def __init__(self, *_: object) -> None:
        self.stopped = threading.Event()
        self.waiting = threading.Event()
        self.asked = 0
        self.noticed: bool | None = None
        self.closed_after: bool | None = None
        self.made.append(self)

    def search(self, *_: object) -> Iterator[News]:
        self.asked += 1
        if self.asked > 1:
            self.waiting.set()
            self.noticed = self.stopped.wait(PATIENCE)
        yield News("done")

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        self.closed_after = self.noticed


def test_a_search_that_is_left_is_stopped_and_over_before_its_process_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, program = subject(JOBS)
    monkeypatch.setattr(pairs_module, "Worker", Sleeper)
    monkeypatch.setattr(Sleeper, "made", [])
    searches = search_all(program, config.folders, [("submit", "take")] * 4, 1, Plan())
    assert not next(searches).failed
    (sleeper,) = Sleeper.made
    assert sleeper.waiting.wait(PATIENCE)
    searches.close()
    # Closed once it had seen that it was to stop; what had not begun never did.
    assert (sleeper.asked, sleeper.noticed, sleeper.closed_after) == (2, True, True)


def test_a_process_for_which_nobody_waits_is_not_started() -> None:
    config, program = subject(JOBS)
    worker = Worker(config.folders, program.revision)
    worker.stop()
    (news,) = worker.search(["submit", "take"], Plan())
    assert (news.kind, news.reason) == (
        "failed", "no process can be started for the search: nobody waits for it any more",
    )  # fmt: skip


@pytest.fixture
def importing() -> Iterator[None]:
    """What a test imports in place of this repository's own implementation is gone after it."""
    packages = {path.stem for path in (ROOT / "impl").iterdir()}

    def own() -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] in packages}

    path, modules = list(sys.path), own()
    yield
    sys.path[:] = path
    for name in own():
        del sys.modules[name]
    sys.modules.update(modules)


@pytest.mark.usefixtures("importing")
def test_one_machine_serves_all_situations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was judged in one situation is not taken for another one, where other things were wrong."""
    _, program = subject(ROOT)
    known = situations(ROOT, PAIR)
    impl = str(variant("writable_get_from_waiter_list", tmp_path).resolve())
    monkeypatch.setattr(Situations, "one_by_one", lambda *_, **__: iter(known))
    begin, machines = Shared.__init__, list[Shared]()

    def counted(machine: Shared, *given: Any) -> None:
        machines.append(machine)
        begin(machine, *given)

    monkeypatch.setattr(Shared, "__init__", counted)

    def searched() -> tuple[int, object, list[dict[str, Any]]]:
        machines.clear()
        search = Search(program, list(PAIR), impl, Plan())
        assert len(list(search.run())) == 2 * len(known)
        return len(machines), search.tally, [saved(program, finding) for finding in search.findings]

    once = searched()
    monkeypatch.setattr(search_module._Machines, "beginning_at", _anew)
    many = searched()
    assert (once[0], many[0]) == (1, len(known))
    assert once[1:] == many[1:]
    assert once[2]


def _anew(machines: search_module._Machines, scenarios: list[Scenario]) -> Shared:
    machines.close()
    machines.machine = Shared(machines.program, scenarios, machines.impl)
    machines.machine.watch_contracts()
    return machines.machine
