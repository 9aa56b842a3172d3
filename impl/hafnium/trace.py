"""Recorded scenarios: read them, and refuse what is not one.

A scenario is a file of JSON lines, compressed if its name ends with `.gz`: a header, then the steps.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hafnium.abi import MAX_CPUS, MAX_VMS, PAGE_SIZE, U64_MASK, Call
from hafnium.page_table import STAGE2_LIMIT

FORMAT: Final = 1
REVISION: Final = "r4"
MAX_REGION: Final = STAGE2_LIMIT
MAX_FILL: Final = 1 << 24
CALLS: Final = {call.name.lower(): call for call in Call}
REGISTER: Final = re.compile("0x[0-9a-fA-F]+")
POSITION: Final = re.compile("([0-9]{1,3})[.]([0-9]{1,3})")
CPU_STEPS: Final = ("hvc", "preempt", "wfi", "wfe", "abort", "page_fault", "regs_saved")
OTHER_STEPS: Final = ("fill", "timer", "advance")


class TraceError(Exception):
    """A file that is not a scenario: where, and why."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")


class MalformedError(Exception):
    """A part of a line that is not what it has to be."""


@dataclass(frozen=True, slots=True)
class VmSetup:
    """A VM: how many virtual CPUs it has, and which of them are on."""

    vcpus: int
    on: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """Pages that a VM has at first, with their stage-2 mode."""

    vm: int
    begin: int
    pages: int
    mode: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a scenario starts from."""

    name: str
    cpus: int
    vms: tuple[VmSetup, ...]
    regions: tuple[Region, ...]
    tracked: tuple[int, ...]
    init: dict[str, Any]
    pool_limited: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is done, and what came of it. Fields that the kind of step lacks are zero."""

    number: int
    op: str
    change: dict[str, Any]
    cpu: int = 0
    registers: tuple[int, int, int, int] = (0, 0, 0, 0)
    call: str = ""
    returned: int | None = None
    next: tuple[int, int] | None = None
    spins: bool = False
    resumed: bool = False
    vm: int = 0
    vcpu: int = 0
    address: int = 0
    size: int = 0
    seed: int = 0
    mode: int = 0
    timer: tuple[bool, bool] = (False, False)
    ns: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A header and its steps."""

    path: Path
    header: Header
    steps: tuple[Step, ...]


def expect(condition: bool, reason: str) -> None:
    """Refuse what does not hold."""
    if not condition:
        raise MalformedError(reason)


def item(line: dict[str, Any], key: str) -> Any:
    """Return a field that must be there."""
    expect(key in line, f"no {key!r}")
    return line[key]


def number(line: dict[str, Any], key: str, limit: int) -> int:
    """Return a field that must be a number from 0 to below `limit`."""
    value = item(line, key)
    expect(type(value) is int and 0 <= value < limit, f"{key!r} is not a number below {limit}")
    return int(value)


def flag(line: dict[str, Any], key: str) -> bool:
    """Return a field that is true or false, or 1 or 0."""
    value = item(line, key)
    expect(value in (True, False), f"{key!r} is neither true nor false")
    return bool(value)


def entries(line: dict[str, Any], key: str) -> list[Any]:
    """Return a field that must be a list."""
    value = item(line, key)
    expect(isinstance(value, list), f"{key!r} is not a list")
    return list(value)


def register(value: object) -> int:
    """Return a register: a string with a hexadecimal number of at most 64 bits."""
    known = isinstance(value, str) and REGISTER.fullmatch(value) is not None
    expect(known, f"{value!r} is not a hexadecimal string")
    result = int(str(value), 16)
    expect(result <= U64_MASK, f"{value!r} has more than 64 bits")
    return result


def mapping(value: object, what: str) -> dict[str, Any]:
    """Return an object of JSON."""
    expect(isinstance(value, dict), f"{what} is not an object")
    assert isinstance(value, dict)
    return value


def vcpu_name(value: object, vms: tuple[VmSetup, ...]) -> tuple[int, int]:
    """Return the position of a virtual CPU that is written `VM.VCPU`."""
    found = POSITION.fullmatch(value) if isinstance(value, str) else None
    vm, index = (int(found[1]), int(found[2])) if found else (len(vms), 0)
    expect(vm < len(vms) and index < vms[vm].vcpus, f"no vCPU {value!r}")
    return vm, index


def decode_header(line: dict[str, Any]) -> Header:
    """Return the header that the first line holds."""
    expect(item(line, "kind") == "header", "the first line is not a header")
    expect(item(line, "format") == FORMAT, f"the format is not {FORMAT}")
    expect(item(line, "rev") == REVISION, f"the revision is not {REVISION}")
    vms: list[VmSetup] = []
    for vm_line in entries(line, "vms"):
        vm = mapping(vm_line, "a VM")
        expect(number(vm, "id", MAX_VMS) == len(vms), "the ids of the VMs are not in order")
        vcpus = number(vm, "vcpus", MAX_CPUS + 1)
        on = tuple(entries(vm, "on"))
        expect(all(type(index) is int and 0 <= index < vcpus for index in on), "'on' names no vCPU")
        vms.append(VmSetup(vcpus, on))
    cpus = number(line, "pcpus", MAX_CPUS + 1)
    expect(0 < len(vms) <= MAX_VMS and vms[0].vcpus >= cpus, "VM 0 has too few vCPUs")
    regions = []
    for region_line in entries(line, "regions"):
        region = mapping(region_line, "a region")
        begin = register(item(region, "begin"))
        pages = number(region, "pages", MAX_REGION + 1)
        inside = begin % PAGE_SIZE == 0 and begin + pages * PAGE_SIZE <= STAGE2_LIMIT * PAGE_SIZE
        expect(inside, "a region is not made of pages that the table has")
        regions.append(Region(number(region, "vm", len(vms)), begin, pages, number(region, "mode", 1 << 7)))
    tracked = tuple(register(page) for page in entries(line, "tracked"))
    init = mapping(item(line, "init"), "'init'")
    number(init, "pool", 1 << 32)
    name = item(line, "name")
    expect(isinstance(name, str), "'name' is not a string")
    limited = "pool_limited" in line and flag(line, "pool_limited")
    return Header(name, cpus, tuple(vms), tuple(regions), tracked, init, limited)


def decode_step(line: dict[str, Any], place: int, header: Header) -> Step:
    """Return the step that a line holds."""
    expect(number(line, "n", 1 << 32) == place, f"the number of the step is not {place}")
    op = item(line, "op")
    change = mapping(item(line, "d"), "'d'")
    expect(change.keys() <= header.init.keys(), "'d' has a key that 'init' does not have")
    if op in CPU_STEPS:
        return decode_cpu_step(line, Step(place, op, change, number(line, "pcpu", header.cpus)), header)
    expect(op in OTHER_STEPS, f"unknown step {op!r}")
    if op == "fill":
        vm = number(line, "vm", len(header.vms))
        address = register(item(line, "addr"))
        size = number(line, "len", MAX_FILL)
        expect(address + size <= STAGE2_LIMIT * PAGE_SIZE, "'fill' goes beyond the table")
        return Step(place, op, change, vm=vm, address=address, size=size, seed=number(line, "seed", 1 << 32))
    if op == "timer":
        vm, vcpu = vcpu_name(item(line, "vcpu"), header.vms)
        timer = flag(line, "enable"), flag(line, "mask")
        return Step(place, op, change, vm=vm, vcpu=vcpu, timer=timer, ns=number(line, "ns", 1 << 64))
    return Step(place, op, change, ns=number(line, "ns", 1 << 64))


def decode_cpu_step(line: dict[str, Any], step: Step, header: Header) -> Step:
    """Return the step of one physical CPU that a line holds."""
    if step.op == "regs_saved":
        return step
    spins = "spins" in line and flag(line, "spins")
    target = item(line, "next")
    to = None if target is None else vcpu_name(target, header.vms)
    if step.op == "hvc":
        args = [register(arg) for arg in entries(line, "args")]
        expect(len(args) == 3, "'args' does not have three registers")
        call = str(item(line, "call"))
        expect(call in CALLS or "x0" in line, f"unknown call {call!r} without 'x0'")
        x0 = register(line["x0"]) if "x0" in line else int(CALLS[call])
        returned = None if item(line, "ret") is None else register(line["ret"])
        registers = (x0, args[0], args[1], args[2])
        return Step(step.number, step.op, step.change, step.cpu, registers, call, returned, to, spins=spins)
    if step.op == "page_fault":
        return Step(
            step.number,
            step.op,
            step.change,
            step.cpu,
            next=to,
            spins=spins,
            resumed=not spins and flag(line, "resumed"),
            address=register(item(line, "addr")),
            size=number(line, "size", 1 << 32),
            mode=number(line, "mode", 8),
        )
    return Step(step.number, step.op, step.change, step.cpu, next=to, spins=spins)


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines of a file, counted from 1, as objects."""
    place = 0
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for place, text in enumerate(file, 1):
                yield place, mapping(json.loads(text), "the line")
    except MalformedError as error:
        raise TraceError(path, place, str(error)) from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise TraceError(path, place + 1, f"cannot be read: {error}") from None
    except (ValueError, RecursionError):
        raise TraceError(path, place, "the line is not JSON") from None


def load(path: Path) -> Scenario:
    """Read one scenario.

    Raises:
        TraceError: the file cannot be read or is not a scenario of this revision.
    """
    header: Header | None = None
    announced = 0
    steps: list[Step] = []
    last = 0
    for place, line in read_lines(path):
        last = place
        try:
            if header is None:
                header = decode_header(line)
                announced = number(line, "steps", 1 << 32)
            else:
                steps.append(decode_step(line, len(steps), header))
        except MalformedError as error:
            raise TraceError(path, place, str(error)) from None
    if header is None:
        raise TraceError(path, 1, "the file is empty")
    if len(steps) != announced:
        raise TraceError(path, last, f"the file ends after {len(steps)} of {announced} steps")
    return Scenario(path, header, tuple(steps))
