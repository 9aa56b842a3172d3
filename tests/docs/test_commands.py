"""The reference of commands is what the commands say of themselves; `pytest --accept` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from test_guide import GUIDE

from hfverify.cli import EXIT_CODES, main_group

PAGE = GUIDE / "commands.md"
HEAD = """# Commands

This page is made from the commands themselves: `hfverify COMMAND --help` says the same. Every command looks for the
nearest `pyproject.toml` with a `[tool.hfverify]` table, in this folder or above it.

```toml
[tool.hfverify]
spec = "spec"       # the folder of the specification, *.hfs
impl = "impl"       # the folder of the code
proofs = "proofs"   # the folder of the proof files, *.hfp, and of ledger.json
revision = "R4"     # the revision to look at; without it the newest
```
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    for name in main_group.list_commands(click.Context(main_group)):
        command = main_group.get_command(click.Context(main_group), name)
        assert command is not None
        yield name, command


def page() -> str:
    lines = [HEAD, "## Exit codes", "", "| code | meaning |", "|---|---|"]
    for line in EXIT_CODES.split("\n")[2:]:
        code, _, meaning = line.strip().partition(" ")
        lines += [f"| {code} | {meaning.strip()} |"] if code else []
    for name, command in commands():
        context = click.Context(command, info_name=f"hfverify {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        text = "\n".join(line.strip() for line in (command.help or "").split("\n"))
        lines += [
            "",
            f"(command-{name})=",
            f"## hfverify {name}",
            "",
            f"```text\nhfverify {name} {usage}\n```",
            "",
            text,
        ]
        lines += ["", "| option | meaning |", "|---|---|"]
        for parameter in command.params:
            record = parameter.get_help_record(context)
            if record is not None:
                option, meaning = (part.replace("|", "\\|") for part in record)
                lines.append(f"| `{option}` | {' '.join(meaning.split())} |")
    return "\n".join([*lines, ""])


def test_the_page_is_made_from_the_commands(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--accept"):
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page()


def test_every_command_says_what_it_does() -> None:
    for name, command in commands():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
