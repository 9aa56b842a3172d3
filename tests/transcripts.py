"""Play a document: run the commands in it, and give it back with what they write.

Reads   Markdown. A line `Subject: NAME`, or `% Subject: NAME` where readers shall not see it, says what is copied; a
        fenced block with a file name after the language writes that file; a `console` block runs commands
Gives   the document with the outputs of this run; `pytest --accept` writes them anew
Refuses nothing
"""

from __future__ import annotations

import re
from pathlib import Path

from commands import Shell, copied, normal

FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUBJECT = re.compile(r"^((?:% )?Subject: \w+)$", re.MULTILINE)


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

    parts = SUBJECT.split(text)
    result = parts[0]
    for number, (head, rest) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        shells.append(Shell(copied(head.rpartition(" ")[2], folder / str(number))))
        result += head + FENCE.sub(block, rest)
    return result


def compare(path: Path, folder: Path, accept: bool) -> None:
    """A document is what its commands write today; with `accept` it is made so."""
    actual = played(path.read_text("utf-8"), folder)
    if accept:
        path.write_text(actual, "utf-8")
    assert actual.split("\n") == path.read_text("utf-8").split("\n")
