"""Record a scenario from this implementation, in the format of the recordings of the C one.

`python tests/impl/record.py FILE` writes the scenario that the repository keeps.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "impl"))

from hafnium.abi import PAGE_SIZE, Call  # noqa: E402
from hafnium.replay import build_replay, do_step, name, read_state  # noqa: E402
from hafnium.trace import CALLS, decode_header, decode_step  # noqa: E402

Raw = dict[str, Any]


def region(vm: int, pages: int) -> Raw:
    """Return pages of a VM."""
    return {"vm": vm, "begin": hex(0x4000_0000 + vm * 0x10_000), "pages": pages, "mode": 7}


def build_header(title: str, text: str, vcpus: list[int], pcpus: int) -> Raw:
    """Return a header, without its steps."""
    vms = [{"id": vm, "vcpus": count, "on": list(range(count))} for vm, count in enumerate(vcpus)]
    regions = [region(vm, 3) for vm in range(len(vcpus))]
    tracked = [hex(int(entry["begin"], 16) + page * PAGE_SIZE) for entry in regions for page in range(entry["pages"])]
    header: Raw = {
        "kind": "header",
        "format": 1,
        "rev": "r4",
        "name": title,
        "desc": text,
        "source": "directed",
        "pcpus": pcpus,
        "vms": vms,
        "limits": {"max_vms": 16, "max_cpus": 8},
        "regions": regions,
        "tracked": tracked,
        "init": {"pool": 50, **{f"page.{int(page, 16):x}.sha": "" for page in tracked}},
    }
    header["init"] = read_state(build_replay(decode_header(header)))
    return header


def record(header: Raw, steps: list[Raw]) -> list[Raw]:
    """Do the steps and return the lines of the file."""
    decoded = decode_header(header)
    replay = build_replay(decoded)
    state = read_state(replay)
    lines = [header | {"steps": len(steps)}]
    for place, raw in enumerate(steps):
        line = {"n": place, **raw}
        if "pcpu" in raw:
            line["who"] = name(replay.machine.cpus[raw["pcpu"]].current)
        draft = {**line, "ret": None, "next": None, "resumed": False, "d": {}}
        outcome = do_step(replay, decode_step(draft, place, decoded))
        if raw["op"] == "hvc":
            line["ret"] = None if outcome.returned is None else hex(outcome.returned)
        if "pcpu" in raw and raw["op"] != "regs_saved":
            line["next"] = name(outcome.next)
        if raw["op"] == "page_fault":
            line["resumed"] = outcome.resumed
        if outcome.spins:
            line["spins"] = True
        after = read_state(replay)
        line["d"] = {key: value for key, value in after.items() if state[key] != value}
        state = after
        lines.append(line)
    return lines


def hvc(pcpu: int, call: Call, *args: int) -> Raw:
    """Return the step of a call."""
    title = next(key for key, value in CALLS.items() if value is call)
    registers = [hex(arg) for arg in (*args, 0, 0, 0)[:3]]
    return {"op": "hvc", "pcpu": pcpu, "call": title, "args": registers}


def on(pcpu: int, op: str) -> Raw:
    """Return a step of a physical CPU without arguments."""
    return {"op": op, "pcpu": pcpu}


def page_fault(pcpu: int, address: int) -> Raw:
    """Return the step of a fault on a read of eight bytes."""
    return {"op": "page_fault", "pcpu": pcpu, "addr": hex(address), "mode": 1, "size": 8}


def messages() -> list[Raw]:
    """A message, a timer, memory that is lent, and an abort, on two physical CPUs."""
    first, second = 0x4000_0000, 0x4001_0000
    return [
        hvc(0, Call.VM_CONFIGURE, first, first + PAGE_SIZE),
        hvc(0, Call.MAILBOX_SEND, 1, 5, 1),
        hvc(0, Call.VCPU_RUN, 1, 0),
        hvc(1, Call.VCPU_RUN, 1, 0),
        on(0, "regs_saved"),
        hvc(0, Call.VM_CONFIGURE, second, second + PAGE_SIZE),
        hvc(1, Call.VCPU_RUN, 1, 0),
        on(0, "regs_saved"),
        hvc(0, Call.MAILBOX_WAITER_GET, 1),
        hvc(0, Call.MAILBOX_WRITABLE_GET),
        {"op": "fill", "vm": 0, "addr": hex(first), "len": 300, "seed": 3},
        hvc(0, Call.MAILBOX_SEND, 1, 300, 0),
        hvc(1, Call.VCPU_RUN, 1, 0),
        on(1, "regs_saved"),
        hvc(1, Call.MAILBOX_RECEIVE, 1),
        hvc(1, Call.INTERRUPT_ENABLE, 3, 1),
        {"op": "timer", "vcpu": "1.0", "enable": 1, "mask": 0, "ns": 500},
        on(1, "wfi"),
        on(1, "regs_saved"),
        {"op": "advance", "ns": 600},
        hvc(0, Call.SHARE_MEMORY, 1 << 32 | 1, first + 2 * PAGE_SIZE, PAGE_SIZE),
        hvc(1, Call.VCPU_RUN, 1, 0),
        on(1, "regs_saved"),
        hvc(1, Call.INTERRUPT_GET),
        page_fault(1, first + 2 * PAGE_SIZE),
        on(1, "wfe"),
        on(1, "regs_saved"),
        hvc(1, Call.VCPU_RUN, 1, 0),
        on(1, "regs_saved"),
        on(1, "preempt"),
        on(1, "regs_saved"),
        hvc(0, Call.VCPU_RUN, 1, 0),
        on(0, "regs_saved"),
        page_fault(0, first),
        on(0, "regs_saved"),
        hvc(0, Call.VCPU_RUN, 1, 1),
        on(1, "abort"),
    ]


def kept_scenario() -> str:
    """Return the text of the scenario that the repository keeps."""
    header = build_header("messages", "message, timer, loan and abort", [2, 2], 2)
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in record(header, messages()))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(kept_scenario(), encoding="utf-8")
