"""A number between those of an enumeration is no value of it: not in a cell, not where a function is used."""

from __future__ import annotations

from pathlib import Path

from doors import IMPL, SPEC, statuses, subject

COLOUR = "enum Colour : u8 { RED = 1, BLUE = 5 }\ntype Id = u16\n"
CODE = IMPL.replace("from dataclasses", "from enum import IntEnum\nfrom dataclasses").replace(
    "@dataclass",
    "class Colour(IntEnum):\n    RED = 1\n    BLUE = 5\n\n@dataclass",
)
CELL = SPEC.replace("type Id = u16\n", COLOUR).replace(
    "    seen   : u32  guarded by lock\n",
    "    seen   : u32  guarded by lock\n    colour : Colour = RED guarded by lock\n",
)
OPENS = "        effect door[here].seen := many\n"
CELL_PAINTED = CELL.replace(OPENS, OPENS + "        havoc door[here].colour\n")
CODE_PAINTED = CODE.replace("    seen: int = 0\n", "    seen: int = 0\n    colour: Colour = Colour.RED\n")
LAST = "        own.seen = many\n"


def painted(folder: Path, colour: str) -> Path:
    subject(folder, CODE_PAINTED.replace(LAST, f"{LAST}        own.colour = {colour}\n"))
    (folder / "spec" / "m.hfs").write_text(CELL_PAINTED)
    return folder


def test_a_hole_in_a_cell_is_refuted_by_proof_and_by_runs(tmp_path: Path) -> None:
    painted(tmp_path, "3")
    for more in ((), ("--steps", "1", "--fresh")):
        code, found = statuses(tmp_path, "look", *more)
        assert (code, found["look.raises"]["status"]) == (1, "REFUTED"), found["look.raises"]
    assert "3 does not fit door[" in str(found["look.raises"]["reason"])
    painted(tmp_path, "Colour.BLUE")
    for more in ((), ("--steps", "1", "--fresh")):
        assert statuses(tmp_path, "look", *more)[1]["look.raises"]["status"] in ("PROVED", "TESTED")


PAINT = """
function paint {
    impl "m:paint"
    arg colour: Colour
    ret mixed: u32
    case told when true { returns 7 }
}
"""
MIXES = "\ndef paint(colour: int) -> int:\n    return 7\n\ndef look("


def test_a_hole_in_an_argument_is_seen_where_the_function_is_used(tmp_path: Path) -> None:
    for colour, expected in (("3", ("REFUTED",)), ("Colour.BLUE", ("PROVED", "TESTED"))):
        code = CODE.replace("\ndef look(", MIXES).replace(LAST, f"{LAST}        paint({colour})\n")
        subject(tmp_path, code, PAINT)
        (tmp_path / "spec" / "m.hfs").write_text(SPEC.replace("type Id = u16\n", COLOUR))
        _, found = statuses(tmp_path, "look", "--steps", "1", "--fresh")
        assert found["look.contract"]["status"] in expected, found["look.contract"]
