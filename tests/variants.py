"""Variants of the implementation: wrong ones that must be refuted, harmless ones that must stay proved.

Reads   TOML files: a reason, for wrong variants the obligation that must fail, and textual changes
Gives   Variant, load, apply
Refuses a file with missing or unknown keys; a change whose old text does not occur exactly once
"""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

MUTANTS = Path(__file__).parent / "mutants"
REWRITES = Path(__file__).parent / "rewrites"


class VariantError(Exception):
    """A variant cannot be read, or does not fit the implementation."""


@dataclass(frozen=True, slots=True)
class Change:
    """In `file`, relative to the implementation folder, `old` becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant. `refutes` is the full name of the obligation that must fail, empty for a harmless one."""

    name: str
    reason: str
    refutes: str
    changes: tuple[Change, ...]


def load(folder: Path) -> list[Variant]:
    """All variants of a folder, by name."""
    return [_read(file) for file in sorted(folder.glob("*.toml"))]


def _read(file: Path) -> Variant:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise VariantError(f"{file}: {error}") from error
    unknown = content.keys() - {"reason", "refutes", "change"}
    if unknown:
        raise VariantError(f"{file}: unknown key `{min(unknown)}`")
    reason, refutes, tables = content.get("reason", ""), content.get("refutes", ""), content.get("change", [])
    if not isinstance(reason, str) or not reason:
        raise VariantError(f"{file}: `reason` is missing")
    if not isinstance(refutes, str):
        raise VariantError(f"{file}: `refutes` must be a string")
    if not isinstance(tables, list) or not tables:
        raise VariantError(f"{file}: there is no [[change]]")
    return Variant(file.stem, reason, refutes, tuple(_change(file, table) for table in tables))


def _change(file: Path, table: object) -> Change:
    keys = ("file", "old", "new")
    if not isinstance(table, dict) or table.keys() != set(keys) or not all(isinstance(v, str) for v in table.values()):
        raise VariantError(f"{file}: a [[change]] needs the strings `file`, `old` and `new`, and nothing else")
    return Change(*(table[key] for key in keys))


def apply(variant: Variant, source: Path, target: Path) -> None:
    """Copy the tree at `source` to `target`, which must not exist, and make the changes in order."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for change in variant.changes:
        file = target / change.file
        if not file.is_file():
            raise VariantError(f"{variant.name}: there is no file `{change.file}`")
        text = file.read_text("utf-8")
        count = text.count(change.old)
        if count != 1:
            raise VariantError(f"{variant.name}: in {change.file} this occurs {count} times, not once:\n{change.old}")
        file.write_text(text.replace(change.old, change.new), "utf-8")
