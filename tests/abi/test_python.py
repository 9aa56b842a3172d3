"""The generated Python does what the hypervisor's own encodings and dispatcher do."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from bindings import REPOSITORY, Made, Packed, Vectors, odd, program_of, python_module
from vectors import CALLS, dispatched, hypervisor, odd_values, registers_of

from hafnium import abi
from hafnium.dispatch import hypercall
from hafnium.state import create_machine
from hfverify.abi.names import camel, plain, snake
from hfverify.abi.python import RESERVED


@pytest.fixture(scope="module", params=["hypervisor", "odd"])
def bound(request: pytest.FixtureRequest) -> tuple[ModuleType, Vectors]:
    if request.param == "odd":
        return python_module(odd(), "odd_abi"), odd_values()
    return python_module(program_of(REPOSITORY), "hypervisor_abi"), hypervisor()


def value_of(module: ModuleType, packed: Packed, *, read: bool) -> Any:
    name = packed.variant if packed.variant not in ("Received", "Both") else packed.encoding
    fields = packed.read if read else packed.fields
    return getattr(module, camel(name))(**{plain(key, RESERVED): fields[key] for key in fields})


def test_values_are_packed_and_unpacked(bound: tuple[ModuleType, Vectors]) -> None:
    module, vectors = bound
    for packed in vectors.packed:
        assert value_of(module, packed, read=False).encode() == packed.number
        decode = getattr(module, f"decode_{snake(packed.encoding)}")
        assert decode(packed.number) == value_of(module, packed, read=True)


def test_other_tags_are_refused(bound: tuple[ModuleType, Vectors]) -> None:
    module, vectors = bound
    for encoding, numbers in vectors.wrong.items():
        for number in numbers:
            with pytest.raises(ValueError, match="has the tag"):
                getattr(module, f"decode_{snake(encoding)}")(number)


def test_calls_carry_arguments_and_results(bound: tuple[ModuleType, Vectors]) -> None:
    module, vectors = bound
    for made in vectors.made:
        seen: list[tuple[int, ...]] = []

        def trap(x: tuple[int, ...], made: Made = made, seen: list[tuple[int, ...]] = seen) -> tuple[int, ...]:
            seen.append(x)
            return made.after

        result = getattr(module, made.call)(trap, *made.arguments)
        assert seen == [made.before], made
        wanted = value_of(module, made.result, read=True) if isinstance(made.result, Packed) else made.result
        assert result == wanted, made


def test_constants(bound: tuple[ModuleType, Vectors]) -> None:
    module, vectors = bound
    assert {name: getattr(module, name) for name in vectors.numbers} == vectors.numbers
    assert not hasattr(module, "UNUSED")


def test_what_does_not_fit_is_refused() -> None:
    module = python_module(program_of(REPOSITORY), "hypervisor_abi")
    with pytest.raises(ValueError, match="vcpu = 65536 is not in 0 .. 65535"):
        module.WakeUp(1 << 16, 0).encode()
    with pytest.raises(ValueError, match="vm_id = -1 is not in"):
        module.mailbox_waiter_get(lambda x: x, -1)


@pytest.mark.parametrize("call", CALLS)
def test_the_dispatcher_finds_the_call_with_its_arguments(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = python_module(program_of(REPOSITORY), "hypervisor_abi")
    for made in hypervisor().made:
        if made.call != call:
            continue
        registers: list[tuple[int, ...]] = []
        after = made.after

        def trap(x: tuple[int, ...], registers: list[tuple[int, ...]] = registers, after: Any = after) -> Any:
            registers.append(x)
            return after

        getattr(module, call)(trap, *made.arguments)
        assert registers == [registers_of(call, made.arguments)]
        assert dispatched(monkeypatch, call, registers[0]) == made.arguments
        monkeypatch.undo()


def test_calls_reach_a_machine() -> None:
    module, machine = python_module(program_of(REPOSITORY), "hypervisor_abi"), create_machine(1, [1, 1, 1])
    current = machine.cpus[0].current
    assert current is not None

    def trap(x: tuple[int, ...]) -> tuple[int, int, int, int]:
        return hypercall(machine, current, *x)[0], 0, 0, 0

    assert module.vm_get_count(trap) == 3
    assert module.vm_get_id(trap) == abi.PRIMARY_VM_ID
    assert module.vcpu_get_count(trap, 9) == -1
    assert module.vcpu_get_count(trap, 1) == 1
    assert module.vcpu_run(trap, 0, 0) == module.WaitForInterrupt(module.SLEEP_INDEFINITE)
    assert module.mailbox_receive(trap, True) == module.ReceiveReturn(module.INVALID_VM_ID, 0)
    assert trap((0xBEEF, 0, 0, 0))[0] == module.NO_SUCH_CALL & abi.U64_MASK
