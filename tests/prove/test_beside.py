"""A copy of the process answers, or is known to have died."""

from __future__ import annotations

import os
import signal

import pytest

from hfverify.prove.beside import Died, beside, can_split

pytestmark = pytest.mark.skipif(not can_split(), reason="processes are not copied here")


def test_the_answer_comes_and_nothing_else_changes() -> None:
    seen: list[int] = []

    def compute() -> list[int]:
        seen.append(os.getpid())
        return seen

    wait = beside(compute)
    assert seen == []
    answer = wait()
    assert len(answer) == 1
    assert answer != [os.getpid()]
    assert seen == []


def test_two_at_once() -> None:
    first, second = beside(lambda: 1), beside(lambda: "x" * 100_000)
    assert (second(), first()) == ("x" * 100_000, 1)


@pytest.mark.parametrize("how", ["killed", "raises", "ends"])
def test_a_copy_without_an_answer(how: str, capfd: pytest.CaptureFixture[str]) -> None:
    def compute() -> int:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "ends":
            os._exit(3)
        raise ValueError(how)

    with pytest.raises(Died):
        beside(compute)()
