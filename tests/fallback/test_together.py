"""What is tested about a call is tried on two CPUs at once: counted, and refuted with a schedule that runs again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from doors import UNSUPPORTED, hfverify, statuses, subject

# One after the other, nobody sees it: a call that another CPU has overtaken gives up.
OVERTAKEN = UNSUPPORTED.replace("MOST = 9\n", "MOST = 9\nturns = [0]\n").replace(
    "    with own.lock:\n",
    "    turns[0] += 1\n    mine = turns[0]\n    with own.lock:\n        if mine != turns[0]:\n            return 7\n",
)
# Two CPUs that are in the same hidden place wait for each other, and neither gives way.
ENDLESS = UNSUPPORTED.replace("MOST = 9\n", "MOST = 9\nturns = [0]\n").replace(
    "    with own.lock:\n",
    "    turns[0] += 1\n    with own.lock:\n        while turns[0] != 1:\n            pass\n        turns[0] -= 1\n",
)


def test_schedules_are_counted_and_fewer_with_fewer_examples(tmp_path: Path) -> None:
    subject(tmp_path, UNSUPPORTED)
    counts = []
    for examples in ("400", "8"):
        _, found = statuses(tmp_path, "look", "--examples", examples)
        evidence = found["look.open.returns"]["evidence"]
        assert isinstance(evidence, dict), found["look.open.returns"]
        counts.append(evidence["schedules"])
        assert 0 < counts[-1] <= int(examples) // 4
    assert counts[0] > counts[1]
    _, text = hfverify(tmp_path, "verify", "look")
    assert f"{counts[0]} schedules" in text


def test_what_only_two_cpus_show_is_refuted_by_a_schedule(tmp_path: Path) -> None:
    subject(tmp_path, OVERTAKEN)
    code, found = statuses(tmp_path, "look")
    refuted = [name for name, line in found.items() if line["status"] == "REFUTED"]
    assert code == 1
    assert "look.more.returns" in refuted or "look.open.returns" in refuted, found
    name = next(name for name in refuted if name.endswith(".returns"))
    code, text = hfverify(tmp_path, "replay", name, "--pytest", "test_it.py")
    assert code == 1
    assert "CPU 1" in text
    assert "returns 7" in text
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "returns 7" in done.stdout
    code, text = hfverify(tmp_path, "explain", name)
    assert code == 1
    assert "CPU 1" in text
    # On the code as it should be, the same schedule shows nothing.
    subject(tmp_path, UNSUPPORTED)
    code, text = hfverify(tmp_path, "replay", name)
    assert code in (0, 2)


def test_schedules_that_do_not_end_are_told(tmp_path: Path) -> None:
    subject(tmp_path, ENDLESS)
    code, found = statuses(tmp_path, "look", "--examples", "40")
    assert code in (1, 4)
    assert found["look.more.effect"]["status"] not in ("PROVED", "TESTED")
