"""The lock that the proofs trust: one thread at a time, whoever asks."""

from __future__ import annotations

from threading import Thread

import pytest

from hafnium.spinlock import SpinLock

THREADS = 8
TURNS = 400


def test_only_one_thread_is_inside() -> None:
    lock, inside, most = SpinLock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for turn in range(TURNS):
            if turn % 2:
                lock.acquire()
            else:
                lock.__enter__()
            inside += 1
            most = max(most, inside)
            for _ in range(20):
                pass
            inside -= 1
            lock.release()

    threads = [Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_a_taken_lock_makes_others_wait() -> None:
    lock, order = SpinLock(), list[str]()

    def later() -> None:
        with lock:
            order.append("second")

    lock.acquire()
    thread = Thread(target=later)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    order.append("first")
    lock.release()
    thread.join()
    assert order == ["first", "second"]


def test_it_is_given_back_when_the_block_is_left_by_an_exception() -> None:
    lock = SpinLock()
    with pytest.raises(ValueError, match="inside"), lock:
        raise ValueError("inside")
    thread = Thread(target=lock.acquire, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
