"""`python -m hafnium demo [NAME]`: run guests on a machine and print what happens.

Exit status: 0 if all went well, 1 if something was lost, 2 if the command is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hafnium.demo import DEMOS, Demo
from hafnium.events import Event
from hafnium.schedule import End, random_schedule, run_threads, run_turns
from hafnium.timeline import json_lines, timeline

TURNS_PER_MESSAGE = 10_000
SECONDS = 300.0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m hafnium", description="A hypervisor, and guests for it.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="demo")
    demo = verbs.add_parser("demo", help="run guests on a machine and print what happens")
    demo.add_argument("name", nargs="?", default="echo", choices=list(DEMOS), metavar="NAME", help=names())
    demo.add_argument("--messages", type=int, default=3, metavar="N", help="how many messages (default: 3)")
    demo.add_argument("--seed", type=int, default=1, help="which random schedule (default: 1)")
    demo.add_argument("--threads", action="store_true", help="a thread for each physical CPU, no schedule")
    demo.add_argument("--rows", type=int, default=200, help="print so many events at most (default: 200)")
    demo.add_argument("--json", action="store_true", help="print all events as JSON, one on each line")
    return parser.parse_args(arguments)


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
    demo = DEMOS[options.name](max(0, options.messages))
    events: list[Event] = []
    demo.guests.observe = events.append
    end = run_demo(demo, options)
    complaint = demo.check() if end is End.QUIET else f"still running: {demo.check() or 'nothing missing'}"
    if options.json:
        for line in json_lines(events):
            print(line)
    else:
        print(f"{demo.title}\n")
        for line in timeline(events[: options.rows], len(demo.guests.seats)):
            print(line)
        if len(events) > options.rows:
            print(f"... and {len(events) - options.rows} more events")
        print(f"\n{options.messages} messages: {complaint or 'all arrived, once, in order, unharmed'}")
    return 1 if complaint else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
