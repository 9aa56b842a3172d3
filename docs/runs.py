"""Runs of the guests of `impl/hafnium`, as JSON lines for `hfverify_traces`: what they call and what comes of it.

Schedules are fixed by their seeds, so every build draws the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "impl"))

from hafnium.abi import U64_MASK
from hafnium.demo import DEMOS
from hafnium.events import Event
from hafnium.schedule import End, random_schedule, run_turns

TURNS = 20_000
SHOWN = 40
RUNS = {"echo": 1, "ping-pong": 1, "donor": 1, "alarm": 1}
HYPERVISOR = "hypervisor"


def lane(vcpu: str) -> str:
    """How a virtual CPU is called: VM and index; VM 0 is the primary."""
    return f"{'primary' if vcpu.startswith('0.') else 'VM'} {vcpu}"


def signed(value: int) -> str:
    """A result as people write it."""
    if value == U64_MASK:
        return "-1"
    return str(value) if value < 1 << 16 else f"{value:#x}"


def told(event: Event) -> list[dict[str, str]]:
    """The lines of one event: what is asked, and what is answered."""
    here = lane(event.vcpu)
    name = event.detail.split("(")[0] if event.kind == "call" else ""
    lines = [{"from": here, "to": HYPERVISOR, "text": event.detail or event.kind, "call": name}]
    if event.next is not None:
        lines.append({"from": HYPERVISOR, "to": lane(event.next), "text": event.told or "goes on"})
    elif event.result is not None:
        lines.append({"from": HYPERVISOR, "to": here, "text": signed(event.result)})
    return lines


def run(name: str, messages: int) -> list[dict[str, object]]:
    """The chart of one demo."""
    demo = DEMOS[name](messages)
    events: list[Event] = []
    demo.guests.observe = events.append
    end = run_turns(demo.guests, random_schedule(1, len(demo.guests.seats)), TURNS)
    if end is not End.QUIET or demo.check():
        raise SystemExit(f"the run `{name}` went wrong: {end} {demo.check()}")
    lines = [line for event in events[:SHOWN] for line in told(event)]
    vcpus = {event.vcpu for event in events[:SHOWN]} | {e.next for e in events[:SHOWN] if e.next is not None}
    order = sorted(vcpus, key=lambda vcpu: tuple(map(int, vcpu.split("."))))
    primary = [lane(vcpu) for vcpu in order if vcpu.startswith("0.")]
    others = [lane(vcpu) for vcpu in order if not vcpu.startswith("0.")]
    return [{"chart": demo.title, "lanes": [*primary, HYPERVISOR, *others]}, *lines]


for demo_name, count in RUNS.items():
    for line in run(demo_name, count):
        print(json.dumps(line))
