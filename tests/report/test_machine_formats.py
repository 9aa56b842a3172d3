"""What other programs read: JSON lines and the short form."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from report_samples import GAVE_UP, ORDER, RETURNS, SUSPICION, VERDICTS, verdict

from hfverify.report import jsonl, short
from hfverify.verdict import Status

Expect = Callable[[str, str], None]


def test_json_lines(expect: Expect) -> None:
    expect("jsonl", "\n".join(jsonl.lines(VERDICTS, 1, 11.93456)))


def test_json_keys_are_sorted_and_the_same() -> None:
    *objects, last = [json.loads(line) for line in jsonl.lines(VERDICTS, 1, 2.0)]
    keys = (
        "obligation,status,kind,sentence,spec,impl,steps,seconds,reason,cached,code,message,labels,notes,"
        "counterexample,evidence"
    )
    assert all(list(item) == sorted(keys.split(",")) for item in objects)
    assert sum(last["totals"]["statuses"].values()) == len(objects) == last["totals"]["obligations"]


def test_json_without_questions() -> None:
    (line,) = jsonl.lines([], 0, 0.0)
    assert json.loads(line)["totals"]["worst"] is None


def test_json_refuses_what_is_not_plain_data() -> None:
    with pytest.raises(TypeError):
        list(jsonl.lines([verdict("a.b", "next", Status.REFUTED, counterexample={"x": object()})], 1, 0.0))


def test_short(expect: Expect) -> None:
    expect("short", "\n".join(short.lines([RETURNS, ORDER, GAVE_UP, SUSPICION])))
