"""Guests that are wrong themselves are told so, and what the command says."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from rehearsing import LOST, QUICK, kinds, rehearsed
from situated import JOBS

from hfverify.cli import main_group

FINE = """
from jobs.shop import Queue, Shop, Worker, finish, submit, take
from hfverify.explore import Scene

def machine(cpus):
    queue = Queue(0, capacity=1)
    queue.workers = [Worker(queue, 0, 0)]
    return Shop(queues=[queue])

def bring(cpu):
    submit(shop_of[0], 0)

shop_of = [None]

def scene(shop):
    shop_of[0] = shop
    return Scene([bring])
"""
WRONG = {
    "a file that is no Python": ("def machine(:", "guests.py:1: invalid syntax"),
    "no scene": ("def machine(cpus):\n    return 1\n", "has no function `scene`"),
    "a machine that raises": (
        FINE.replace("queue = Queue(0, capacity=1)", "raise ValueError('no room')"),
        "guests.py:6: machine raises ValueError: no room",
    ),
    "no machine of the subject": (
        FINE.replace("return Shop(queues=[queue])", "return 5"),
        "a machine is an object of jobs.shop:Shop, not of builtins:int",
    ),
    "no scene of ours": (FINE.replace("return Scene([bring])", "return [bring]"), "`scene` gives list, not a Scene"),
    "too few programs": (FINE.replace("Scene([bring])", "Scene([])"), "`scene` has 0 programs for 1 CPUs"),
    "what is no program": (FINE.replace("Scene([bring])", "Scene([5])"), "the program of CPU 0 is 5, not a function"),
    "a program that raises": (
        FINE.replace("    submit(shop_of[0], 0)", "    submit(shop_of[0], 0)\n    print(1 // 0)"),
        "guests.py:12: the program of CPU 0 raises ZeroDivisionError",
    ),
    "a call that is not there": (
        FINE.replace("    submit(shop_of[0], 0)", "    shop_of[0].submit(0)"),
        "guests.py:11: the program of CPU 0 raises AttributeError: 'Shop' object has no attribute 'submit'",
    ),
    "a condition that raises": (
        FINE.replace("    submit(shop_of[0], 0)", "    cpu.idle(lambda: 1 // 0, 'x')"),
        "guests.py:11: what CPU 0 idles for raises ZeroDivisionError",
    ),
    "an outside without end": (
        FINE.replace("Scene([bring])", "Scene([lambda cpu: cpu.idle(lambda: False, 'x')], outside=lambda: True)"),
        "`outside` does something for ever",
    ),
    "what is remembered from run to run": (
        FINE.replace("def bring(cpu):\n", "runs = []\ndef bring(cpu):\n    runs.append(1)\n    if runs[1:]: return\n"),
        "Fickle: ",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_guests_are_told_so(name: str, tmp_path: Path) -> None:
    text, message = WRONG[name]
    file = tmp_path / "guests.py"
    file.write_text(text)
    with pytest.raises(AssertionError) as error:
        rehearsed(file, QUICK, root=JOBS, cpus=1)
    assert message in str(error.value)


# What guests do instead of bringing one job, and what is found then, though they are not wrong.
SHOWN = {
    "they never rest": (
        "while True: submit(shop_of[0], 0)",
        "endless",
        "the guests have neither ended nor come to rest after 2000 steps",
    ),
    "they touch what is not their own": (
        "shop_of[0].queues[0].count = 1",
        "broken",
        "CPU 0: queue[0].count is written without queue[0].lock",
    ),
    "they leave a job lying": (
        "submit(shop_of[0], 0)\n    take(shop_of[0].queues[0].workers[0])",
        LOST,
        "no CPU has anything to do, and worker[0, 0] is owed `does_its_job`: A worker who has a job does it.",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_guests_show(name: str, tmp_path: Path) -> None:
    text, kind, told = SHOWN[name]
    file = tmp_path / "guests.py"
    file.write_text(FINE.replace("submit(shop_of[0], 0)", text))
    found, _ = rehearsed(file, QUICK, root=JOBS, cpus=1)
    assert kinds(found) == [kind]
    assert [problem["text"] for problem in found[0]["problems"]][:1] == [told]


# ---------------------------------------------------------------- the command


@pytest.fixture
def in_jobs(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(JOBS)
    return CliRunner()


def test_the_command_wants_one_of_both(in_jobs: CliRunner) -> None:
    for arguments in ([], ["take", "--guests", "guests/shift.py"]):
        result = in_jobs.invoke(main_group, ["explore", *arguments])
        assert result.exit_code == 2, result.output


def test_the_command_says_what_it_tried(in_jobs: CliRunner) -> None:
    result = in_jobs.invoke(main_group, ["explore", "--guests", "guests/shift.py", "--preemptions", "1"])
    assert result.exit_code == 0, result.output
    assert "every schedule with at most 1 preemption. This is no proof" in result.output
    result = in_jobs.invoke(main_group, ["explore", "--guests", "nowhere.py"])
    assert result.exit_code == 4
    assert "not finished: nowhere.py is no file of Python" in result.output
