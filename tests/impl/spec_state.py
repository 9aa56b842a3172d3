"""A running machine as the state that the specification speaks about, and what of the specification it breaks.

The values are read attribute by attribute, and the conditions are evaluated without a solver: what the proofs take for
granted of a machine that boots is checked here on machines that have.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from checks import list_entries

from hafnium.interval_map import IntervalMap
from hafnium.state import Machine, Vcpu, VcpuState, Vm
from hfverify.config import load_config
from hfverify.explain.concrete import Bits, Env, Evaluator, Ref, Store
from hfverify.explain.maps import Map
from hfverify.model.load import load_program
from hfverify.model.program import Program

NONE = -1


@cache
def program() -> Program:
    """The specification of this revision."""
    config = load_config(Path(__file__).parents[2])
    return load_program(config.folders, config.revision)


def store_of(machine: Machine) -> Store:
    """Every cell but buffers and the bytes of memory."""
    store = Store({"vm_count": len(machine.vms), "cpu_count": len(machine.cpus)})
    for vm in machine.vms:
        _add(store, "vm", (vm.id,), _vm(vm))
        for vcpu in vm.vcpus:
            _add(store, "vcpu", (vm.id, vcpu.index), _vcpu(vcpu))
    for cpu in machine.cpus:
        running = cpu.current
        position = (NONE, 0) if running is None else (running.vm.id, running.index)
        cells = {"running.vm": position[0], "running.index": position[1], "virtual_interrupt": cpu.virtual_interrupt}
        for name, timer in (("timer", cpu.timer), ("physical_timer", cpu.physical_timer)):
            cells |= {f"{name}.control": timer.control, f"{name}.compare": timer.compare}
        _add(store, "cpu", (cpu.index,), cells)
    for number, table in enumerate([*(vm.ptable for vm in machine.vms), machine.stage1]):
        levels = {"regions": table.regions, "blocks": table.blocks, "pages": table.pages}
        _add(store, "memory", (number,), {"limit": table.limit, **{name: _map(m) for name, m in levels.items()}})
    _add(store, "pool", (), {"free": machine.pool.free})
    clock = {"clock.count": machine.clock.count, "clock.frequency": machine.clock.frequency}
    _add(store, "machine", (), clock)
    return store


def _add(store: Store, state: str, keys: tuple[int, ...], cells: dict[str, Any]) -> None:
    for path, value in cells.items():
        assert path in program().states[state].cells
        store.cells[f"{state}.{path}", keys] = value


def _vm(vm: Vm) -> dict[str, Any]:
    box = vm.mailbox
    waiters = [entry.owner for entry in list_entries(box.waiter_list)]
    ready = [entry.owner for entry in list_entries(box.ready_list)]
    return {
        "vcpu_count": len(vm.vcpus),
        "aborting": vm.aborting,
        "mailbox.state": int(box.state),
        "mailbox.recv_from_id": box.recv_from_id,
        "mailbox.recv_bytes": box.recv_bytes,
        "mailbox.recv.mapped": box.recv is not None,
        "mailbox.recv.address": box.recv.address if box.recv is not None else 0,
        "mailbox.send.mapped": box.send is not None,
        "mailbox.send.address": box.send.address if box.send is not None else 0,
        "mailbox.waiters": tuple(entry.waiting_vm.id for entry in waiters if entry is not None),
        "mailbox.ready": tuple(entry.awaited for entry in ready if entry is not None),
    }


def _vcpu(vcpu: Vcpu) -> dict[str, Any]:
    interrupts = vcpu.interrupts
    return {
        "state": int(vcpu.state),
        "regs_available": vcpu.regs_available,
        "interrupts.enabled": _bits(interrupts.enabled),
        "interrupts.pending": _bits(interrupts.pending),
        "interrupts.enabled_and_pending_count": interrupts.enabled_and_pending_count,
        "cpu": vcpu.cpu.index if vcpu.cpu is not None else NONE,
        "regs.pc": vcpu.regs.pc,
        "regs.r0": vcpu.regs.r0,
        "regs.virtual_interrupt": vcpu.regs.virtual_interrupt,
        "regs.timer.control": vcpu.regs.timer.control,
        "regs.timer.compare": vcpu.regs.timer.compare,
    }


def _bits(words: list[int]) -> Bits:
    return Bits(32 * index + bit for index, word in enumerate(words) for bit in range(32) if word >> bit & 1)


def _map(found: IntervalMap) -> Map:
    return Map.of(zip(found.starts, found.values, strict=True))


def broken(machine: Machine, *, tables: bool = True, running: bool = True) -> list[str]:
    """The assumptions, invariants and facts that do not hold while no lock is held.

    Without `tables`, what is said of page tables is left out; without `running`, what the physical CPUs rely on.
    """
    item, store, found = program(), store_of(machine), list[str]()
    evaluator = Evaluator(item)

    def ask(name: str, expr: Any, own: Ref | None = None, here: int = 0) -> None:
        if not evaluator.truth(expr, Env(store, {}, own, here)):
            found.append(f"{name} of {own}" if own is not None else f"{name} on CPU {here}")

    for assume in item.assumes:
        ask(assume.name, assume.value)
    for lock in item.locks.values():
        for keys in evaluator.positions(lock.state, Env(store)) if tables or lock.state != "memory" else ():
            for invariant in lock.invariants:
                ask(invariant.name, invariant.value, Ref(lock.state, keys))
    assert item.thread is not None
    for cpu in machine.cpus if running else ():
        if machine.vms[0].vcpus[cpu.index].state != VcpuState.OFF:
            for fact in item.thread.facts:
                ask(fact.name, fact.value, here=cpu.index)
            assert cpu.current is not None
            current = Ref("vcpu", (cpu.current.vm.id, cpu.current.index))
            for fact in item.actors["current"].facts:
                ask(fact.name, fact.value, current, cpu.index)
    return found
