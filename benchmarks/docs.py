"""How long the site takes: `python benchmarks/docs.py`.

Prints whole-process wall and processor seconds, with two jobs, of a build of everything, of one after nothing changed,
after edits of the specification (every mark is stale), after `verify` has made the ledger that of the sources again
(played by taking the edit back), and the largest page. Works on a copy of the repository.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = (".git", ".venv", ".hfverify", "_build", "reference", "__pycache__", ".mypy_cache", ".ruff_cache")


def build(root: Path) -> tuple[float, float]:
    """Wall and processor seconds of one build."""
    options = ["-W", "-n", "-q", "-j", "2", "-D", "hfverify_stale=show"]
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "-b", "html", "docs", "docs/_build/html"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def edits(root: Path) -> list[tuple[str, Path, str, str]]:
    """What is edited: the file, its text and another, in the file of the most calls and in that of the registers."""
    paths = sorted((root / "spec").glob("*.hfs"), key=lambda path: path.read_text("utf-8").count("\n    case "))
    texts = {path: path.read_text("utf-8") for path in paths}
    shared = next(path for path in paths if "\ndispatcher " in texts[path])
    return [
        (
            "one sentence changed",
            paths[-1],
            texts[paths[-1]],
            texts[paths[-1]].replace("    /// ", "    /// Today: ", 1),
        ),
        (
            "one line more",
            paths[-1],
            texts[paths[-1]],
            texts[paths[-1]].replace("    /// ", "    /// Today:\n    /// ", 1),
        ),
        ("a sentence of every call", shared, texts[shared], texts[shared].replace("    /// ", "    /// Today: ", 1)),
    ]


def main() -> None:
    """One table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "subject"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT_OUT))

        def shown(what: str) -> None:
            wall, used = build(root)
            print(f"{what:<48} {wall:6.1f} s   {used:6.1f} s of processors", flush=True)

        shown("everything")
        shown("nothing changed")
        for what, path, before, after in edits(root):
            path.write_text(after, "utf-8")
            shown(f"{what}, every mark stale")
            path.write_text(before, "utf-8")
            shown("changed back, no mark stale")
        pages = list((root / "docs/_build/html").rglob("*.html"))
        largest = max(pages, key=lambda page: page.stat().st_size)
        print(f"{len(pages)} pages, the largest `{largest.name}` with {largest.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
