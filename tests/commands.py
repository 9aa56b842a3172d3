"""Run the command line on a copy of a subject, in this process.

Reads   tests/cli/subjects, and the repository's own subject
Gives   Shell: a folder in which commands run, one after the other
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import z3

from hfverify import cli
from hfverify.prove.solver import start_afresh

SUBJECTS = Path(__file__).parent / "cli" / "subjects"
REPOSITORY = Path(__file__).parent.parent
KEPT = ("PATH", "HOME", "LANG", "XDG_CACHE_HOME")


def copied(subject: str, target: Path) -> Path:
    """A fresh copy of a subject: `repository` is the one that this project is about, `nothing` an empty folder."""
    root = target / "subject"
    if subject == "nothing":
        root.mkdir(parents=True)
        return root
    if subject == "jobs":
        return shutil.copytree(REPOSITORY / "examples" / "jobs", root, ignore=shutil.ignore_patterns("__pycache__"))
    if subject != "repository":
        return shutil.copytree(SUBJECTS / subject, root)
    for folder in ("spec", "impl", "proofs"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(REPOSITORY / "pyproject.toml", root / "pyproject.toml")
    return root


@dataclass(slots=True)
class Shell:
    """A working folder inside the copy of a subject."""

    root: Path
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.root

    def run(self, command: str) -> str:
        """What a command writes, and for `hfverify` its exit code; other commands must not fail."""
        words = shlex.split(command)
        variables: dict[str, str] = {}
        while re.match(r"\w+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        if words[0] == "cd":
            self.folder = (self.folder / words[1]).resolve()
            return ""
        if words[0] == "hfverify":
            code, text = self.hfverify(*words[1:], **variables)
            return f"{text}exit {code}\n"
        done = subprocess.run(["bash", "-ec", command], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def hfverify(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Exit code and everything that the tool writes, on both streams in order."""
        stream = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, _redirected(stream):
            for name in os.environ:
                if name not in KEPT:
                    patch.delenv(name)
            # Files change several times in a second here, which is more often than compiled Python can tell.
            patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["hfverify", *arguments])
            with afresh():
                try:
                    cli.main()
                    code = 0
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return code, stream.getvalue()


@contextlib.contextmanager
def afresh() -> Iterator[None]:
    """Without the solver's terms of other tests, which these need again afterwards."""
    before = z3.z3._main_ctx
    start_afresh()
    try:
        yield
    finally:
        z3.z3._main_ctx = before
        gc.enable()


@contextlib.contextmanager
def _redirected(stream: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


def normal(text: str, root: Path) -> str:
    """The text without what differs from run to run: times, steps, versions, the folder of the copy."""
    for pattern, replacement in (
        (re.escape(str(root)), "/subject"),
        (re.escape(str(root.parent)), "/above"),
        (r" {3,}exit (\d)   \d+\.\d s", r"   exit \1   0.0 s"),
        (r"z3 \d+\.\d+\.\d+", "z3 0.0.0"),
        (r"hfverify \d+\.\d+\.\d+\S*", "hfverify 0.0.0"),
        (r"\b\d+ steps\b(?!, \d+ switch)", "1000 steps"),
        (r"--steps [\d_]+ may", "--steps 4_000 may"),
        (r'"(steps|seconds)": [\d.]+', r'"\1": 0'),
        (r"(?m)^( .*?(?: +[·\d]+){7}) +(?:·|[\d.]+(?: [kMG])?)$", r"\1        #"),
    ):
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.split("\n"))
