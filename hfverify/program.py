"""The program of a subject, as it was kept when its files were last read, if they say what they said then.

Reads   the specification and the proof files, .hfverify/program
Gives   model.program.Program
Refuses what the front end refuses; what was kept by another tool, or is damaged, is as if it were not there

Not for commands that only look at a specification: what was kept may run code when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from contextlib import suppress
from pathlib import Path

from hfverify.config import Config
from hfverify.model.load import program_from, texts
from hfverify.model.program import Program
from hfverify.tool import tool_hash

KEPT = "program"
# Bytes of a SHA-256.
SUM = 32


def program_of(config: Config) -> Program:
    """The program; most of the time that it takes to make one goes into text that nobody has changed."""
    found, problems = texts(config.folders)
    if problems:
        return program_from(found, problems, config.revision)
    key = _sum(json.dumps([tool_hash(), config.revision, found]).encode())
    path = config.state / KEPT
    program = _kept(path, key)
    if program is None:
        program = program_from(found, (), config.revision)
        _keep(path, key, program)
    return program


def _sum(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _kept(path: Path, key: bytes) -> Program | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    known, total, content = data[:SUM], data[SUM : 2 * SUM], data[2 * SUM :]
    if known != key or _sum(key, content) != total:
        return None
    found = pickle.loads(content)  # noqa: S301 (whoever asks for it runs code of the same folders)
    return found if isinstance(found, Program) else None


def _keep(path: Path, key: bytes, program: Program) -> None:
    """Who reads meanwhile finds the old file or the new one; where no folder can be written to, nothing is kept."""
    content = pickle.dumps(program, pickle.HIGHEST_PROTOCOL)
    new = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        new.write_bytes(key + _sum(key, content) + content)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
