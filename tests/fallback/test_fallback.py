"""What is not proved is tested: with numbers, with what was broken on purpose found, and never taken for proof."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doors import IMPL, UNSUPPORTED, hfverify, statuses, subject


def test_what_the_solver_gives_up_is_tested_with_numbers(tmp_path: Path) -> None:
    subject(tmp_path)
    assert hfverify(tmp_path, "verify")[0] == 0
    code, found = statuses(tmp_path, "look", "--fresh", "--steps", "1")
    assert code == 4
    tested = {name: line["evidence"] for name, line in found.items() if line["status"] == "TESTED"}
    assert {line["status"] for line in found.values()} == {"TESTED", "PROVED"}
    assert "look.more.frame" in tested
    evidence = tested["look.more.frame"]
    assert isinstance(evidence, dict)
    # An example that Hypothesis makes again is not counted again.
    assert 100 < evidence["examples"] <= 400
    assert evidence["seed"] == 0
    [(label, count)] = evidence["ways"]
    assert label == "15! 18! 20!"
    assert count > 0
    # The same run gives the same numbers.
    assert statuses(tmp_path, "look", "--fresh", "--steps", "1")[1]["look.more.frame"]["evidence"] == evidence
    code, text = hfverify(tmp_path, "verify", "look", "--fresh", "--steps", "1")
    assert code == 4
    assert "no example fails; this is not a proof" in text
    assert re.search(r"look: \d+ questions, \d+ to \d+ examples, each of \d+ ways taken by \d+ or more", text)
    assert "worst: TESTED" in text


def test_without_fallback_it_stays_open(tmp_path: Path) -> None:
    subject(tmp_path)
    code, found = statuses(tmp_path, "look", "--steps", "1", "--no-fallback")
    assert code == 4
    assert {line["status"] for line in found.values()} == {"UNKNOWN", "PROVED"}


def test_tested_is_enough_where_it_is_asked_for(tmp_path: Path) -> None:
    subject(tmp_path)
    assert hfverify(tmp_path, "verify", "look", "--steps", "1", "--require", "tested")[0] == 0
    assert hfverify(tmp_path, "verify", "look", "--steps", "1", "--require", "tested", "--no-fallback")[0] == 4


def test_paths_outside_the_subset_are_reached_and_counted(tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED)
    code, found = statuses(tmp_path, "look")
    assert code == 4
    assert found["look.supported"]["status"] == "TESTED"
    assert found["look.more.effect"]["status"] == "TESTED"
    assert found["look.more.reached"]["status"] == "TESTED"


WRONG = {
    "own.seen = sum(number for number in (many,))": ("own.seen = sum(number + 1 for number in (many,))", "more.effect"),
    "return 3": ("return 3 if many != 7 else 2", "more.returns"),
    "        if many <= own.seen:": ("        if many < own.seen:", "open"),
    "    with own.lock:": ("    if True:", "lock.held"),
}


@pytest.mark.parametrize("right", WRONG)
def test_faults_in_what_the_proof_does_not_follow_are_found(right: str, tmp_path: Path) -> None:
    wrong, obligation = WRONG[right]
    assert UNSUPPORTED.count(right) == 1
    subject(tmp_path, UNSUPPORTED.replace(right, wrong))
    code, found = statuses(tmp_path, "look")
    refuted = [name for name, line in found.items() if line["status"] == "REFUTED"]
    assert code == 1
    assert any(name.startswith(f"look.{obligation}") for name in refuted), refuted
    for name in refuted:
        example = found[name]["counterexample"]
        assert isinstance(example, dict)
        assert example["confirmed"] is True


def test_a_falsifying_example_is_small_and_runs_again(tmp_path: Path) -> None:
    right, (wrong, _) = "return 3", WRONG["return 3"]
    subject(tmp_path, UNSUPPORTED.replace(right, wrong))
    code, text = hfverify(tmp_path, "verify", "look")
    assert code == 1
    assert "error[HF603]: an example breaks this" in text
    code, text = hfverify(tmp_path, "replay", "look.more.returns", "--pytest", "test_it.py")
    assert code == 1
    assert "still refuted: the real code was run on this state: returns 2, promised 3" in text
    written = (tmp_path / "test_it.py").read_text()
    assert '"many": 7' in written or "many=7" in written or "many = 7" in written
    # Nothing else needs to be said of the state.
    assert "closed" not in written


def test_an_acceptance_is_needed_listed_and_not_kept(tmp_path: Path) -> None:
    names = [f"look.{name}" for name in ("supported", "raises")]
    subject(tmp_path, UNSUPPORTED)
    _, found = statuses(tmp_path, "look")
    tested = [name for name, line in found.items() if line["status"] == "TESTED"]
    assert set(names) <= set(tested)
    accepted = "".join(f'accept "{name}" because "one sum of one number"\n' for name in tested)
    subject(tmp_path, UNSUPPORTED, accepted)
    assert hfverify(tmp_path, "verify")[0] == 0
    code, text = hfverify(tmp_path, "audit")
    assert "accepted" in text
    assert "look.supported" in text
    assert "one sum of one number" in text
    # Once it can be proved, the acceptance has to go.
    subject(tmp_path, IMPL, accepted)
    code, text = hfverify(tmp_path, "verify")
    assert code == 4
    assert "error[HF604]: `look.supported` is accepted as tested, but it is proved: take this away" in text
    subject(tmp_path, IMPL, 'accept "look.nothing" because "it is not there"\n')
    code, text = hfverify(tmp_path, "verify")
    assert code == 4
    assert "`look.nothing` is accepted as tested, but there is no such obligation" in text


STRANGE = {
    "never ends": ("own.seen = sum(number for number in (many,))", "while many: pass", "look.bounded"),
    "calls itself": ("own.seen = sum(number for number in (many,))", "look(own, many)", "look.lock.order"),
    "raises": ("own.seen = sum(number for number in (many,))", "raise KeyError([n for n in (many,)])", "look.raises"),
    "keeps the lock": ("    with own.lock:\n", "    own.lock.acquire(*())\n    if True:\n", "look.lock.balanced"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_code_is_refuted_or_told_and_nothing_hangs(name: str, tmp_path: Path) -> None:
    right, wrong, obligation = STRANGE[name]
    subject(tmp_path, UNSUPPORTED.replace(right, wrong))
    code, found = statuses(tmp_path, "look")
    assert code in (1, 4)
    assert found[obligation]["status"] in ("REFUTED", "UNKNOWN"), found[obligation]["reason"]


def test_code_that_depends_on_more_than_the_state_is_told(tmp_path: Path) -> None:
    fickle = UNSUPPORTED.replace("MOST = 9\n", "MOST = 9\ntimes = [0]\n").replace(
        "        own.seen = sum(number for number in (many,))\n",
        "        times[0] += 1\n        own.seen = many + times[0] % 2\n",
    )
    subject(tmp_path, fickle)
    code, found = statuses(tmp_path, "look")
    assert code == 4
    assert found["look.more.effect"]["status"] == "UNKNOWN"
    assert "the code depends on more than the state" in str(found["look.more.effect"]["reason"])


def test_code_that_eats_all_memory_is_told(tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED.replace("(number for number in (many,))", "([many] * (1 << 33))"))
    code, found = statuses(tmp_path, "look")
    assert code in (1, 4)
    assert found["look.more.effect"]["status"] not in ("PROVED", "TESTED")


EARLY = IMPL.replace("    if many > MOST:\n", "    many = sum(number for number in (many,))\n    if many > MOST:\n")


def test_what_comes_after_an_early_refusal_must_have_happened(tmp_path: Path) -> None:
    subject(tmp_path, EARLY)
    _, found = statuses(tmp_path, "look")
    assert {found[f"look.{case}.returns"]["status"] for case in ("closed", "open", "more")} == {"TESTED"}
    subject(tmp_path, EARLY.replace("            return 1\n", "            own.seen = 7\n            return 8\n"))
    code, found = statuses(tmp_path, "look")
    assert (code, found["look.closed.returns"]["status"]) == (1, "REFUTED")
    # A branch that no example takes is not tested, and neither is anything that it may break.
    rare = "    if many * 7919 % 4294967291 == 123456789:\n        return 77\n    if many > MOST:\n"
    subject(tmp_path, EARLY.replace("    if many > MOST:\n", rare))
    code, found = statuses(tmp_path, "look")
    assert (code, found["look.more.returns"]["status"]) == (4, "UNKNOWN")
    assert "none went the way that begins at m.py:16, where the condition is true" in str(found["look.more.returns"])


NOISY = {
    "prints": "print('hello'); ",
    "goes": "exec('raise SystemExit') if many == 7 else None; ",
    "multiplies": "import os; many == 7 and os.fork(); ",
    "says nothing more": "import sys; sys.stdout.close(); ",
}


@pytest.mark.parametrize("name", NOISY)
def test_code_that_prints_leaves_or_multiplies_ends_no_run(name: str, tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED.replace("        own.seen = sum", f"        {NOISY[name]}own.seen = sum"))
    code, found = statuses(tmp_path, "look")
    assert code in (1, 4)
    assert found["look.more.effect"]["status"] != "PROVED"


def test_the_order_of_a_set_is_seen(tmp_path: Path) -> None:
    ordered = "        own.seen = many if next(iter({'a', 'b', 'c', 'd', 'e'})) == 'a' else many + 1\n"
    right = "        own.seen = sum(number for number in (many,))\n"
    subject(tmp_path, UNSUPPORTED.replace(right, ordered))
    code, found = statuses(tmp_path, "look")
    assert code in (1, 4)
    assert found["look.more.effect"]["status"] != "TESTED"
