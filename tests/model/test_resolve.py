"""What a program means: revisions, encodings, defaults, the order of files and locks."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from hfverify.diagnostics import Collector, Rejected, Span
from hfverify.model.constants import constant_value
from hfverify.model.load import Folders, load_program
from hfverify.model.mentions import Scope, mentions
from hfverify.model.program import Program
from hfverify.model.resolve import resolve
from hfverify.model.revisions import Timeline
from hfverify.model.types import (
    BOOL,
    EncodingType,
    EnumType,
    FifoType,
    IntType,
    OptionalType,
    RefType,
    SetType,
    accepts,
    bounds,
    comparable,
    int_type,
)
from hfverify.model.typing import Typer
from hfverify.syntax import tree
from hfverify.syntax.parse import parse

ROOT = Path(__file__).parent.parent.parent


def program(*texts: str, revision: str = "") -> Program:
    return resolve([parse(text, f"{number}.hfs") for number, text in enumerate(texts)], revision)


def messages(*texts: str, revision: str = "") -> list[str]:
    with pytest.raises(Rejected) as caught:
        program(*texts, revision=revision)
    return [f"{d.code} {d.message}" for d in caught.value.diagnostics]


# ---------------------------------------------------------------- revisions

REVISED = """module m
revisions m {
    R1 = "a" 2019-01-01 "one"
    R2 = "b" 2020-01-01 "two"
    R3 = "c" 2021-01-01 "three"
}
lock box.lock : spinlock
state box { a : u8 constant until R2   b : u8 guarded by lock since R2 }
invariant small on box.lock: b < 9 since R2
hypercall f since R2 {
    number 1 as F until R3
    number 2 as F since R3
    impl "m:f"
    ret x0 r: u8
    reject early until R3 unless box.b > 0 { returns 7 }
    case only when true {
        returns 1 until R3
        returns 2 since R3
    }
    protocol { commit box.lock }
}
"""


def test_each_revision_has_its_own_text() -> None:
    first, second, third = (program(REVISED, revision=name) for name in ("R1", "R2", "R3"))
    assert [list(p.states["box"].cells) for p in (first, second, third)] == [["a"], ["b"], ["b"]]
    assert [len(p.locks["box.lock"].invariants) for p in (first, second, third)] == [0, 1, 1]
    assert (list(first.calls), list(second.calls)) == ([], ["f"])
    calls = second.calls["f"], third.calls["f"]
    assert [call.number.value for call in calls if call.number] == [1, 2]
    assert [[o.name for o in call.outcomes] for call in calls] == [["early", "only"], ["only"]]
    results = [call.cases[0].returns for call in calls]
    assert [r.value.value for r in results if r and isinstance(r.value, tree.Literal)] == [1, 2]


def test_the_newest_revision_is_the_default() -> None:
    assert program(REVISED).revision == "R3"
    assert program("module m\n").revision == "current"


def test_an_unknown_revision_is_named_with_the_known_ones() -> None:
    assert messages(REVISED, revision="R4") == ["HF206 revision `R4` is not declared"]


@pytest.mark.parametrize(
    ("since", "until", "present"),
    [("", "", "123"), ("R2", "", "23"), ("", "R2", "1"), ("R1", "R3", "12"), ("R2", "R3", "2"), ("R3", "R2", "")],
)
def test_since_includes_and_until_excludes(since: str, until: str, present: str) -> None:
    nowhere = Span("m.hfs", 1, 1, 1, 2)
    clauses = tuple(tree.Revision(nowhere, kind, name) for kind, name in (("since", since), ("until", until)) if name)
    lines = [Timeline(("R1", "R2", "R3"), f"R{number}") for number in (1, 2, 3)]
    assert "".join(line.chosen[1] for line in lines if line.exists(clauses, Collector())) == present


def test_the_shipped_specification_is_right_at_each_revision() -> None:
    folders = Folders(ROOT, ROOT / "spec", ROOT / "impl", ROOT / "proofs")
    newest = load_program(folders)
    assert len(newest.revisions) > 1
    for revision in newest.revisions[:-1]:
        assert set(load_program(folders, revision.name).calls) < set(newest.calls)


# ---------------------------------------------------------------- order


def test_the_order_of_files_makes_no_difference() -> None:
    parts = [
        "module a\nimport b\ntype Id = Number\nencoding E : Number { V (a: Colour bits 0 .. 1) }\n",
        "module b\nimport c\ntype Number = u16\nenum Colour : Number { RED, GREEN }\n",
        "module c\nsize count : Id\nlet all = box[0]\npure f() : Colour = all.colour\n",
        "module d\nimport c\nstate box[i: Id below count] { colour : Colour constant }\n",
    ]
    for order in permutations(parts):
        found = program(*order)
        assert found.types["Id"] == IntType("Id", 0, 65535)
        assert found.states["box"].keys[0].type == IntType("Id", 0, 65535)


LOCKS = """module m
state s { }
lock s.a : spinlock
lock s.b : spinlock
lock s.c : spinlock
lock s.d : spinlock
"""


def test_ranks_follow_the_declared_order() -> None:
    found = program(LOCKS + "order s.d -> s.b -> s.a\norder s.d -> s.c -> s.a\n")
    ranks = {name: lock.rank for name, lock in found.locks.items()}
    assert ranks["s.d"] < ranks["s.b"] < ranks["s.a"]
    assert ranks["s.d"] < ranks["s.c"] < ranks["s.a"]
    assert len(set(ranks.values())) == 4


def test_only_the_cycle_itself_is_shown() -> None:
    (message,) = messages(LOCKS + "order s.a -> s.b -> s.c -> s.b\norder s.c -> s.d\n")
    assert message in (
        "HF211 the lock order has a cycle: s.b -> s.c -> s.b",
        "HF211 the lock order has a cycle: s.c -> s.b -> s.c",
    )


def test_lines_that_name_a_case_win() -> None:
    call = program("""module m
lock s.a : spinlock
state s { }
entry f {
    impl "m:f"
    case one when true { }
    case two when false { }
    protocol { commit s.a   commit nothing in two }
}
""").calls["f"]
    assert [len(call.steps("commit", name)[0].locks) for name in ("one", "two")] == [1, 0]
    assert call.steps("peek", "one") == []


# ---------------------------------------------------------------- types and encodings


def test_encodings_know_their_bits() -> None:
    found = program("""module m
encoding Report : u32 tag bits 8 .. 15 {
    Nothing = 0
    Size = 3 (bytes: u8 bits 0 .. 7, more: u64 bits 16 .. 31 truncated)
}
""")
    size = found.variants["Size"]
    assert size.encoding == EncodingType("Report", 32)
    assert (size.tree.tag, size.tag_shift) == (3, 8)
    assert [(f.name, f.low, f.high, f.truncated) for f in size.tree.fields] == [
        ("bytes", 0, 7, False),
        ("more", 16, 31, True),
    ]


def test_numbers_of_an_enumeration_go_on_from_the_last() -> None:
    assert program("module m\nenum E : u8 { A, B = 5, C }\n").enums["E"].items == (("A", 0), ("B", 5), ("C", 6))


U8, I8 = int_type("u8"), int_type("i8")


def test_what_fits_and_what_compares() -> None:
    assert U8 is not None
    assert I8 is not None
    colour, other = EnumType("Colour", (("RED", 0), ("GREEN", 2))), EnumType("Other", (("X", 0),))
    assert (bounds(U8), bounds(I8), bounds(colour), bounds(OptionalType(U8))) == (
        (0, 255),
        (-128, 127),
        (0, 2),
        (-1, 255),
    )
    assert accepts(U8, I8)
    assert accepts(OptionalType(U8), U8)
    assert not accepts(U8, OptionalType(U8))
    assert not accepts(U8, colour)
    assert not accepts(colour, U8)
    assert not accepts(FifoType(U8), SetType(None))
    assert comparable(U8, OptionalType(U8))
    assert comparable(SetType(None), FifoType(U8))
    assert comparable(RefType("box"), RefType("box"))
    assert not comparable(RefType("box"), RefType("cup"))
    assert not comparable(RefType("box", "part"), RefType("box", "part"))
    assert not comparable(colour, other)
    assert not comparable(BOOL, U8)
    assert not comparable(FifoType(U8), FifoType(U8))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("-(8 / 3)", -2),
        ("8 % 3", 2),
        ("1 << 4 | 3 & 2", 18),
        ("A - 1", 4),
        ("1 / 0", None),
        ("n", None),
    ],
)
def test_constants_are_computed(text: str, value: int | None) -> None:
    found = program(f"module m\nconst A : u8 = 5\nsize n : u8\nlet it = {text}\n")
    assert constant_value(found, found.lets["it"].value, ()) == value


# ---------------------------------------------------------------- mentions


def test_mentions_look_into_definitions() -> None:
    found = program("""module m
size count : u8
thread here : u8 below count
lock box.lock : spinlock
state box[i: u8 below count] { a : u8 guarded by lock   p.b : u8 guarded by lock }
actor me : box { at: i == here }
let mine = me.a
pure f(x: u8) : u8 = x + mine + box[here].p.b
pure g(box: box) : bool = f(box.a) == 1
let it = g(box[3]) and g(me)
""")
    seen = mentions(Typer(found, Collector()), found.lets["it"].value, Scope())
    assert {(m.kind, m.name) for m in seen} == {
        ("actor", "me"),
        ("thread", "here"),
        ("cell", "box.a"),
        ("cell", "box.p.b"),
    }
    assert all(m.span.line == 10 for m in seen)
    assert not any(m.own for m in seen)
