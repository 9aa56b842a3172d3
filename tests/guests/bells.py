"""Two virtual CPUs of VM 1 send each other interrupts, each as soon as it has had one."""

from __future__ import annotations

from company import booted, fewer, scene_of, scheduler_of

from hafnium.programs import player
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


def machine(cpus: int) -> Machine:
    """One VM of two virtual CPUs."""
    return booted(cpus, [2])


def scene(machine: Machine) -> Scene:
    """Who serves, and who returns."""
    logs: tuple[list[int], list[int]] = ([], [])
    programs = {(1, 0): player(1, 1, True, COUNT, logs[0]), (1, 1): player(1, 0, False, COUNT, logs[1])}

    def missed() -> str | None:
        return fewer(logs[0], COUNT, "the first virtual CPU") or fewer(logs[1], COUNT, "the second virtual CPU")

    return scene_of(machine, scheduler_of(machine, Scheduler), programs, missed)
