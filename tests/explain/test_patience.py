"""Time in which a process waits for a processor is none; what hangs is ended all the same."""

from __future__ import annotations

import time

import pytest

from hfverify.explain.patience import PERIOD, Patience, limited


class Late(BaseException):
    pass


def test_waiting_for_a_processor_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = [0.0]
    monkeypatch.setattr(Patience, "_waiting", lambda _: waited[0])
    patience = Patience(2 * PERIOD)
    for _ in range(9):
        waited[0] += PERIOD
        assert not patience.ends()
    # More than a period is never given back.
    waited[0] += 100 * PERIOD
    assert [patience.ends() for _ in range(3)] == [False, False, True]
    patience.renew()
    assert [patience.ends() for _ in range(2)] == [False, True]


def test_what_is_not_there_has_not_waited() -> None:
    patience = Patience(PERIOD, "no such process")
    assert patience.ends()


def _goes_on(sleeps: bool) -> None:
    with limited(2 * PERIOD, Late):
        while True:
            if sleeps:
                time.sleep(100)


@pytest.mark.parametrize("sleeps", [True, False])
def test_what_takes_longer_ends(sleeps: bool) -> None:
    with pytest.raises(Late):
        _goes_on(sleeps)


def test_an_error_that_is_caught_comes_again() -> None:
    caught = 0
    with limited(PERIOD, Late):
        while caught < 2:
            try:
                time.sleep(100)
            except Late:
                caught += 1
    assert caught == 2
