"""What may not be taken for tested: runs that code kept alive, parts that nobody entered, numbers that nobody saw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from doors import IMPL, UNSUPPORTED, hfverify, statuses, subject

from hfverify.diagnostics import NOWHERE
from hfverify.model.program import Program
from hfverify.syntax import tree
from hfverify.verdict import Obligation, Status, Verdict
from hfverify.verifying import unneeded

ROOT = Path(__file__).parents[2]
LAST = "        own.seen = sum(number for number in (many,))\n"
AGAIN = """        own.seen = many
        try:
            own.lock.acquire()
        except {kind}:
            pass
"""


@pytest.mark.parametrize("kind", ["BaseException", "Exception"])
def test_code_that_catches_what_must_end_its_run_is_no_evidence(kind: str, tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED.replace(LAST, AGAIN.format(kind=kind)))
    code, found = statuses(tmp_path, "look")
    if kind == "Exception":
        # The run hangs, whatever the code catches.
        assert (code, found["look.lock.order"]["status"]) == (1, "REFUTED")
    else:
        assert (code, found["look.more.effect"]["status"]) == (4, "UNKNOWN")
        reason = str(found["look.more.effect"]["reason"])
        assert "the code catches what must end its run" in reason
        assert "m.py:23" in reason
    assert not any(line["status"] == "TESTED" for line in found.values())


HELPER = """
def odd(number: int) -> bool:
    {body}

def look("""
METHOD = """
    def odd(self, number: int) -> bool:
        {body}

def look("""
RARE = "return number * 7919 % 4294967291 == 123456789 and bool(print(number) or True)"


@pytest.mark.parametrize("where", ["helper", "method"])
def test_what_a_helper_decides_behind_a_refusal_must_have_happened_too(where: str, tmp_path: Path) -> None:
    text, use = (HELPER, "odd(many)") if where == "helper" else (METHOD, "own.odd(many)")
    code = UNSUPPORTED.replace(LAST, f"        own.seen = sum(number for number in (many,))\n        {use}\n")
    subject(tmp_path, code.replace("\ndef look(", text.format(body=RARE)))
    _, found = statuses(tmp_path, "look")
    assert found["look.more.returns"]["status"] == "UNKNOWN"
    assert "none went the way that begins at m.py:" in str(found["look.more.returns"]["reason"])
    usual = "return number > 2 and number < 5"
    subject(tmp_path, code.replace("\ndef look(", text.format(body=usual)))
    _, found = statuses(tmp_path, "look")
    assert found["look.more.returns"]["status"] == "TESTED"


def test_every_arm_behind_a_refusal_must_have_happened(tmp_path: Path) -> None:
    arms = LAST + "        match many:\n            case {value}:\n                pass\n"
    subject(tmp_path, UNSUPPORTED.replace(LAST, arms.format(value="[x]")))
    _, found = statuses(tmp_path, "look")
    assert "where the arm is taken" in str(found["look.more.returns"]["reason"])
    subject(tmp_path, UNSUPPORTED.replace(LAST, arms.format(value="3")))
    _, found = statuses(tmp_path, "look")
    assert found["look.more.returns"]["status"] == "TESTED"


FACT = "    doubled: time == pause_after(failures - left)\n"


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples" / "jobs", tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".hf*"))
    return tmp_path


def test_facts_of_loops_are_held_against_runs(jobs: Path) -> None:
    _, found = statuses(jobs, "pause", "--steps", "1")
    assert found["pause.bounded"]["status"] == "TESTED"
    proof = jobs / "proofs" / "jobs.hfp"
    right = proof.read_text()
    assert right.count(FACT) == 1
    proof.write_text(right.replace(FACT, FACT.replace("left)", "left) or left == 2")))
    assert statuses(jobs, "pause", "--steps", "1")[1]["pause.bounded"]["status"] == "TESTED"
    # It holds at first, and not any more behind the last turn.
    proof.write_text(right.replace(FACT, FACT.replace("\n", "\n    never_done: left > 0 or failures == 0\n")))
    code, found = statuses(jobs, "pause", "--steps", "1")
    assert (code, found["pause.bounded"]["status"]) == (1, "REFUTED")
    code, text = hfverify(jobs, "replay", "pause.bounded")
    assert code == 1
    assert "`never_done` does not hold at the head of the loop" in text
    code, text = hfverify(jobs, "replay", "pause.bounded", "--pytest", "test_it.py")
    assert code == 2
    assert not (jobs / "test_it.py").exists()


def test_numbers_that_nobody_measured_do_not_pass_as_locked(tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED)
    assert hfverify(tmp_path, "verify", "--require", "tested")[0] == 0
    assert hfverify(tmp_path, "verify", "--require", "tested", "--locked")[0] == 0
    ledger = tmp_path / "proofs" / "ledger.json"
    data = json.loads(ledger.read_text())
    data["obligations"]["look.more.effect"]["evidence"]["examples"] += 1_000_000
    ledger.write_text(json.dumps(data))
    code, text = hfverify(tmp_path, "verify", "--require", "tested", "--locked")
    assert code == 4
    assert "locked: look.more.effect is tested by" in text
    assert "the ledger says 1000" in text


def test_status_needs_what_is_asked_of_it(tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED)
    hfverify(tmp_path, "verify")
    assert hfverify(tmp_path, "status")[0] == 4
    assert hfverify(tmp_path, "status", "--require", "proved")[0] == 4
    assert hfverify(tmp_path, "status", "--require", "tested")[0] == 0


@pytest.mark.parametrize("status", Status)
def test_what_tests_cannot_better_needs_no_acceptance(status: Status) -> None:
    program = Program("")
    span = NOWHERE
    program.accepted["look.raises"] = tree.Accept(span, "look.raises", span, "", "a reason")
    found = unneeded(program, [Verdict(Obligation("look.raises", "raises", "look", ""), status)], whole=True)
    if status in (Status.PROVED, Status.ASSUMED, Status.VACUOUS):
        assert [d.message for d in found] == [
            f"`look.raises` is accepted as tested, but it is {status.name.lower()}: take this away"
        ]
    else:
        assert not found


def test_nothing_here_is_broken_by_itself(tmp_path: Path) -> None:
    subject(tmp_path, IMPL)
    assert hfverify(tmp_path, "verify", "look")[0] == 0


def test_what_is_wrong_for_the_third_object_only_is_found(tmp_path: Path) -> None:
    subject(tmp_path, IMPL.replace("        return 3\n", "        return 8 if own.id == 2 else 3\n"))
    code, found = statuses(tmp_path, "look", "--steps", "1")
    assert (code, found["look.more.returns"]["status"]) == (1, "REFUTED")
