"""What this tool is: a hash of all of it on which a verdict can depend.

Reads   its own source
Gives   digest, tool_hash
Refuses nothing
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

import z3

# What no verdict depends on.
SHOWING = ("publish", "abi")


def digest(*parts: str) -> str:
    """A hash of texts in their order, 24 hexadecimal digits."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.encode())
        hashed.update(b"\0")
    return hashed.hexdigest()[:24]


@cache
def tool_hash() -> str:
    """The tool itself: its own source, but for what only shows a result; the solver and the Python version."""
    folder = Path(__file__).parent
    texts = [
        path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".lark") and path.relative_to(folder).parts[0] not in SHOWING
    ]
    return digest(*texts, z3.get_version_string(), sys.version.split()[0])
