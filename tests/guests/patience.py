"""Two virtual CPUs of VM 2 wait for the messages of VM 1: one for ever, the other one until its timer fires."""

from __future__ import annotations

from alarms import impatient
from company import booted, fewer, receiver, scene_of, scheduler_of, sender

from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


def machine(cpus: int) -> Machine:
    """A VM of one virtual CPU, and one of two."""
    return booted(cpus, [1, 2])


def scene(machine: Machine) -> Scene:
    """Who has been woken for a message that another one has taken goes on to wait for the rest of its time."""
    mail: list[int] = []
    alarms: list[int] = []
    programs = {(1, 0): sender(2, COUNT), (2, 0): receiver(mail), (2, 1): impatient(alarms)}

    def missed() -> str | None:
        return fewer(alarms, 1, "who waits for a timer")

    return scene_of(machine, scheduler_of(machine, Scheduler), programs, missed)
