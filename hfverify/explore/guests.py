"""Guests: what runs on each CPU of a machine, written in Python by whoever has the subject.

Reads   a file of guests: `machine(cpus)` makes a machine of the implementation, `scene(machine)` says what runs on it
Gives   Scene and Processor, for such files; GuestFile; Guests, a file that is loaded
Refuses a file that is damaged, does not have the two functions, or gives something else (Fault)
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from hfverify.explain.importing import import_from

# What a file of guests defines.
MACHINE, SCENE = "machine", "scene"


class Processor(Protocol):
    """A CPU, as the program that runs on it sees it."""

    index: int

    def idle(self, until: Callable[[], bool], what: str) -> None:
        """Do nothing until something is so that only others can bring about; `what` says it in words."""


Program = Callable[[Processor], None]


def _nothing() -> bool:
    return False


def _content() -> str | None:
    return None


@dataclass(slots=True)
class Scene:
    """A program for each CPU, made anew for each schedule: nothing that it remembers may be left from another one.

    `outside` is asked when no CPU has anything to do: it may let time pass or press a button, and tells whether it
    has. `complaint` is asked when that is over: what the guests had to get and have not got, or None.
    """

    programs: Sequence[Program]
    outside: Callable[[], bool] = _nothing
    complaint: Callable[[], str | None] = _content


@dataclass(frozen=True, slots=True)
class GuestFile:
    """Where guests are written, and for how many CPUs they are asked."""

    path: str
    cpus: int


class Fault(Exception):
    """The guests themselves are wrong: nothing can be said of the implementation."""


@dataclass(frozen=True, slots=True)
class Guests:
    """A file that is loaded, and the machine that it makes."""

    file: GuestFile
    module: ModuleType
    machine: object

    def scene(self, machine: object) -> Scene:
        """What runs on a machine."""
        found = guarded(self.file.path, SCENE, lambda: getattr(self.module, SCENE)(machine))
        if not isinstance(found, Scene):
            raise Fault(f"{self.file.path}: `{SCENE}` gives {type(found).__name__}, not a Scene")
        if len(found.programs) != self.file.cpus:
            raise Fault(f"{self.file.path}: `{SCENE}` has {len(found.programs)} programs for {self.file.cpus} CPUs")
        for number, program in enumerate(found.programs):
            if not callable(program):
                raise Fault(f"{self.file.path}: the program of CPU {number} is {program!r}, not a function")
        return found


def load(file: GuestFile, impl: str) -> Guests:
    """Load a file; what it imports of the implementation comes from this folder."""
    import_from(impl)
    path = Path(file.path).resolve()
    spec = importlib.util.spec_from_file_location(f"guests_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise Fault(f"{file.path} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(1, str(path.parent))
    loader = spec.loader
    guarded(file.path, "the file", lambda: loader.exec_module(module))
    for name in (MACHINE, SCENE):
        if not callable(getattr(module, name, None)):
            raise Fault(f"{file.path} has no function `{name}`: it makes the machine with `{MACHINE}(cpus)`, and says "
                        f"what runs on it with `{SCENE}(machine)`")  # fmt: skip
    return Guests(file, module, guarded(file.path, MACHINE, lambda: getattr(module, MACHINE)(file.cpus)))


def guarded(path: str, who: str, ask: Callable[[], Any]) -> Any:
    """What the guests answer; whatever they raise is their own fault."""
    try:
        return ask()
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        raise Fault(blamed(path, who, error)) from error


def blamed(path: str, who: str, error: BaseException) -> str:
    """What was raised, and the innermost line of the file from which it came."""
    file = str(Path(path).resolve())
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or frames[-1:]
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"{path}:{error.lineno}: {error.msg}"
    place = f"{path}:{own[-1].lineno}" if own and own[-1].filename == file else path
    last = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames and frames[-1] is not own[-1] else ""
    return f"{place}: {who} raises {type(error).__name__}: {error}{last}".rstrip(": ")
