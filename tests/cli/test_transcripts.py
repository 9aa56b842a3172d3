"""The transcripts are true: each command writes what it is shown to write, and ends with the code that is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcripts import compare

TRANSCRIPTS = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.md")))
def test_transcript(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    compare(TRANSCRIPTS / f"{name}.md", tmp_path, bool(request.config.getoption("--accept")))
