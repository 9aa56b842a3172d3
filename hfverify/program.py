"""The program of a subject, as it was kept when its files were last read, if they are what they were.

Reads   the specification and the proof files, .hfverify/program
Gives   model.program.Program
Refuses what the front end refuses; what was kept by another tool, or is damaged, is as if it were not there
"""

from __future__ import annotations

import hashlib
import pickle
from contextlib import suppress
from pathlib import Path

from hfverify.config import Config
from hfverify.diagnostics import Rejected
from hfverify.model.load import load_program, texts
from hfverify.model.program import Program
from hfverify.tool import digest, tool_hash

KEPT = "program"
# Bytes of a SHA-256.
SUM = 32


def program_of(config: Config) -> Program:
    """The program; most of the time that it takes to read one goes into text that nobody has changed."""
    try:
        read = texts(config.folders)
    except Rejected:
        return load_program(config.folders, config.revision)
    key = digest(tool_hash(), config.revision, *(part for pair in read for part in pair)).encode()
    path = config.state / KEPT
    found = _kept(path, key)
    if found is None:
        found = load_program(config.folders, config.revision)
        _keep(path, key, found)
    return found


def _kept(path: Path, key: bytes) -> Program | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    known, total, content = data[: len(key)], data[len(key) : len(key) + SUM], data[len(key) + SUM :]
    if known != key or hashlib.sha256(content).digest() != total:
        return None
    found = pickle.loads(content)  # noqa: S301 (code in the same folders is run, too)
    return found if isinstance(found, Program) else None


def _keep(path: Path, key: bytes, program: Program) -> None:
    """Who reads meanwhile finds the old file or the new one; where no folder can be written to, nothing is kept."""
    content = pickle.dumps(program, pickle.HIGHEST_PROTOCOL)
    new = path.with_suffix(".new")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        new.write_bytes(key + hashlib.sha256(content).digest() + content)
        new.replace(path)
