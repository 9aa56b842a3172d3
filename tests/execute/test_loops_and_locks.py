"""Loops with facts forget all that a turn may change; locks are given back on every way out.

Reads   a small machine of boxes, and one function over it for each test
Gives   what the paths check, what can be proved of it, and which locks are taken in which order
Refuses a loop that changes more than its text shows
"""

# ruff: noqa: E501 (a snippet is easier to read in one line)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import z3

from hfverify.diagnostics import NOWHERE
from hfverify.execute.paths import Path as Way
from hfverify.execute.paths import explore
from hfverify.execute.source import Sources
from hfverify.execute.values import Value
from hfverify.execute.world import World
from hfverify.logic.values import Ref
from hfverify.model.program import Program
from hfverify.model.resolve import resolve
from hfverify.model.types import IntType
from hfverify.syntax.parse import parse

SPEC = """
/// Boxes.
module mini
revisions mini { R1 = "1" 2018-10-04 "one" }
type Id = u16
/// How many boxes there are.
size box_count : Id
/// Of a box.
lock box.lock : spinlock
/// Of an item.
lock item.lock : spinlock
order box.lock -> item.lock
thread here : Id below box_count
/// A box.
state box[id: Id below box_count] {
    count : u16 guarded by lock
    total : u16 guarded by lock
    free  : u16 atomic
}
/// An item.
state item[id: Id below box_count] { size : u16 guarded by lock }
"""
PROOF = """
/// Facts.
module proofs
import mini
trust spinlock is "threading:Lock" because "Python says so"
represent box by "main:Box" {{ }}
represent item by "main:Item" {{ }}
{}
"""
HEAD = (
    "from threading import Lock\nclass Box:\n    lock: Lock\n    count: int\n    total: int\n    free: int\n"
    "class Item:\n    lock: Lock\n    size: int\n"
)


def run(folder: Path, text: str, *facts: str, at: int = 1) -> list[Way]:
    """Every path of `f(n, p, box, item)`, with these facts for its first loop, or the one `at` this position."""
    (folder / "main.py").write_text(HEAD + text)
    named = " ".join(f"fact{index}: {fact}\n" for index, fact in enumerate(facts))
    loops = f'loop "main:f" at {at} {{ {named} }}' if facts else ""
    program = resolve([parse(SPEC, "mini.hfs"), parse(PROOF.format(loops), "proofs.hfp")])
    sources = Sources(folder, "impl")

    def setup() -> tuple[World, dict[str, Value], dict[str, Any]]:
        world = World(program, z3.Int("here"))
        world.facts.typed(z3.Int("n"), IntType("n", 0, 1000))
        refs = {name: Ref(name, (z3.Int(name),)) for name in ("box", "item")}
        return world, {"n": z3.Int("n"), "p": z3.Bool("p"), **refs}, {}

    return explore(program, sources, sources.function("main:f", NOWHERE), setup)


def holds(way: Way, goal: z3.BoolRef, depth: int | None = None) -> bool:
    solver = z3.SimpleSolver()
    solver.add(*way.world.facts.formulas, *way.world.assumptions[:depth], z3.Not(goal))
    return bool(solver.check() == z3.unsat)


def open_checks(ways: list[Way]) -> set[str]:
    """The codes of the checks that cannot be proved."""
    return {c.code for w in ways for c in w.world.checks if not holds(w, c.goal, c.depth)}


def results(ways: list[Way]) -> list[tuple[Way, Any]]:
    return [(way, way.result) for way in ways if not way.ended]


def refused(ways: list[Way]) -> set[str]:
    return {way.refusal.message for way in ways if way.refusal is not None}


def test_program_has_the_loop(tmp_path: Path) -> None:
    ways = run(tmp_path, "def f(n, p, box, item):\n    i = 0\n    while i < n:\n        i += 1\n    return i", "i <= n")
    assert sorted(way.ended for way in ways) == ["", "loop"]


SUM = "def f(n, p, box, item):\n    i = s = 0\n    while i < n:\n        i += 1\n        s += 2\n    return s"


def test_inductive_facts(tmp_path: Path) -> None:
    ways = run(tmp_path, SUM, "i <= n", "s == 2 * i")
    assert not open_checks(ways)
    [(way, result)] = results(ways)
    assert holds(way, result == 2 * z3.Int("n"))


@pytest.mark.parametrize(("fact", "code"), [("s == 2 * i + 1", "HF510"), ("i <= 5", "HF511"), ("s == i", "HF511")])
def test_facts_that_do_not_hold(tmp_path: Path, fact: str, code: str) -> None:
    assert open_checks(run(tmp_path, SUM, fact)) == {code}


@pytest.mark.parametrize(
    "body",
    ["x = i", "x += 1", "x, y = i, 1", "match i:\n            case x:\n                pass", "for x in (1, 2):\n            pass", "x: int = 3",
     "if p:\n            x = 1", "match (i, 1):\n            case (_, 1 as x):\n                pass"],
)  # fmt: skip
def test_what_a_turn_may_bind_is_forgotten(tmp_path: Path, body: str) -> None:
    text = (
        f"def f(n, p, box, item):\n    i = 0\n    x = 7\n    while i < n:\n        i += 1\n        {body}\n    return x"
    )
    [(way, result)] = results(run(tmp_path, text, "i <= n"))
    assert not holds(way, result == 7)


def test_cells_are_forgotten(tmp_path: Path) -> None:
    text = (
        "def g(b):\n    b.count = 1\ndef f(n, p, box, item):\n    i = 0\n    with box.lock:\n        box.count = 5\n        box.total = 6\n"
        "        while i < n:\n            i += 1\n            g(box)\n        return box.count, box.total"
    )
    ways = run(tmp_path, text, "i <= n")
    [(way, result)] = results(ways)
    assert not open_checks(ways)
    assert not holds(way, result.items[0] == 5)
    assert holds(way, result.items[1] == 6)


def test_a_cell_written_without_a_lock_counts_as_written_late(tmp_path: Path) -> None:
    text = "def f(n, p, box, item):\n    i = 0\n    while i < n:\n        i += 1\n        box.free = 1\n    return i"
    [(way, _)] = results(run(tmp_path, text, "i <= n"))
    assert [cell.name for cell in way.world.late] == ["box.free"]


def test_a_cell_read_in_a_loop_has_no_one_value(tmp_path: Path) -> None:
    text = "def f(n, p, box, item):\n    while box.free < n:\n        pass\n    return 0"
    [(way, _)] = results(run(tmp_path, text, "n >= 0"))
    assert len([read for read in way.world.reads if read.cell.name == "box.free"]) == 3


FOR = "def f(n, p, box, item):\n    s = 0\n    for i in range(n):\n        {}\n    {}"


def test_the_variable_of_a_for_loop_goes_on_whatever_the_turn_does(tmp_path: Path) -> None:
    text = FOR.format("i, s = 0, s + 1", "return s")
    ways = run(tmp_path, text, "0 <= i and i <= n", "s == i")
    assert not open_checks(ways)
    [(way, result)] = results(ways)
    assert holds(way, result == z3.Int("n"))


def test_the_variable_of_a_for_loop_has_its_value_after_break(tmp_path: Path) -> None:
    ways = run(
        tmp_path,
        FOR.format("if i == 3:\n            break", "else:\n        return -1\n    return i"),
        "0 <= i and i <= n",
    )
    assert not open_checks(ways)
    assert sorted(str(z3.simplify(result)) for way, result in results(ways) if holds(way, result == -1)) == ["-1"]
    assert any(holds(way, result == 3) for way, result in results(ways))


def test_the_variable_of_a_for_loop_is_open_after_it(tmp_path: Path) -> None:
    ways = run(tmp_path, FOR.format("s += 1", "return i"), "0 <= i and i <= n")
    assert refused(ways) == {"`i` is not known here: a loop with a fact leaves its variable open"}


REFUSED = [
    ("x = None", "i = 0\n    x = 1", "a turn of the loop makes another kind of value of `x`"),
    ("x = p", "i = 0\n    x = 1", "a turn of the loop makes another kind of value of `x`"),
    ("x = (1, 2)", "i = 0\n    x = (i, i)", "the loop changes `x`, which is neither a number nor a truth value"),
    ("h(box)", "i = 0\n    h = g", "inside a loop with a fact, only functions called by name are supported"),
    ("call(g, box)", "i = 0", ""),
    ("box.g()", "i = 0", "inside a loop with a fact, only functions called by name are supported"),
    (
        "pass",
        "j = 0\n    i = 0 if j else None",
        "the fact `fact0` speaks about `i`, which has no number or truth value here",
    ),
]


@pytest.mark.parametrize(("body", "before", "sentence"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused_turns(tmp_path: Path, body: str, before: str, sentence: str) -> None:
    text = (
        "def g(b):\n    with b.lock:\n        b.count = 1\ndef call(h, b):\n    h(b)\n"
        f"def f(n, p, box, item):\n    {before}\n    while i < n:\n        i += 1\n        {body}\n    return i"
    )
    ways = run(tmp_path, text, "i <= n")
    assert refused(ways) == ({sentence} if sentence else set())


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("box.lock.release()\n            box.lock.acquire()", {"HF704"}),
        ("box.lock.release()", {"HF704"}),
        ("with item.lock:\n                pass", {"HF705"}),
        ("box.count = 1", set()),
    ],
)
def test_locks_in_a_turn(tmp_path: Path, body: str, codes: set[str]) -> None:
    text = f"def f(n, p, box, item):\n    i = 0\n    with box.lock:\n        while i < n:\n            i += 1\n            {body}\n    return i"
    assert codes <= open_checks(run(tmp_path, text, "i <= n")) <= codes | {"HF706", "HF701"}


def test_a_section_in_a_turn_changes_nothing(tmp_path: Path) -> None:
    text = "def f(n, p, box, item):\n    i = 0\n    while i < n:\n        i += 1\n        with box.lock:\n            {}\n    return i"
    assert open_checks(run(tmp_path, text.format("box.count = 1"), "i <= n")) == {"HF705"}
    assert not open_checks(run(tmp_path, text.format("box.count"), "i <= n"))


def events(way: Way) -> list[tuple[str, str]]:
    return [(e.kind, e.lock.name) for e in way.world.events if e.lock is not None]


BOTH = [("acquire", "box.lock"), ("acquire", "item.lock"), ("release", "item.lock"), ("release", "box.lock")]
WAYS_OUT = {
    "with box.lock, item.lock:\n        return n": BOTH,
    "with box.lock:\n        with item.lock:\n            return n": BOTH,
    "for i in (1, 2):\n        with box.lock:\n            with item.lock:\n                break\n    return n": BOTH,
    "for i in (1, 2):\n        with box.lock, item.lock:\n            continue\n    return n": BOTH + BOTH,
    "for i in (1, 2):\n        with box.lock:\n            for j in (1, 2):\n                with item.lock:\n                    return n": BOTH,
    "for i in (1, 2):\n        with box.lock:\n            for j in (1, 2):\n                with item.lock:\n                    break\n            else:\n"
    "                return 1\n            continue\n        return 2\n    else:\n        return n": BOTH + BOTH,
    "with box.lock:\n        item.lock.acquire()\n        item.lock.release()\n    return n": BOTH,
}


@pytest.mark.parametrize("body", WAYS_OUT)
def test_every_way_out_releases(tmp_path: Path, body: str) -> None:
    [way] = run(tmp_path, f"def f(n, p, box, item):\n    {body}")
    assert not way.ended
    assert events(way) == WAYS_OUT[body]
    assert not way.world.held


def test_a_value_is_read_before_the_lock_is_released(tmp_path: Path) -> None:
    text = "def f(n, p, box, item):\n    with box.lock:\n        box.count = 3\n        return box.count"
    ways = run(tmp_path, text)
    assert not open_checks(ways)
    [(way, result)] = results(ways)
    assert holds(way, result == 3)


def test_the_object_of_an_augmented_assignment_is_evaluated_once(tmp_path: Path) -> None:
    text = (
        "def g(b, i):\n    with i.lock:\n        pass\n    return b\n"
        "def f(n, p, box, item):\n    with box.lock:\n        box.count = 3\n        g(box, item).count += 4\n        return box.count"
    )
    ways = run(tmp_path, text)
    assert not open_checks(ways)
    [(way, result)] = results(ways)
    assert holds(way, result == 7)
    assert events(way) == BOTH


def test_what_others_may_change_between_two_sections(tmp_path: Path) -> None:
    text = "def f(n, p, box, item):\n    with box.lock:\n        box.count = 3\n    with box.lock:\n        return box.count"
    [(way, result)] = results(run(tmp_path, text))
    assert not holds(way, result == 3)


IDENTITY = "equality of these objects is not known to be identity"
TRUTH = "the truth of this value is not supported"
CLASSES = [
    ("class Box:\n    pass", "box == box", set()),
    ("@dataclass(eq=False)\nclass Box:\n    x: int", "box == box", set()),
    ("@dataclass\nclass Box:\n    x: int", "box == box", {IDENTITY}),
    ("@decorated\nclass Box:\n    pass", "box == box", {IDENTITY}),
    ("class Box(Base):\n    pass", "box == box", {IDENTITY}),
    ("class Box:\n    def __eq__(self, x):\n        return True", "box != None", {IDENTITY}),
    ("class Box:\n    def __eq__(self, x):\n        return True", "box is box", set()),
    ("class Box:\n    pass", "not box", set()),
    ("class Box:\n    def __bool__(self):\n        return False", "not box", {TRUTH}),
    ("class Box:\n    def __len__(self):\n        return 0", "not box", {TRUTH}),
    ("class Box(Base):\n    pass", "not box", {TRUTH}),
]


@pytest.mark.parametrize(("box", "question", "sentences"), CLASSES)
def test_equality_and_truth_of_objects(tmp_path: Path, box: str, question: str, sentences: set[str]) -> None:
    """`==` is identity, and an object is true, only where the class says so."""
    text = f"from dataclasses import dataclass\nclass Base:\n    pass\n{box}\nclass Item:\n    pass\ndef f(n, p, box, item):\n    return {question}"
    assert refused(run_text(tmp_path, text)) == sentences


def run_text(folder: Path, text: str) -> list[Way]:
    """Like `run`, with classes of its own."""
    (folder / "main.py").write_text(text)
    program: Program = resolve([parse(SPEC, "mini.hfs"), parse(PROOF.format(""), "proofs.hfp")])
    sources = Sources(folder, "impl")
    refs = {name: Ref(name, (z3.Int(name),)) for name in ("box", "item")}
    arguments: dict[str, Value] = {"n": z3.Int("n"), "p": z3.Bool("p"), **refs}
    return explore(
        program,
        sources,
        sources.function("main:f", NOWHERE),
        lambda: (World(program, z3.Int("here")), dict(arguments), {}),
    )
