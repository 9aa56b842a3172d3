"""The transcripts are true: each command writes what it is shown to write, and ends with the code that is shown.

A transcript is Markdown. Its line `Subject: NAME` says what is copied; a fenced block with a file name after the
language writes that file; a `console` block runs commands. `pytest --accept` writes the outputs anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import Shell, copied, normal

TRANSCRIPTS = Path(__file__).parent / "transcripts"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def played(text: str, folder: Path) -> str:
    """The transcript with the outputs of this run."""
    shells: list[Shell] = []

    def block(match: re.Match[str]) -> str:
        language, name, body = match.groups()
        if name:
            path = shells[-1].root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, "utf-8")
        if language != "console":
            return match[0]
        commands = [line.removeprefix("$ ") for line in body.split("\n") if line.startswith("$ ")]
        lines = [f"$ {command}\n{normal(shells[-1].run(command), shells[-1].root)}" for command in commands]
        return "```console\n" + "".join(lines) + "```"

    parts = re.split(r"(?m)^(Subject: \w+)$", text)
    result = parts[0]
    for number, (head, rest) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        shells.append(Shell(copied(head.removeprefix("Subject: "), folder / str(number))))
        result += head + FENCE.sub(block, rest)
    return result


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.md")))
def test_transcript(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = TRANSCRIPTS / f"{name}.md"
    written = path.read_text("utf-8")
    actual = played(written, tmp_path)
    if request.config.getoption("--accept"):
        path.write_text(actual, "utf-8")
    assert actual.split("\n") == path.read_text("utf-8").split("\n")
