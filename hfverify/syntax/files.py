"""Files of specifications and proofs, and what they say.

Reads   a path
Gives   its text
Refuses an unreadable file (HF100)
"""

from __future__ import annotations

from pathlib import Path

from hfverify.diagnostics import Diagnostic, Rejected, Span, at

SPECIFICATION = ".hfs"
PROOF = ".hfp"


def read(path: Path, shown: str) -> str:
    """Read a file as UTF-8 text; `shown` is the name that messages use."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        system = isinstance(error, OSError) and error.strerror
        reason = system.lower() if system else "it is not UTF-8 text"
        raise Rejected(
            [Diagnostic("HF100", f"`{shown}` cannot be read: {reason}", (at(Span(shown, 1, 1, 1, 2)),))]
        ) from error
