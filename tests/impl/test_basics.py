"""Timers, lists, locks, memory."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafnium.abi import PAGE_SIZE, U64_MASK
from hafnium.lists import ListEntry, list_append, list_empty, list_first, list_remove
from hafnium.physical import memory_page, read_memory, write_memory, zero_memory
from hafnium.spinlock import SpinLock, Spinning, TakingTurns, Waiting, cpu_relax
from hafnium.state import Machine, create_machine
from hafnium.timer import (
    ENABLE,
    MASK,
    STATUS,
    Clock,
    Timer,
    remaining_ns_at,
    timer_enabled,
    timer_mask,
    timer_pending_at,
    timer_remaining_ns,
)

U64 = st.integers(0, U64_MASK)


@given(U64, U64, U64, st.integers(0, U64_MASK))
def test_a_timer_that_is_pending_stays_pending(control: int, compare: int, now: int, later: int) -> None:
    timer = Timer(control, compare)
    if timer_pending_at(timer, now) and later >= now:
        assert timer_pending_at(timer, later)
    assert timer_pending_at(timer, now) == (timer_enabled(timer) and (bool(control & STATUS) or now >= compare))
    timer_mask(timer)
    assert not timer_enabled(timer)


@given(U64, U64, st.integers(1, 10**10))
def test_remaining_time_is_exact_within_its_width(compare: int, now: int, frequency: int) -> None:
    ns = remaining_ns_at(Timer(ENABLE, compare), now, frequency)
    exact = max(0, compare - now) * 10**9 // frequency
    assert ns == exact & U64_MASK
    assert timer_remaining_ns(Timer(ENABLE, compare), Clock(now, frequency)) == ns


def test_a_masked_timer_is_not_enabled() -> None:
    assert timer_enabled(Timer(ENABLE))
    assert not timer_enabled(Timer(ENABLE | MASK))
    assert not timer_enabled(Timer(0))


@given(st.lists(st.integers(0, 5)))
def test_lists_are_first_in_first_out(choices: list[int]) -> None:
    head: ListEntry[int] = ListEntry()
    entries = [ListEntry(number) for number in range(6)]
    queue: list[int] = []
    for choice in choices:
        if choice in queue:
            list_remove(entries[choice])
            queue.remove(choice)
        else:
            list_append(head, entries[choice])
            queue.append(choice)
        assert list_first(head) == (queue[0] if queue else None)
        assert list_empty(head) == (not queue)
        assert [list_empty(entry) for entry in entries] == [number not in queue for number in range(6)]


def test_a_lock_excludes() -> None:
    lock, total = SpinLock(), [0]

    def work() -> None:
        for _ in range(1000):
            with lock:
                total[0] += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == [4000]


def test_waiting() -> None:
    cpu_relax(Waiting())
    with pytest.raises(Spinning):
        cpu_relax(TakingTurns())


@given(st.integers(0, 3 * PAGE_SIZE), st.binary(max_size=PAGE_SIZE + 9))
def test_memory_holds_what_was_written(address: int, data: bytes) -> None:
    machine = Machine()
    write_memory(machine, address, data)
    assert read_memory(machine, address, len(data)) == data
    assert read_memory(machine, address + len(data), 3) == bytes(3)
    zero_memory(machine, 0, 8 * PAGE_SIZE)
    assert read_memory(machine, address, len(data)) == bytes(len(data))


def test_a_page_stays_the_same_page() -> None:
    machine = Machine()
    page = memory_page(machine, 5 * PAGE_SIZE + 7)
    assert page.address == 5 * PAGE_SIZE
    assert memory_page(machine, 5 * PAGE_SIZE) is page


@pytest.mark.parametrize("counts", [[], [1]])
def test_a_machine_needs_a_primary_vcpu_for_each_cpu(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="primary"):
        create_machine(2, counts)
