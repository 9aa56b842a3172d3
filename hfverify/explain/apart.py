"""Run a module of the tool in a process of its own: the code under trial may hang, die, fork, print or eat all memory.

Reads   a request that can be pickled
Gives   the JSON report that the module wrote
Refuses a process that dies, hangs or says something else (Lost)
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hfverify.explain.patience import PERIOD, Patience

MEMORY = 4 << 30


class Lost(Exception):
    """There is no report; the text says why."""


class Hangs(Lost):
    """There was no report in time."""


def ask(module: str, request: dict[str, Any], seconds: float, hash_seed: int = 0) -> dict[str, Any]:
    """The report; whatever the module has started is ended with it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        given = Path(folder) / "request"
        given.write_bytes(pickle.dumps(request))
        with given.open("rb") as opened:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(report)],
                stdin=opened,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
                start_new_session=True,
            )
        try:
            errors = _errors(process, seconds)
        finally:
            # The leader of the session may have gone already, and what it started not.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        try:
            found: dict[str, Any] = json.loads(report.read_text("utf-8"))
        except (OSError, ValueError):
            last = errors.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {process.returncode}"]
            raise Lost(f"the process that runs the code died: {last[0]}") from None
        return found


def _errors(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """What a process that has come to its end said of what went wrong."""
    patience = Patience(seconds, process.pid)
    while True:
        try:
            return process.communicate(timeout=PERIOD)[1]
        except subprocess.TimeoutExpired:
            if patience.ends():
                raise Hangs(f"the code did not come back within {seconds:g} s") from None


def answer(compute: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """In that process: read the request, compute within the memory, write the report."""
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 (the parent process wrote it)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # A file that changed within a second has the time stamp, and may have the size, of its compiled form.
    sys.dont_write_bytecode = True
    sys.pycache_prefix = str(Path(request["impl"]) / ".no-such-folder")
    Path(sys.argv[1]).write_text(json.dumps(compute(request)), "utf-8")
