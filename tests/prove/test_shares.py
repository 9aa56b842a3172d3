"""A call that is decided in shares is decided as a whole: nothing is asked twice, nothing is left out.

Reads   hfverify.prove.shares, the calls of this repository's own subject
Gives   the same questions and the same obligations as of the whole call; nothing where shares do not fit
Refuses a share that proves what the whole does not
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from commands import afresh
from hfverify.config import load_config
from hfverify.execute import paths
from hfverify.execute.paths import Share
from hfverify.model.load import load_program
from hfverify.model.program import Call
from hfverify.prove.obligations import Subject, call_subject
from hfverify.prove.shares import SHARES, Shared, prove_share, shares_of, together
from hfverify.prove.solver import DEFAULT_STEPS
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status
from variants import MUTANTS, apply, load

ROOT = Path(__file__).parent.parent.parent
CALL = "vcpu_run"


@cache
def subjects() -> Subjects:
    config = load_config(ROOT)
    return Subjects(load_program(config.folders, config.revision), config.folders)


def call() -> Call:
    return subjects().program.calls[CALL]


@cache
def shares() -> list[Shared]:
    found: list[Shared] = []
    for index in range(SHARES):
        with afresh():
            share = prove_share(subjects().program, subjects().sources, call(), index, DEFAULT_STEPS)
        assert share is not None
        found.append(share)
    return found


def questions(subject: Subject) -> Counter[tuple[str, str]]:
    return Counter((query.obligation, query.goal.sexpr()) for group in subject.groups for query in group.queries)


def whole(found: list[Shared]) -> bool:
    return together(subjects().program, subjects().sources, call(), found) is not None


def test_shares_ask_what_the_whole_asks() -> None:
    asked = Counter[tuple[str, str]]()
    for index in range(SHARES):
        with afresh():
            part = questions(call_subject(subjects().program, subjects().sources, call(), Share(index, SHARES)))
        assert part
        asked += part
    with afresh():
        assert asked == questions(call_subject(subjects().program, subjects().sources, call()))


def test_shares_give_the_verdicts_of_the_whole() -> None:
    found = together(subjects().program, subjects().sources, call(), shares())
    assert found is not None
    with afresh():
        expected = subjects().verdicts(CALL, Scope(implementation=True, steps=DEFAULT_STEPS))
    assert [(v.obligation, v.status) for v in found] == [(v.obligation, v.status) for v in expected]
    assert all(v.status is Status.PROVED for v in found)
    assert sum(v.steps for v in found) > 0


def test_shares_that_do_not_fit_are_nothing() -> None:
    first, second = shares()
    assert whole([first, second])
    assert whole([second, first])
    assert not whole([first])
    assert not whole([first, replace(second, seen=second.seen[:-1])])
    assert not whole([first, replace(second, seen=(*second.seen[:-1], (True,)))])
    lacking = {name: cost for name, cost in second.proved.items() if not name.endswith(".raises")}
    assert not whole([replace(first, proved=lacking), replace(second, proved=lacking)])


def test_an_outcome_that_no_share_reaches_is_not_proved() -> None:
    first, second = shares()
    name = next(name for name in first.reached if name in second.reached)
    unreached = [replace(share, reached={**share.reached, name: False}) for share in (first, second)]
    assert not whole(unreached)


def test_more_paths_than_can_be_followed_are_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PATHS", 4)
    for index in range(SHARES):
        with afresh():
            assert prove_share(subjects().program, subjects().sources, call(), index, DEFAULT_STEPS) is None


@pytest.mark.parametrize("name", ["run_message_not_marked", "run_next_is_current", "run_waits_with_lock"])
def test_some_share_of_a_wrong_call_is_not_proved(name: str, tmp_path: Path) -> None:
    folders = subjects().folders
    variant = next(variant for variant in load(MUTANTS) if variant.name == name)
    apply(variant, folders.impl, tmp_path / "impl")
    wrong = Subjects(subjects().program, replace(folders, root=tmp_path, impl=tmp_path / "impl"))
    found: list[Shared | None] = []
    for index in range(SHARES):
        with afresh():
            found.append(prove_share(wrong.program, wrong.sources, call(), index, DEFAULT_STEPS))
    assert None in found


def test_calls_with_few_outcomes_are_not_divided() -> None:
    calls = subjects().program.calls
    assert {name for name, item in calls.items() if shares_of(item) != 1} == {CALL}
    assert shares_of(calls[CALL]) == SHARES
