"""Encodings, over the full width of their fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafnium.abi import (
    INVALID_VM_ID,
    SLEEP_INDEFINITE,
    U64_MASK,
    RunCode,
    RunReturn,
    decode_receive_return,
    decode_run_return,
    encode_receive_return,
    encode_run_return,
)

U16 = st.integers(0, (1 << 16) - 1)
U32 = st.integers(0, (1 << 32) - 1)
U64 = st.integers(0, U64_MASK)
PLAIN = [RunCode.PREEMPTED, RunCode.YIELD, RunCode.NOTIFY_WAITERS, RunCode.ABORTED]


@pytest.mark.parametrize(
    ("ret", "register"),
    [
        (RunReturn(RunCode.WAIT_FOR_INTERRUPT, ns=SLEEP_INDEFINITE), 0xFFFF_FFFF_FFFF_FF02),
        (RunReturn(RunCode.WAIT_FOR_MESSAGE, ns=SLEEP_INDEFINITE), 0xFFFF_FFFF_FFFF_FF03),
        (RunReturn(RunCode.WAKE_UP, vm_id=0x1234_5678, vcpu=0xABCD), 0x1234_5678_ABCD_0004),
        (RunReturn(RunCode.MESSAGE, vm_id=0xF007, size=0xDEAD_BEEF), 0xDEAD_BEEF_F007_0005),
        (RunReturn(RunCode.ABORTED), 7),
        (RunReturn(RunCode.WAIT_FOR_INTERRUPT, ns=0xCC22_8888_8888_8888), 0x2288_8888_8888_8802),
    ],
)
def test_run_returns_of_the_reference(ret: RunReturn, register: int) -> None:
    assert encode_run_return(ret) == register


@given(U32, U16)
def test_wake_up_goes_round(vm_id: int, vcpu: int) -> None:
    ret = RunReturn(RunCode.WAKE_UP, vm_id=vm_id, vcpu=vcpu)
    assert decode_run_return(encode_run_return(ret)) == ret


@given(U16, U32)
def test_message_goes_round(vm_id: int, size: int) -> None:
    ret = RunReturn(RunCode.MESSAGE, vm_id=vm_id, size=size)
    assert decode_run_return(encode_run_return(ret)) == ret


@given(st.sampled_from([RunCode.WAIT_FOR_INTERRUPT, RunCode.WAIT_FOR_MESSAGE]), U64)
def test_sleep_goes_round_but_for_its_top_bits(code: RunCode, ns: int) -> None:
    register = encode_run_return(RunReturn(code, ns=ns))
    assert 0 <= register <= U64_MASK
    assert decode_run_return(register) == RunReturn(code, ns=ns & SLEEP_INDEFINITE)


@given(st.sampled_from(PLAIN), U64)
def test_codes_without_fields(code: RunCode, register: int) -> None:
    assert encode_run_return(RunReturn(code)) == code
    assert decode_run_return(register & ~0xFF | code) == RunReturn(code)


@given(st.integers(8, 255))
def test_unknown_run_codes_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        decode_run_return(code)


@given(U32, U32)
def test_received_goes_round(vm_id: int, size: int) -> None:
    register = encode_receive_return(vm_id, size)
    assert 0 <= register <= U64_MASK
    assert decode_receive_return(register) == (vm_id, size)


def test_nothing_received() -> None:
    assert encode_receive_return(INVALID_VM_ID, 0) == 0xFFFF_FFFF
