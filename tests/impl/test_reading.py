"""What is read of a machine by the rules that say where it is kept is what is read attribute by attribute."""

from random import Random

import pytest
from driver import Driver
from spec_state import program, store_of

from hafnium.lists import ListEntry
from hafnium.state import Cpu, Machine, Vcpu, Vm
from hfverify.explain.proxies import Unbuildable
from hfverify.explore.reading import state_of


def test_a_machine_that_has_run_is_read_whole() -> None:
    driver, random = Driver((3, 2, 2, 1), 3, 40), Random(1)
    driver.configure_all()
    for _ in range(10):
        for _ in range(30):
            driver.random_step(random)
        found, wanted = state_of(program(), driver.machine), store_of(driver.machine)
        assert found.sizes == wanted.sizes
        assert {key: found.cells[key] for key in wanted.cells} == wanted.cells


def no_machine(machine: Machine) -> object:
    return machine.vms[0]


def stranger(machine: Machine) -> object:
    machine.cpus[0].current = Vcpu(Vm(0), 0)
    return machine


def torn_list(machine: Machine) -> object:
    machine.vms[1].mailbox.waiter_list.next = ListEntry(None)
    return machine


def too_few(machine: Machine) -> object:
    machine.vms[1].wait_entries.clear()
    return machine


def no_attribute(machine: Machine) -> object:
    del machine.pool
    return machine


REFUSED = {
    no_machine: "a machine is an object of hafnium.state:Machine",
    stranger: "refers to a Vcpu that is no part of the machine",
    torn_list: "is no circle through its own entries",
    too_few: "has 0 items, not 3",
    no_attribute: "machine has no attribute pool",
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_cannot_be_read_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    machine = Driver((2, 1, 1), 1, 40).machine
    assert isinstance(machine.cpus[0], Cpu)
    with pytest.raises(Unbuildable) as error:
        state_of(program(), change(machine))
    assert REFUSED[change] in str(error.value)
