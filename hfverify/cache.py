"""Remember what was proved: a unit whose inputs have not changed need not be proved again.

Reads   .hfverify/cache.sqlite
Gives   the verdicts of a unit, and why they cannot be reused
Refuses nothing: a damaged file is set aside and said so; only what was PROVED is ever reused
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from hfverify.diagnostics import Span
from hfverify.verdict import Obligation, Status, Verdict

SCHEMA = 2


class Cache:
    """One table: unit → inputs and verdicts."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self.path = folder / "cache.sqlite"
        self.warn = warn
        self._connection: sqlite3.Connection | None = None
        try:
            folder.mkdir(exist_ok=True)
            self._connection = self._open()
        except (sqlite3.Error, OSError) as error:
            self._set_aside(error)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10)
        connection.execute("create table if not exists units (schema int, name text primary key, inputs text, verdicts text)")
        connection.execute("delete from units where schema != ?", (SCHEMA,))
        connection.commit()
        return connection

    def _set_aside(self, error: Exception) -> None:
        self._connection = None
        self.warn(f"the cache {self.path} cannot be used ({error}); it is ignored and everything is proved again")
        try:
            self.path.rename(self.path.with_suffix(".damaged"))
            self._connection = self._open()
        except (sqlite3.Error, OSError):
            return

    def get(self, name: str, inputs: dict[str, str]) -> tuple[list[Verdict] | None, str]:
        """The verdicts of a unit with these inputs; otherwise which input changed, or nothing if the unit is new."""
        if self._connection is None:
            return None, ""
        try:
            row = self._connection.execute("select inputs, verdicts from units where name = ?", (name,)).fetchone()
            if row is None:
                return None, ""
            known: dict[str, str] = json.loads(row[0])
            if known != inputs:
                changed = sorted(key for key in known.keys() | inputs.keys() if known.get(key) != inputs.get(key))
                return None, f"{changed[0]} changed"
            return [_load(item) for item in json.loads(row[1])], ""
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            self._set_aside(error)
            return None, ""

    def put(self, name: str, inputs: dict[str, str], verdicts: list[Verdict]) -> None:
        """Remember a unit, if all of it was proved."""
        if self._connection is None or any(verdict.status is not Status.PROVED for verdict in verdicts):
            return
        row = (SCHEMA, name, json.dumps(inputs), json.dumps([_save(verdict) for verdict in verdicts]))
        try:
            self._connection.execute("insert or replace into units values (?, ?, ?, ?)", row)
            self._connection.commit()
        except sqlite3.Error as error:
            self.warn(f"the cache {self.path} cannot be written ({error})")

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()


def _save(verdict: Verdict) -> dict[str, object]:
    return {"obligation": asdict(verdict.obligation), "steps": verdict.steps, "seconds": verdict.seconds}


def _load(item: dict[str, dict[str, object]]) -> Verdict:
    fields = dict(item["obligation"])
    spec, impl = (Span(**fields.pop(key)) for key in ("spec", "impl"))  # type: ignore[arg-type]
    obligation = Obligation(**fields, spec=spec, impl=impl)  # type: ignore[arg-type]
    return Verdict(obligation, Status.PROVED, int(item["steps"]), float(item["seconds"]), cached=True)  # type: ignore[call-overload, arg-type]
