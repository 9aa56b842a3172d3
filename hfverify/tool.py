"""What this tool is: a hash of all of it on which a verdict can depend.

Reads   its own source
Gives   digest, tool_hash
Refuses nothing
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version
from pathlib import Path

# What no verdict depends on.
SHOWING = ("publish", "abi")
# What reads a specification, and what answers questions.
LIBRARIES = ("lark", "z3-solver")


def digest(*parts: str) -> str:
    """A hash of texts in their order, 24 hexadecimal digits."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.encode())
        hashed.update(b"\0")
    return hashed.hexdigest()[:24]


def _hashed() -> str:
    folder = Path(__file__).parent
    texts = [
        path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".lark") and path.relative_to(folder).parts[0] not in SHOWING
    ]
    return digest(*texts, *(f"{name} {version(name)}" for name in LIBRARIES), sys.version.split()[0])


# Of what was there when this process began: files may change while it runs, its code does not.
_HASH = _hashed()


def tool_hash() -> str:
    """The tool itself: its own source, but for what only shows a result; its libraries and the Python version."""
    return _HASH
