"""What must come out: for the hypervisor computed by its own code, for the odd subject written by hand."""

from __future__ import annotations

import functools
from itertools import product

import pytest
from bindings import Made, Packed, Vectors

from hafnium import abi, dispatch

SAMPLES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xA5A5,
    0xFFFF,
    0x1_0000,
    0xDEAD_BEEF,
    0xFFFF_FFFF,
    1 << 55,
    (1 << 56) - 1,
    (1 << 64) - 1,
)
NAMES = {code.name: "".join(word.capitalize() for word in code.name.split("_")) for code in abi.RunCode}
FIELDS = {"WAKE_UP": {"vcpu": 16, "vm_id": 32}, "MESSAGE": {"vm_id": 16, "size": 32}}
FIELDS |= {"WAIT_FOR_INTERRUPT": {"ns": 64}, "WAIT_FOR_MESSAGE": {"ns": 64}}
CALLS = {
    "vm_get_id": (),
    "vm_get_count": (),
    "vcpu_get_count": (32,),
    "vcpu_run": (32, 32),
    "vcpu_yield": (),
    "vm_configure": (64, 64),
    "mailbox_send": (32, 64, 1),
    "mailbox_receive": (1,),
    "mailbox_clear": (),
    "mailbox_writable_get": (),
    "mailbox_waiter_get": (32,),
    "interrupt_enable": (32, 1),
    "interrupt_get": (),
    "interrupt_inject": (32, 32, 32),
    "share_memory": (32, 64, 64, 32),
}


def fitting(bits: int) -> list[int]:
    return [value for value in SAMPLES if value < 1 << bits]


def run_returns() -> list[Packed]:
    found = []
    for code in abi.RunCode:
        fields = FIELDS.get(code.name, {})
        for values in product(*(fitting(bits) for bits in fields.values())):
            given = dict(zip(fields, values, strict=True))
            number = abi.encode_run_return(abi.RunReturn(code, **given))
            back = abi.decode_run_return(number)
            read = {name: getattr(back, name) for name in fields}
            found.append(Packed("RunReturn", NAMES[code.name], given, number, read))
    return found


def received() -> list[Packed]:
    found = []
    for sender, size in product(fitting(32), fitting(32)):
        number = abi.encode_receive_return(sender, size)
        vm_id, length = abi.decode_receive_return(number)
        found.append(
            Packed(
                "ReceiveReturn", "Received", {"vm_id": sender, "size": size}, number, {"vm_id": vm_id, "size": length}
            )
        )
    return found


def arguments_of(call: str) -> list[tuple[int | bool, ...]]:
    """Some arguments: each width full, empty, and with all bytes different."""
    widths = CALLS[call]
    return [
        tuple(bool(pattern & 1) if width == 1 else pattern & (1 << width) - 1 for width in widths)
        for pattern in (0, (1 << 64) - 1, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210)
    ]


def registers_of(call: str, arguments: tuple[int | bool, ...]) -> tuple[int, ...]:
    """The registers of a call, as the reference says them."""
    number = abi.Call[call.upper()]
    if call == "share_memory":
        vm_id, begin, size, share = arguments
        return (number, vm_id << 32 | share, begin, size)
    return (number, *map(int, arguments), 0, 0, 0)[:4]


@functools.cache
def hypervisor() -> Vectors:
    packed, reports, messages = run_returns() + received(), run_returns(), received()
    made = []
    for place, call in enumerate(CALLS):
        for turn, arguments in enumerate(arguments_of(call)):
            before = registers_of(call, arguments)
            result: int | Packed = (0, -1, 1, 0x7FFF_FFFF_FFFF_FFFF)[turn]
            if call in ("vm_get_id", "vm_get_count"):
                result = (0, 1, 7, 0xFFFF)[turn]
            if call == "interrupt_get":
                result = (0, 63, abi.INVALID_INTID, 3)[turn]
            if call == "vcpu_run":
                result = reports[(place * 7 + turn * 31) % len(reports)]
            if call == "mailbox_receive":
                result = messages[(turn * 31) % len(messages)]
            number = result.number if isinstance(result, Packed) else result & abi.U64_MASK
            made.append(Made(call, arguments, before, (number, 0, 0, 0), result))
    constants = ("INVALID_VM_ID", "SLEEP_INDEFINITE", "NUM_INTIDS", "INVALID_INTID", "VIRTUAL_TIMER_INTID")
    numbers = {name: getattr(abi, name) for name in (*constants, "PAGE_SIZE", "MAILBOX_SIZE")}
    numbers |= {member.name: member.value for member in abi.Share} | {"PRIMARY": abi.PRIMARY_VM_ID}
    wrong = {"RunReturn": (8, 255, 0x1234_5678_0000_0042)}
    return Vectors("hafnium", packed, made, numbers, wrong)


def odd_values() -> Vectors:
    """By hand: Report has its tag in bits 28 .. 31 of 32, results are cut to 16 bits and come back in x4."""
    moved = {"type": 0xFF, "match": 0x80, "far": 0xFFFF_F123}
    packed = [
        Packed("Report", "Idle", {}, 0, {}),
        Packed("Report", "Moved", moved, 0x1123_80FF, moved | {"far": 0x123}),
        Packed(
            "Report", "Moved", {"type": 1, "match": 3, "far": 0xABC}, 0x1ABC_0301, {"type": 1, "match": 3, "far": 0xABC}
        ),
        Packed("Report", "Last", {"x": 0xBEEF, "encode": 0x5A}, 0xF5AB_EEF0, {"x": 0xBEEF, "encode": 0x5A}),
        Packed("Pair", "Both", {"low": 0x12, "high": 0x34}, 0x1234, {"low": 0x12, "high": 0x34}),
    ]
    made = [
        Made("default", (0xAB, True, 0x34, 9), (0, 0, 0x0340_1AB0, 0x1200, 0, 9), (0, 0, 0, 0, 0xFFFD, 0), -3),
        Made("default", (1, False, 0, 1 << 63), (0, 0, 0x10, 0x1200, 0, 1 << 63), (9, 9, 9, 9, 0x7FFF, 9), 0x7FFF),
        Made("look", (7,), (0, 7, 0, 0x1300, 0, 0), (0, 0, 0, 0, 0, 0), Packed("Report", "Idle", {}, 0, {})),
        Made("halves", (), (0, 0, 0, 0x1400, 0, 0), (0, 0, 0, 0, 0x1234, 0), packed[-1]),
        Made("isOpen", (), (0, 0, 0, 0x1500, 0, 0), (1, 1, 1, 1, 0, 1), False),
        Made("isOpen", (), (0, 0, 0, 0x1500, 0, 0), (0, 0, 0, 0, 2, 0), True),
    ]
    numbers = {"SLOWEST": -3, "FASTEST": 1, "USUAL": 4, "OPENS": 1, "R2D2": 7}
    return Vectors("odd", packed, made, numbers, {"Report": (0x2000_0000, 0xE000_0000)})


def dispatched(monkeypatch: pytest.MonkeyPatch, call: str, registers: tuple[int, ...]) -> tuple[object, ...]:
    """With what the hypervisor's own dispatcher calls a function, for registers; without machine and caller."""
    seen: list[tuple[object, ...]] = []

    def note(*arguments: object) -> tuple[int, None]:
        seen.append(tuple(item for item in arguments if isinstance(item, int)))
        return 0, None

    monkeypatch.setattr(dispatch, call, note)
    dispatch.dispatch(None, None, *registers)  # type: ignore[arg-type]
    assert len(seen) == 1
    return seen[0]
