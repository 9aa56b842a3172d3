"""What happened on each physical CPU, one line for each event, for people or as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from hafnium.abi import INVALID_INTID, INVALID_VM_ID, U64_MASK, decode_receive_return
from hafnium.events import Event

COLUMN = 54
TICKS_PER_MICROSECOND = 1_000


def timeline(events: Iterable[Event], cpus: int) -> Iterator[str]:
    """Yield a table with a column for each physical CPU; time in microseconds."""
    heads = "".join(f"  {f'CPU {cpu}':<{COLUMN}}" for cpu in range(cpus))
    yield f"{'µs':>10}{heads}".rstrip()
    for event in events:
        time = f"{event.time / TICKS_PER_MICROSECOND:>10.1f}"
        cells = "".join(f"│ {cell(event) if cpu == event.cpu else '':<{COLUMN}}" for cpu in range(cpus))
        yield f"{time} {cells}".rstrip()


def cell(event: Event) -> str:
    """Return one event in words."""
    what = event.detail if event.kind == "call" else f"{event.kind} {event.detail}".rstrip()
    text = f"{event.vcpu} {what}"
    if event.told is not None:
        return f"{text} ⇒ {event.told}"
    if event.next is not None:
        return f"{text} ⇒ {event.next}"
    if event.result is not None:
        return f"{text} = {result(event)}"
    return text


def result(event: Event) -> str:
    """Return the result of a call as its caller understands it."""
    value = event.result or 0
    if value == U64_MASK:
        return "-1"
    if event.detail.startswith("mailbox_receive"):
        sender, size = decode_receive_return(value)
        return "nothing" if sender == INVALID_VM_ID else f"{size} bytes from VM {sender}"
    if event.detail.startswith("interrupt_get") and value == INVALID_INTID:
        return "none"
    if event.detail.startswith("vcpu_run"):
        return "not now"
    return str(value)


def json_line(event: Event) -> str:
    """Return an event as an object."""
    return json.dumps(asdict(event))
