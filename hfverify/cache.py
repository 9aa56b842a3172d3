"""Remember what was proved: a unit whose inputs have not changed need not be proved again.

Reads   .hfverify/cache.sqlite
Gives   the verdicts of a unit, and why they cannot be reused
Refuses nothing: a damaged file is set aside, one that cannot be written is left alone, and both are said;
        only what was PROVED is ever reused, and only as it was stored
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from hfverify.diagnostics import Span
from hfverify.verdict import Obligation, Status, Verdict

# Of how many versions of a unit the verdicts are kept: who takes a change back finds what was proved before it.
VERSIONS = 8
_TABLE = """create table if not exists units_4 (
    number integer primary key, name text, inputs text, verdicts text, sum text, unique (name, inputs)
)"""

_FORGET = """delete from units_4 where number in (
    select number from units_4 where name = ? order by number desc limit -1 offset ?
)"""
_REFRESH = "update units_4 set number = (select max(number) + 1 from units_4) where number = ?"


class Cache:
    """One table: unit and inputs → verdicts, with a checksum; of each unit the versions that were asked for last."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self.path = folder / "cache.sqlite"
        self.warn = warn
        self._connection: sqlite3.Connection | None = None
        # The rows that were found and are not the youngest ones of their units.
        self._found: list[int] = []
        try:
            folder.mkdir(exist_ok=True)
            self._connection = self._open()
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            connection.execute(_TABLE)
            connection.commit()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _give_up(self, error: Exception) -> None:
        """Go on without; a file that is no database makes room for a new one."""
        self.close()
        self.warn(f"the cache {self.path} cannot be used ({error}); it is ignored and everything is proved again")
        if isinstance(error, sqlite3.OperationalError | OSError):
            return
        try:
            self.path.replace(self.path.with_suffix(".damaged"))
            self._connection = self._open()
        except (sqlite3.Error, OSError):
            return

    def get(self, name: str, inputs: dict[str, str]) -> tuple[list[Verdict] | None, str]:
        """The verdicts of a unit with these inputs; otherwise which input changed, or nothing if the unit is new."""
        if self._connection is None:
            return None, ""
        try:
            rows = self._connection.execute(
                "select inputs, verdicts, sum, number from units_4 where name = ? order by number desc", (name,)
            ).fetchall()
        except sqlite3.Error as error:
            self._give_up(error)
            return None, ""
        if not rows:
            return None, ""
        wanted = json.dumps(inputs)
        row = next((row for row in rows if row[0] == wanted), rows[0])
        if _checksum(name, row[0], row[1]) != row[2]:
            self.warn(f"what the cache {self.path} says about {name} is damaged; it is proved again")
            return None, ""
        if row[0] != wanted:
            known: dict[str, str] = json.loads(row[0])
            changed = sorted(key for key in known.keys() | inputs.keys() if known.get(key) != inputs.get(key))
            return None, f"{changed[0]} changed"
        if row is not rows[0]:
            self._found.append(row[3])
        return [_load(item) for item in json.loads(row[1])], ""

    def steps(self, name: str) -> int:
        """How many steps the youngest version of a unit took; none if it is new."""
        if self._connection is None:
            return 0
        query = "select verdicts from units_4 where name = ? order by number desc limit 1"
        try:
            row = self._connection.execute(query, (name,)).fetchone()
            return sum(int(item["steps"]) for item in json.loads(row[0])) if row is not None else 0
        except (sqlite3.Error, ValueError, TypeError, KeyError):
            return 0

    def put(self, name: str, inputs: dict[str, str], verdicts: list[Verdict]) -> None:
        """Remember a unit, if all of it was proved."""
        if self._connection is None or any(verdict.status is not Status.PROVED for verdict in verdicts):
            return
        known, found = json.dumps(inputs), json.dumps([_save(verdict) for verdict in verdicts])
        row = (name, known, found, _checksum(name, known, found))
        try:
            self._connection.execute(
                "insert or replace into units_4 (name, inputs, verdicts, sum) values (?, ?, ?, ?)", row
            )
            self._connection.execute(_FORGET, (name, VERSIONS))
            self._connection.commit()
        except sqlite3.Error as error:
            self.close()
            self.warn(f"the cache {self.path} cannot be written ({error}); this run is not remembered")

    def close(self) -> None:
        """Let go of the file; what was found in it is young again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                for number in self._found:
                    self._connection.execute(_REFRESH, (number,))
                self._connection.commit()
            self._found.clear()
            self._connection.close()
            self._connection = None


def _checksum(*parts: object) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def _save(verdict: Verdict) -> dict[str, object]:
    return {"obligation": asdict(verdict.obligation), "steps": verdict.steps, "seconds": verdict.seconds}


def _load(item: dict[str, dict[str, object]]) -> Verdict:
    fields = dict(item["obligation"])
    spec, impl = (Span(**fields.pop(key)) for key in ("spec", "impl"))  # type: ignore[arg-type]
    obligation = Obligation(**fields, spec=spec, impl=impl)  # type: ignore[arg-type]
    return Verdict(obligation, Status.PROVED, int(item["steps"]), float(item["seconds"]), cached=True)  # type: ignore[call-overload, arg-type]
