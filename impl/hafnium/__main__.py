"""`python -m hafnium demo [NAME]`: run guests on a machine and print what happens.

Exit status: 0 if all went well, 1 if something was lost, 2 if the command is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from hafnium.console import run_command
from hafnium.demo import DEMOS, Demo
from hafnium.events import Event
from hafnium.schedule import End, random_schedule, run_threads, run_turns
from hafnium.timeline import json_line, timeline

TURNS_PER_MESSAGE = 10_000
SECONDS = 300.0


@dataclass(eq=False, slots=True)
class Watch:
    """What is shown of the events: all of them as JSON when they happen, or the first `rows` at the end.

    Threads may report at the same time.
    """

    json: bool
    rows: int
    count: int = 0
    first: list[Event] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def see(self, event: Event) -> None:
        """Take an event."""
        with self.lock:
            self.count += 1
            if self.json:
                print(json_line(event))
            elif len(self.first) < self.rows:
                self.first.append(event)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m hafnium", description="A hypervisor, and guests for it.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="demo")
    demo = verbs.add_parser("demo", help="run guests on a machine and print what happens")
    demo.add_argument("name", nargs="?", default="echo", choices=list(DEMOS), metavar="NAME", help=names())
    demo.add_argument("--messages", type=natural, default=3, metavar="N", help="how many messages (default: 3)")
    demo.add_argument("--seed", type=int, default=1, help="which random schedule (default: 1)")
    demo.add_argument("--threads", action="store_true", help="a thread for each physical CPU, no schedule")
    demo.add_argument("--rows", type=natural, default=200, help="print so many events at most (default: 200)")
    demo.add_argument("--json", action="store_true", help="print all events as JSON, one on each line")
    return parser.parse_args(arguments)


def natural(text: str) -> int:
    """Return a number that is not negative.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)


def names() -> str:
    """Return which demos there are."""
    return "one of " + ", ".join(DEMOS) + " (default: echo)"


def run_demo(demo: Demo, options: argparse.Namespace) -> End:
    """Let the machine run until nothing is left to do."""
    if options.threads:
        return run_threads(demo.guests, SECONDS, options.seed)
    schedule = random_schedule(options.seed, len(demo.guests.seats))
    return run_turns(demo.guests, schedule, TURNS_PER_MESSAGE * (options.messages + 1))


def main(arguments: Sequence[str]) -> int:
    """Run the demo that the arguments name; return the exit status."""
    options = parse(arguments)
    demo = DEMOS[options.name](options.messages)
    watch = Watch(options.json, options.rows)
    demo.guests.observe = watch.see
    end = run_demo(demo, options)
    complaint = demo.check() if end is End.QUIET else f"still running: {demo.check() or 'nothing missing'}"
    summary = f"{options.messages} messages: {complaint or 'all arrived, once, in order, unharmed'}"
    if options.json:
        print(summary, file=sys.stderr)
    else:
        print(f"{demo.title}\n")
        for line in timeline(watch.first, len(demo.guests.seats)):
            print(line)
        if watch.count > len(watch.first):
            print(f"... and {watch.count - len(watch.first)} more events")
        print(f"\n{summary}")
    return 1 if complaint else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
