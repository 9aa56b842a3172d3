"""Variants of the implementation: wrong ones that must be refuted, harmless ones that must stay proved.

Reads   TOML files: a reason, for wrong variants the obligation that must fail, and textual changes
Gives   Variant, load, apply
Refuses a file with missing or unknown keys; a change whose old text does not occur exactly once
"""

from __future__ import annotations

import ast
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
    faithful: Path | None = None
    module: str = ""


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


def load_faithful(folder: Path) -> list[Variant]:
    """The variants that do as another implementation does, of those that name the obligation that fails.

    Such a file is a module: its functions take the place of those of the same name in `MODULE`, and
    `REFUTES` is the obligation.
    """
    return [variant for file in sorted(folder.glob("*.py")) if (variant := _faithful(file)).refutes]


def _faithful(file: Path) -> Variant:
    module = ast.parse(file.read_text("utf-8"))
    names: dict[str, str] = {}
    for item in module.body:
        match item:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                names[name] = text
    if "MODULE" not in names:
        raise VariantError(f"{file}: `MODULE` is missing")
    reason = (ast.get_docstring(module) or file.stem).split("\n")[0]
    return Variant(file.stem, reason, names.get("REFUTES", ""), (), file, names["MODULE"])


def _splice(variant: Variant, target: Path) -> None:
    """Put the functions and imports of a faithful variant into the module that it changes."""
    assert variant.faithful is not None
    path = target / Path(*variant.module.split(".")).with_suffix(".py")
    given, old = variant.faithful.read_text("utf-8"), path.read_text("utf-8")
    new = ast.parse(given)
    functions = {
        item.name: ast.get_source_segment(given, item) or "" for item in new.body if isinstance(item, ast.FunctionDef)
    }
    tree = ast.parse(old)
    lines = old.split("\n")
    for item in reversed(tree.body):
        if isinstance(item, ast.FunctionDef) and item.name in functions:
            lines[item.lineno - 1 : item.end_lineno] = functions.pop(item.name).split("\n")
    own = {alias.asname or alias.name for item in tree.body if isinstance(item, ast.ImportFrom) for alias in item.names}
    own |= {item.name for item in tree.body if isinstance(item, ast.FunctionDef | ast.ClassDef)}
    added: list[str] = []
    for item in new.body:
        if isinstance(item, ast.ImportFrom) and item.module != variant.module:
            missing = [alias.name for alias in item.names if alias.name not in own]
            added += [f"from {item.module} import {name}" for name in missing]
    first = next(item for item in tree.body if isinstance(item, ast.FunctionDef | ast.ClassDef))
    position = first.lineno - 1 - len(first.decorator_list)
    lines[position:position] = [*added, "", *(text for text in functions.values()), "", ""]
    path.write_text("\n".join(lines), "utf-8")


def apply(variant: Variant, source: Path, target: Path) -> None:
    """Copy the tree at `source` to `target`, which must not exist, and make the changes in order."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    if variant.faithful is not None:
        _splice(variant, target)
    for change in variant.changes:
        file = target / change.file
        if not file.is_file():
            raise VariantError(f"{variant.name}: there is no file `{change.file}`")
        text = file.read_text("utf-8")
        count = text.count(change.old)
        if count != 1:
            raise VariantError(f"{variant.name}: in {change.file} this occurs {count} times, not once:\n{change.old}")
        file.write_text(text.replace(change.old, change.new), "utf-8")
