"""A class begins as its state: what it says otherwise is seen, and what it does not say is not taken for granted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from hfverify.config import Config, load_config
from hfverify.model.load import load_program
from hfverify.model.program import Program
from hfverify.units import NEW, Scope, Subjects
from hfverify.verdict import Status, Verdict

ROOT = Path(__file__).parents[2]
SCOPE = Scope(implementation=True, steps=1_000_000)
STATE, TABLE, LISTS = "hafnium/state.py", "hafnium/page_table.py", "hafnium/lists.py"
Change = tuple[str, str, str]


@cache
def subject() -> tuple[Config, Program]:
    config = load_config(ROOT)
    return config, load_program(config.folders, config.revision)


def verdicts(folder: Path, *changes: Change) -> dict[str, Verdict]:
    config, program = subject()
    shutil.copytree(config.folders.impl, folder / "impl")
    for file, old, new in changes:
        path = folder / "impl" / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new), "utf-8")
    subjects = Subjects(program, replace(config.folders, root=folder, impl=folder / "impl"))
    return {v.obligation.name: v for v in subjects.verdicts("new", SCOPE)}


WRONG: dict[str, tuple[str, Change]] = {
    "a truth value": ("new.vcpu", (STATE, "regs_available: bool = True", "regs_available: bool = False")),
    "an enumeration": ("new.vcpu", (STATE, "VcpuState = VcpuState.OFF", "VcpuState = VcpuState.READY")),
    "a number": ("new.vcpu", (STATE, "enabled_and_pending_count: int = 0", "enabled_and_pending_count: int = 1")),
    "a number in a part of a part": ("new.cpu", ("hafnium/timer.py", "control: int = 0", "control: int = 1")),
    "a part that is there": (
        "new.vm", (STATE, "recv: Page | None = None", "recv: Page | None = field(default_factory=lambda: Page(0))"),
    ),
    "a map": ("new.memory", (TABLE, "blocks: IntervalMap = field(default_factory=lambda: IntervalMap(ABSENT)",
                             "blocks: IntervalMap = field(default_factory=lambda: IntervalMap(NOBODY)")),
    "too few words": ("new.vcpu", (STATE, "pending: list[int] = field(default_factory=lambda: [0, 0])",
                                   "pending: list[int] = field(default_factory=lambda: [0])")),
    "the constant that fills a map": ("new.memory", (TABLE, "| MODE_UNOWNED | MODE_SHARED\n", "| MODE_SHARED\n")),
}  # fmt: skip
UNSAID: dict[str, tuple[str, Change]] = {
    "an interrupt is enabled": ("new.vcpu", (STATE, "enabled: list[int] = field(default_factory=lambda: [0, 0])",
                                             "enabled: list[int] = field(default_factory=lambda: [0, 1])")),
    "a default that is a function's": ("new.pool", ("hafnium/pool.py", "free: int = 0", "free: int = int()")),
    "no default": ("new.pool", ("hafnium/pool.py", "free: int = 0", "free: int")),
    "a method that is called afterwards": (
        "new.pool", ("hafnium/pool.py", "    free: int = 0",
                     "    def __post_init__(self) -> None:\n        self.free = 1\n\n    free: int = 0"),
    ),
    "an attribute of a list that is stored later": (
        "new.wait_entry", (STATE, "        self.wait_links = ListEntry(self)", "        self.wait_links = list(self)"),
    ),
    "a part that may be missing": (
        "new.vcpu", (STATE, "interrupts: Interrupts = field(default_factory=Interrupts)",
                     "interrupts: Interrupts | None = None"),
    ),
    "a part of another class": (
        "new.vcpu", (STATE, "interrupts: Interrupts = field(default_factory=Interrupts)",
                     "interrupts: Interrupts = field(default_factory=Memory)"),
    ),
    "a cell that is not there": ("new.vm", (STATE, "    recv_bytes: int = 0\n", "")),
    "a constructor by assignment": (
        "new.vm", (STATE, "    state: MailboxState = ", "    __init__ = print\n    state: MailboxState = "),
    ),
    "a hook by assignment": (
        "new.vcpu", (STATE, "    state: VcpuState = ", "    __post_init__ = print\n    state: VcpuState = "),
    ),
    "a decorated hook": ("new.wait_entry", (STATE, "    def __post_init__", "    @property\n    def __post_init__")),
    "a list whose constructor does more": ("new.vm", (LISTS, "self.owner = owner", "self.owner = print(owner)")),
    "a list with two constructors": (
        "new.vm", (LISTS, "        list_init(self)\n",
                   "        list_init(self)\n\n    def __init__(self) -> None:\n        pass\n"),
    ),
    "a lock for all": (
        "new.pool", ("hafnium/pool.py", "field(default_factory=SpinLock)", "field(default_factory=lambda: ONE)"),
    ),
    "a list that begins elsewhere": ("new.vm", (LISTS, "        list_init(self)", "        list_empty(self)")),
}  # fmt: skip
HARMLESS: list[Change] = [
    (STATE, "regs_available: bool = True", "regs_available: bool = field(default=True)"),
    (STATE, "enabled_and_pending_count: int = 0", "enabled_and_pending_count: int = 0x0"),
    (TABLE, "default_factory=lambda: IntervalMap(ABSENT), repr=False)\n    blocks",
     "default_factory=lambda: IntervalMap(NOBODY | MODE_SHARED), repr=False)\n    blocks"),
    (STATE, "        self.wait_links = ", '        """Both ends."""\n        self.wait_links = '),
]  # fmt: skip


def test_new_objects_begin_as_their_states(tmp_path: Path) -> None:
    _, program = subject()
    found = verdicts(tmp_path, *HARMLESS)
    assert list(found) == [f"new.{name}" for name in program.states if name in program.represents]
    assert {verdict.status for verdict in found.values()} == {Status.PROVED}


@pytest.mark.parametrize("name", WRONG)
def test_what_begins_otherwise_is_refuted(name: str, tmp_path: Path) -> None:
    obligation, change = WRONG[name]
    verdict = verdicts(tmp_path, change)[obligation]
    assert verdict.status is Status.REFUTED
    assert verdict.diagnostic is not None
    assert verdict.diagnostic.code == "HF518"


@pytest.mark.parametrize("name", UNSAID)
def test_what_a_class_does_not_say_is_open(name: str, tmp_path: Path) -> None:
    obligation, change = UNSAID[name]
    verdict = verdicts(tmp_path, change)[obligation]
    assert verdict.status is Status.UNKNOWN
    assert verdict.diagnostic is not None
    assert verdict.diagnostic.code == "HF401"


def inputs(folder: Path, *texts: tuple[str, str]) -> dict[str, str]:
    """What the unit depends on, where these files have these texts besides."""
    config, program = subject()
    shutil.copytree(config.folders.impl, folder / "impl")
    for file, text in texts:
        with (folder / "impl" / file).open("a", encoding="utf-8") as stream:
            stream.write(text)
    return Subjects(program, replace(config.folders, impl=folder / "impl")).inputs(NEW, SCOPE)


def test_it_matters_which_method_has_a_line(tmp_path: Path) -> None:
    first = "\nclass A:\n    def __init__(self) -> None:\n        self.a = 1\n"
    second = "    def b(self) -> None:\n        self.c = 3\n"
    line = "        self.b = 2\n"
    moved = second.replace("        self.c", f"{line}        self.c")
    found = [inputs(tmp_path / "x", (STATE, first + line + second)), inputs(tmp_path / "y", (STATE, first + moved))]
    assert found[0] != found[1]


def test_it_matters_what_others_change(tmp_path: Path) -> None:
    late = "from hafnium import state as found\n\n\ndef late() -> None:\n    found.Vm = 1\n"
    assert inputs(tmp_path / "x") != inputs(tmp_path / "y", ("hafnium/late.py", late))
