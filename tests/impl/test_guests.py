"""Guests on a machine: what they may do, what stops them, and messages that all arrive."""

import json
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from checks import order_locks, pages_in_all
from world import put

from hafnium.__main__ import main
from hafnium.abi import PAGE_SIZE, U64_MASK, Call, RunCode, RunReturn
from hafnium.actions import Hvc, Load, Program, Reply, SetTimer, Store, Wfe, Wfi, call, load
from hafnium.console import run_command
from hafnium.demo import DEMOS, SECONDARY_SIZE, base_of, build_guests, compare, positions, seat_scheduler
from hafnium.events import Event, describe, explain
from hafnium.guest import Guests, Phase
from hafnium.programs import CorruptedError, busy_sender, number_of, payload, require
from hafnium.schedule import End, Turn, random_schedule, round_robin, run_threads, run_turns
from hafnium.scheduler import Scheduler
from hafnium.state import VcpuState
from hafnium.timeline import cell
from hafnium.timer import ENABLE

MESSAGES = 10_000


def run(programs: list[list[Program]], cpus: int = 1, limit: int = 20_000) -> tuple[Guests, list[Event], End]:
    """Run programs under a scheduler, taking turns."""
    guests = build_guests(cpus, programs)
    events: list[Event] = []
    guests.observe = events.append
    seat_scheduler(guests, Scheduler(base_of(0), positions(programs)))
    end = run_turns(guests, round_robin(cpus), limit)
    return guests, events, end


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_thousand_messages_in_turns(name: str, seed: int) -> None:
    demo = DEMOS[name](MESSAGES if name == "busy" else MESSAGES // 2)
    order_locks(demo.guests.machine)
    pages = pages_in_all(demo.guests.machine)
    end = run_turns(demo.guests, random_schedule(seed, len(demo.guests.seats)), 200 * MESSAGES)
    assert (end, demo.check(), demo.guests.failures) == (End.QUIET, None, {})
    assert pages_in_all(demo.guests.machine) == pages


@pytest.mark.parametrize("name", DEMOS)
def test_ten_thousand_messages_on_threads(name: str) -> None:
    demo = DEMOS[name](MESSAGES)
    order_locks(demo.guests.machine)
    pages = pages_in_all(demo.guests.machine)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    try:
        end = run_threads(demo.guests, 120)
    finally:
        sys.setswitchinterval(interval)
    assert (end, demo.check(), demo.guests.failures) == (End.QUIET, None, {})
    assert pages_in_all(demo.guests.machine) == pages


@pytest.mark.parametrize("name", DEMOS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    runs: list[list[Event]] = []
    for _ in range(2):
        demo = DEMOS[name](20)
        events: list[Event] = []
        demo.guests.observe = events.append
        run_turns(demo.guests, random_schedule(7, len(demo.guests.seats), 0.2), 100_000)
        assert demo.check() is None
        runs.append(events)
    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", DEMOS)
def test_many_schedules(name: str) -> None:
    for seed in range(15):
        demo = DEMOS[name](12)
        order_locks(demo.guests.machine)
        end = run_turns(demo.guests, random_schedule(seed, len(demo.guests.seats), seed / 30), 400_000)
        assert (seed, end, demo.check(), demo.guests.failures) == (seed, End.QUIET, None, {})


def test_a_guest_that_raises_aborts_alone() -> None:
    done: list[int] = []

    def bad() -> Program:
        yield Wfe()
        raise KeyError("guest")

    def good() -> Program:
        for number in range(5):
            yield Wfe()
            done.append(number)

    guests, events, end = run([[bad()], [good()]])
    assert end is End.QUIET
    assert done == list(range(5))
    assert guests.machine.vms[1].aborting
    assert not guests.machine.vms[2].aborting
    assert [type(error) for error in guests.failures.values()] == [KeyError]
    assert any(event.kind == "abort" and "KeyError" in event.detail for event in events)


class Departure(BaseException):
    """What is not an ordinary exception."""


@pytest.mark.parametrize("kind", [SystemExit, Departure, StopIteration, MemoryError, AssertionError])
@pytest.mark.parametrize("threads", [False, True])
def test_whatever_a_guest_raises_aborts_its_vm_only(kind: type[BaseException], threads: bool) -> None:
    done: list[int] = []

    def bad() -> Program:
        yield Wfe()
        raise kind

    def good() -> Program:
        for number in range(5):
            yield Wfe()
            done.append(number)

    programs = [[bad()], [good()]]
    guests = build_guests(2, programs)
    seat_scheduler(guests, Scheduler(base_of(0), positions(programs)))
    end = run_threads(guests, 60) if threads else run_turns(guests, round_robin(2), 20_000)
    assert (end, done) == (End.QUIET, list(range(5)))
    assert [vm.aborting for vm in guests.machine.vms] == [False, True, False]
    failed = {vcpu.vm.id: type(error) for vcpu, error in guests.failures.items()}
    assert failed == {1: RuntimeError if kind is StopIteration else kind}


def test_a_keyboard_interrupt_is_not_the_guests_own() -> None:
    def program() -> Program:
        yield Wfe()
        raise KeyboardInterrupt

    programs = [[program()]]
    guests = build_guests(1, programs)
    seat_scheduler(guests, Scheduler(base_of(0), positions(programs)))
    with pytest.raises(KeyboardInterrupt):
        run_turns(guests, round_robin(1), 20_000)
    assert guests.failures == {}
    assert not guests.machine.vms[1].aborting


def test_other_vcpus_of_an_aborted_vm_end_too() -> None:
    def bad() -> Program:
        yield Store(0, b"x")

    def sibling() -> Program:
        while True:
            yield Wfe()

    guests, _, end = run([[bad(), sibling()], [sibling()]], cpus=2, limit=5_000)
    assert end is End.LIMIT
    states = [vcpu.state for vcpu in guests.machine.vms[1].vcpus]
    assert states[0] is VcpuState.ABORTED
    assert states[1] is not VcpuState.RUNNING


def test_a_primary_that_raises_or_ends_stops_its_cpu_only() -> None:
    def bad() -> Program:
        yield Wfi()
        raise ValueError

    def short() -> Program:
        yield Wfe()

    guests = build_guests(2, [])
    events: list[Event] = []
    guests.observe = events.append
    first, second = guests.machine.vms[0].vcpus[:2]
    guests.programs = {first: bad(), second: short()}
    assert run_turns(guests, round_robin(2), 100) is End.QUIET
    assert [seat.phase for seat in guests.seats] == [Phase.HALTED, Phase.HALTED]
    assert [event.kind for event in events] == ["halt"]
    assert run_threads(guests, 1) is End.QUIET


def test_threads_stop_when_the_time_is_over() -> None:
    def restless() -> Program:
        while True:
            yield Wfe()

    programs = [[restless()]]
    guests = build_guests(1, programs)
    seat_scheduler(guests, Scheduler(base_of(0), positions(programs)))
    assert run_threads(guests, 0.05) is End.LIMIT
    assert guests.seats[0].phase is Phase.GUEST


def test_what_a_thread_raises_is_raised() -> None:
    guests = build_guests(2, [])

    def program() -> Program:
        yield Wfi()

    def broken(event: Event) -> None:
        raise RuntimeError(event.kind)

    def calling() -> Program:
        yield from call(Call.VM_GET_ID)

    guests.observe = broken
    first, second = guests.machine.vms[0].vcpus[:2]
    guests.programs = {first: program(), second: calling()}
    with pytest.raises(RuntimeError, match="call"):
        run_threads(guests, 10)


def test_memory_accesses() -> None:
    seen: list[bytes] = []
    begin = base_of(1)

    def program() -> Program:
        yield Store(begin + PAGE_SIZE - 2, b"across")
        seen.append((yield from load(begin + PAGE_SIZE - 2, 6)))
        yield Load(begin - 1, 2)

    guests, events, _ = run([[program()]])
    assert seen == [b"across"]
    assert guests.machine.vms[1].aborting
    assert any("no access" in event.detail for event in events)


@pytest.mark.parametrize("size", [2, PAGE_SIZE + 2])
def test_an_access_that_leaves_the_memory_of_the_vm(size: int) -> None:
    end = base_of(1) + SECONDARY_SIZE

    def program() -> Program:
        yield Store(end - size + 1, bytes(size))

    guests, events, why = run([[program()]])
    assert why is End.QUIET
    assert guests.machine.vms[1].aborting
    assert any(event.detail == f"no access to {end:#x}" for event in events)


@pytest.mark.parametrize(
    "junk",
    [
        None,
        5,
        Hvc("x"),  # type: ignore[arg-type]
        Hvc(Call.SHARE_MEMORY, -1 << 32, 0, PAGE_SIZE),
        Hvc(Call.VM_CONFIGURE, 0, 1 << 64),
        SetTimer(1, -1),
        Load(-1, 4),
        Load(0, 1 << 40),
        Store(0, "text"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_action_aborts_the_vm(junk: Any) -> None:
    done: list[int] = []

    def bad() -> Program:
        yield junk

    def good() -> Program:
        yield Wfe()
        done.append(1)

    guests, _, end = run([[bad()], [good()]])
    assert (end, done) == (End.QUIET, [1])
    assert [vm.aborting for vm in guests.machine.vms] == [False, True, False]
    assert [type(error) for error in guests.failures.values()] == [TypeError]


def test_an_access_is_made_again_when_the_page_is_there_after_all() -> None:
    begin = base_of(1)

    def program() -> Program:
        yield Store(begin, b"x")

    programs = [[program()]]
    guests = build_guests(1, programs)
    seat_scheduler(guests, Scheduler(base_of(0), positions(programs)))
    vm = guests.machine.vms[1]
    put(vm.ptable, begin, 0x70)

    class Late(type(vm.ptable.lock)):  # type: ignore[misc]
        """The page is mapped by another CPU just before the hypervisor looks."""

        looks = 0

        def acquire(self) -> None:
            super().acquire()
            self.looks += 1
            if self.looks == 2:
                put(vm.ptable, begin, 7)

    vm.ptable.lock = Late()
    assert run_turns(guests, round_robin(1), 1000) is End.QUIET
    assert not vm.aborting
    assert guests.machine.memory.pages[begin].data[:1] == b"x"


def test_a_call_that_waits_is_made_again() -> None:
    guests = build_guests(2, [[idle()]])
    primaries = guests.machine.vms[0].vcpus
    target = guests.machine.vms[1].vcpus[0]
    target.regs_available = False
    got: list[Reply] = []

    def caller() -> Program:
        got.append((yield from call(Call.VCPU_RUN, 1, 0)))

    guests.programs[primaries[0]] = caller()
    assert run_turns(guests, iter_only(0), 10) is End.LIMIT
    assert got == []
    target.regs_available = True
    run_turns(guests, iter_only(0), 100)
    assert got == [RunReturn(RunCode.WAIT_FOR_INTERRUPT).code | 0xFFFF_FFFF_FFFF_FF00]


def iter_only(cpu: int) -> Iterator[Turn]:
    schedule = round_robin(cpu + 1)
    return (turn for turn in schedule if turn.cpu == cpu)


def idle() -> Program:
    while True:
        yield Wfi()


def test_a_timer_preempts_a_running_guest() -> None:
    taken: list[str] = []

    def busy() -> Program:
        yield SetTimer(ENABLE, 1)
        for _ in range(50):
            yield from call(Call.VM_GET_ID)
        taken.append("done")

    guests, events, end = run([[busy()]])
    assert end is End.QUIET
    assert taken == ["done"]
    assert any(event.kind == "preempt" for event in events)
    assert guests.machine.vms[1].vcpus[0].interrupts.pending == [8, 0]


def test_words_for_calls_and_run_returns() -> None:
    assert describe(Hvc(0x55)) == "call 0x55"
    assert describe(Hvc(Call.VM_CONFIGURE, 0, 0x1000)) == "vm_configure(0, 0x1000)"
    assert explain(RunReturn(RunCode.WAKE_UP, vm_id=3, vcpu=2)) == "wake up 3.2"
    assert explain(RunReturn(RunCode.WAIT_FOR_INTERRUPT, ns=7)) == "wait for interrupt, 7 ns"


def test_payloads() -> None:
    assert [number_of(payload(number)) for number in range(300)] == list(range(300))
    assert len(payload(0)) == PAGE_SIZE
    with pytest.raises(CorruptedError):
        number_of(payload(5)[:-1])
    with pytest.raises(CorruptedError, match="why"):
        require(False, "why")


def test_a_log_with_gaps_is_complained_about() -> None:
    assert compare("x", [0, 1, 2], 3) is None
    assert compare("x", [0, 2], 3) == "x: 2 of 3, 1 missing"
    assert compare("x", [0, 0, 1, 2], 3) == "x: 4 of 3, 0 missing"


@pytest.mark.parametrize("name", DEMOS)
def test_the_timeline_of_a_demo(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", name, "--rows", "10"]) == 0
    out = capsys.readouterr().out
    assert "CPU 0" in out
    assert "more events" in out
    assert out.endswith("all arrived, once, in order, unharmed\n")


def test_a_demo_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json", "--messages", "1"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["detail"].startswith("vm_configure")
    assert {"time", "cpu", "vcpu", "kind", "detail", "result", "next", "told"} == set(events[0])


def test_a_demo_on_threads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "busy", "--threads", "--rows", "10000"]) == 0
    assert "more events" not in capsys.readouterr().out


def test_a_demo_that_is_cut_short(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("hafnium.__main__.TURNS_PER_MESSAGE", 10)
    assert main(["demo"]) == 1
    assert "still running: echo: 0 of 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["demo", "nothing"], ["dance"], ["demo", "--messages", "-5"], ["demo", "--rows", "x"]],
)
def test_a_wrong_command(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_demos_complain() -> None:
    for name, build in DEMOS.items():
        complaint = build(4).check()
        assert complaint is not None, name


def drive(program: Program, *replies: Reply) -> list[object]:
    """Run a program with given replies to its end; return what it did."""
    actions: list[object] = [next(program)]
    for reply in replies[:-1]:
        actions.append(program.send(reply))
    with pytest.raises(StopIteration):
        program.send(replies[-1])
    return actions


def test_the_scheduler_leaves_news_to_its_sibling_that_has_fetched_it() -> None:
    scheduler = Scheduler(base_of(0), [(1, 0)])
    actions = drive(scheduler.notify_waiters(1), 0, U64_MASK, U64_MASK)
    assert [action.x0 for action in actions if isinstance(action, Hvc)] == [
        Call.MAILBOX_WAITER_GET,
        Call.MAILBOX_WRITABLE_GET,
        Call.MAILBOX_WAITER_GET,
    ]


def test_a_plain_scheduler_has_no_use_for_mail() -> None:
    scheduler = Scheduler(base_of(0), [(1, 0)])
    assert list(scheduler.on_message(1, b"x")) == []
    assert list(scheduler.on_writable(1)) == []


class Reader(Scheduler):
    """A scheduler that reads the mail of the primary VM."""

    def on_message(self, sender: int, data: bytes) -> Program:
        mail.append((sender, number_of(data)))
        return iter_nothing()


mail: list[tuple[int, int]] = []


def iter_nothing() -> Program:
    return
    yield


def test_senders_wait_for_the_mailbox_of_the_primary() -> None:
    mail.clear()
    programs = [[busy_sender(base_of(vm), 0, 100)] for vm in (1, 2, 3)]
    guests = build_guests(3, programs)
    reader = Reader(base_of(0), positions(programs))
    seat_scheduler(guests, reader)
    assert run_turns(guests, random_schedule(5, 3, 0.05), 200_000) is End.QUIET
    assert guests.failures == {}
    for vm in (1, 2, 3):
        assert [number for sender, number in mail if sender == vm] == list(range(100))


def test_the_scheduler_forgets_a_vm_that_aborted() -> None:
    scheduler = Scheduler(base_of(0), [(1, 0), (1, 1), (2, 0)])
    assert [scheduler.take() for _ in range(3)] == [(1, 0), (1, 1), (2, 0)]
    scheduler.bury(1)
    scheduler.park((1, 0), 5)
    scheduler.put((1, 1))
    scheduler.wake((1, 0))
    scheduler.wake((9, 9))
    scheduler.park((2, 0), None)
    scheduler.wake((2, 0))
    assert list(scheduler.queue) == [(2, 0)]
    assert not scheduler.deadlines


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event(0, 0, "0.0", "halt", "why"), "0.0 halt why"),
        (Event(0, 0, "0.0", "call", "vcpu_run(1, 0)", 0xFF02), "0.0 vcpu_run(1, 0) = not now"),
        (Event(0, 0, "1.0", "call", "mailbox_receive(0)", 0xFFFF_FFFF), "1.0 mailbox_receive(0) = nothing"),
        (
            Event(0, 0, "1.0", "call", "mailbox_receive(0)", 5 << 32),
            "1.0 mailbox_receive(0) = 5 bytes from VM 0",
        ),
        (Event(0, 0, "1.0", "call", "interrupt_get()", 0xFFFF_FFFF), "1.0 interrupt_get() = none"),
        (Event(0, 0, "1.0", "call", "mailbox_clear()", U64_MASK), "1.0 mailbox_clear() = -1"),
        (Event(0, 0, "0.0", "call", "vcpu_run(1, 0)", 0, "1.0"), "0.0 vcpu_run(1, 0) ⇒ 1.0"),
    ],
)
def test_events_in_words(event: Event, text: str) -> None:
    assert cell(event) == text


@pytest.mark.parametrize("module", ["hafnium", "hafnium.conformance"])
def test_modules_run(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [module])
    for name in ("hafnium.__main__", "hafnium.conformance"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(module, run_name="__main__")
    assert caught.value.code == 2


def test_a_reader_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as gone:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", gone)
        monkeypatch.setattr(sys, "argv", ["hafnium", "demo"])
        assert run_command(main) == 1


def test_a_terminal_without_the_characters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as plain:
        monkeypatch.setattr(sys, "stdout", plain)
        monkeypatch.setattr(sys, "stderr", None)
        monkeypatch.setattr(sys, "argv", ["hafnium", "demo"])
        assert run_command(main) == 0
    assert "\\u2502 0.0 vm_configure" in path.read_text(encoding="ascii")
