"""Draw the picture of the README: `python docs/picture.py` writes docs/picture.svg.

A copy of `impl` gets the change of a wrong variant, `hfverify verify` runs on it, and what it writes becomes SVG. Only
seconds are left out, because nothing else differs from run to run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parent.parent
TARGET = Path(__file__).parent / "picture.svg"
VARIANT = ROOT / "tests" / "mutants" / "receive_pending_count_unlocked.toml"
CALL = "mailbox_receive"
COLUMNS = 104
SECONDS = re.compile(r" +\d+\.\d s$", re.MULTILINE)
# It stands at the right edge with its seconds behind it: how far in depends on how many digits they have.
EXIT = re.compile(r" +(exit \d)$", re.MULTILINE)
# What the library writes into its own head: fonts of another host.
FACES = re.compile(r"\s*@font-face \{.*?\n    \}", re.DOTALL)


def changed(folder: Path) -> Path:
    """The subject, with the change in its implementation."""
    root = folder / "subject"
    for name in ("spec", "impl", "proofs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    for change in tomllib.loads(VARIANT.read_text("utf-8"))["change"]:
        file = root / "impl" / change["file"]
        text = file.read_text("utf-8")
        if text.count(change["old"]) != 1:
            raise SystemExit(f"{VARIANT}: what it changes does not stand once in {file}")
        file.write_text(text.replace(change["old"], change["new"]), "utf-8")
    return root


def run(root: Path) -> str:
    """What the tool writes, in colour."""
    done = subprocess.run(
        [sys.executable, "-m", "hfverify.cli", "verify", "-q", "-j", "1", "--color", "always", CALL],
        cwd=root,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 1:
        raise SystemExit(f"the wrong variant is not refuted: exit {done.returncode}\n{done.stderr}")
    return EXIT.sub(r"   \1", SECONDS.sub("", done.stdout))


def drawn(text: str) -> str:
    """The picture."""
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi(f"$ hfverify verify -q {CALL}\n{text.rstrip()}"))
    svg = console.export_svg(title="hfverify", theme=MONOKAI, unique_id="run")
    svg = FACES.sub("", svg).replace("Fira Code, monospace", "ui-monospace, monospace")
    head = '<svg role="img" aria-label="A run of hfverify verify that refutes an obligation"'
    return "\n".join(line.rstrip() for line in svg.replace("<svg", head, 1).split("\n")) + "\n"


def picture() -> str:
    """The picture of today's tool."""
    with tempfile.TemporaryDirectory() as folder:
        return drawn(run(changed(Path(folder))))


if __name__ == "__main__":
    TARGET.write_text(picture(), "utf-8")
