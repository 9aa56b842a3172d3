"""Recorded scenarios, those that differ on purpose, and files that are no scenarios."""

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record import kept_scenario

from conftest import HERE, ROOT, recordings
from hafnium.conformance import DECLARED, Declared, Verdict, find_scenarios, judge, load_declared, main, same
from hafnium.trace import TraceError, load

KEPT = HERE / "data" / "messages.jsonl"
Lines = list[dict[str, Any]]


def r4() -> Path:
    folder = recordings() / "r4"
    if not folder.is_dir():
        reason = f"no recordings in {folder}; set HFVERIFY_CONFORMANCE"
        if os.environ.get("CI", "false") not in ("", "0", "false"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def lines() -> Lines:
    return [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def write(folder: Path, content: Lines, name: str = "x.jsonl") -> Path:
    path = folder / name
    text = "".join(json.dumps(line) + "\n" for line in content)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_every_recording_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(r4())]) == 0
    assert capsys.readouterr().out.rstrip().endswith(" 0 out of the model, 0 differ")


def test_every_declared_difference_is_needed() -> None:
    declared = load_declared()
    unused = set(declared.differences)
    for file in find_scenarios(r4()):
        scenario = load(file)
        result = judge(scenario, declared)
        unused -= result.used
        if result.verdict is not Verdict.AGREES:
            assert judge(scenario, Declared((), ())).verdict is Verdict.DIFFERS
    assert not unused


def test_a_missing_folder_fails_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HFVERIFY_CONFORMANCE", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        r4()
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception):
        r4()


def test_the_kept_scenario_is_what_this_implementation_does() -> None:
    assert kept_scenario() == KEPT.read_text(encoding="utf-8")


def test_a_compressed_scenario_and_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, lines(), "x.jsonl.gz")
    write(tmp_path, lines())
    assert main([str(tmp_path), str(KEPT)]) == 0
    assert capsys.readouterr().out.startswith("3 scenarios, 111 steps: 3 agree, ")


@pytest.mark.parametrize(
    ("step", "change", "told"),
    [
        (0, {"ret": "0x5"}, "x: step 0: ret: expected 0x5, actual 0x0"),
        (2, {"next": None}, "x: step 2: next: expected None, actual 1.0"),
        (3, {"spins": True}, "x: step 3: spins: expected True, actual False"),
        (24, {"resumed": False}, "x: step 24: resumed: expected False, actual True"),
        (20, {"d": {"page.40002000.s2": [16, 7]}}, "page.40002000.s2: expected [16, 7], actual [16, 39]"),
        (20, {"d": {"page.40002000.s2": 5}}, "page.40002000.s2: expected 5, actual [16, 39]"),
        (4, {"d": {}}, "x: step 4: pcpu.0.cur: expected 0.0, actual 1.0"),
        (
            4,
            {"pcpu": 1},
            "x: step 4: step: expected regs_saved, actual physical CPU 1 is not between two vCPUs",
        ),
        (3, {"pcpu": 0}, "x: step 3: step: expected hvc, actual physical CPU 0 is between two vCPUs"),
        (17, {"pcpu": 0}, "x: step 17: step: expected wfi, actual wfi does not enter the hypervisor"),
    ],
)
def test_a_difference_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], step: int, change: dict[str, Any], told: str
) -> None:
    content = lines()
    content[0]["name"] = "x"
    content[step + 1] |= change
    assert main([str(write(tmp_path, content))]) == 1
    out = capsys.readouterr().out
    assert told in out
    assert out.endswith("1 differ\n")


def test_a_difference_before_the_first_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = lines()
    content[0]["init"]["vm.1.mbox"] = "read"
    content[0]["init"]["vm.7.mbox"] = "read"
    assert main([str(write(tmp_path, content))]) == 1
    assert "before step 0: vm.1.mbox: expected read, actual empty" in capsys.readouterr().out


def test_a_page_without_memory_behind_it(tmp_path: Path) -> None:
    content = lines()
    del content[0]["init"]["page.40002000.sha"]
    assert main([str(write(tmp_path, content))]) == 0


def test_scenarios_that_run_out_of_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = lines()
    content[0] |= {"name": "oom_x", "pool_limited": True}
    content[1]["d"]["pool"] = 3
    assert main([str(write(tmp_path, content))]) == 0
    assert "0 agree, 1 differ as declared, 0 out of the model, 0 differ" in capsys.readouterr().out


OUT_OF_MODEL = {"scenario": "oom_*", "pool_limited": True, "deviation": 6, "reason": "more pages are left"}


@pytest.mark.parametrize(
    ("out_of_model", "header", "verdict"),
    [
        ([OUT_OF_MODEL], {}, Verdict.OUT_OF_MODEL),
        ([OUT_OF_MODEL], {"pool_limited": False}, Verdict.DIFFERS),
        ([OUT_OF_MODEL], {"name": "other"}, Verdict.DIFFERS),
        ([OUT_OF_MODEL | {"pool_limited": False}], {"pool_limited": False}, Verdict.OUT_OF_MODEL),
        ([], {}, Verdict.DIFFERS),
    ],
)
def test_what_is_out_of_the_model_is_declared(
    tmp_path: Path, out_of_model: Lines, header: dict[str, Any], verdict: Verdict
) -> None:
    path = tmp_path / "declared.json"
    path.write_text(json.dumps({"differences": [], "out_of_model": out_of_model}), encoding="utf-8")
    content = lines()
    content[0] |= {"name": "oom_x", "pool_limited": True} | header
    content[2]["ret"] = "0x0"
    result = judge(load(write(tmp_path, content)), load_declared(path))
    assert result.verdict is verdict
    assert result.first is not None
    assert (result.first.step, result.first.field) == (1, "ret")


def test_declared_rules_name_a_deviation_and_a_reason() -> None:
    sections = re.findall(r"^## (\d+)\. ", (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8"), re.MULTILINE)
    data = json.loads(DECLARED.read_text(encoding="utf-8"))
    assert data.keys() == {"format", "differences", "out_of_model"}
    for rule in data["differences"] + data["out_of_model"]:
        assert str(rule["deviation"]) in sections
        assert rule["reason"]
        assert rule.keys() <= {"scenario", "field", "pool_limited", "deviation", "reason"}
    assert all("field" in rule for rule in data["differences"])


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        (0, {"kind": "step"}, ":1: the first line is not a header"),
        (0, {"format": 2}, ":1: the format is not 1"),
        (0, {"rev": "r3"}, ":1: the revision is not r4"),
        (0, {"pcpus": True}, ":1: 'pcpus' is not a number below 9"),
        (0, {"pcpus": 3}, ":1: VM 0 has too few vCPUs"),
        (0, {"vms": []}, ":1: VM 0 has too few vCPUs"),
        (0, {"vms": 3}, ":1: 'vms' is not a list"),
        (0, {"vms": [{"id": 1, "vcpus": 2, "on": []}]}, ":1: the ids of the VMs are not in order"),
        (0, {"vms": [{"id": 0, "vcpus": 2, "on": [2]}]}, ":1: 'on' names no vCPU"),
        (0, {"regions": [3]}, ":1: a region is not an object"),
        (0, {"regions": [{"vm": 0, "begin": "0x1", "pages": 1, "mode": 7}]}, ":1: a region is not made of"),
        (0, {"tracked": ["5"]}, ":1: '5' is not a hexadecimal string"),
        (0, {"tracked": ["0xg"]}, ":1: '0xg' is not a hexadecimal string"),
        (0, {"tracked": ["0x" + "f" * 17]}, " has more than 64 bits"),
        (0, {"init": []}, ":1: 'init' is not an object"),
        (0, {"init": {}}, ":1: no 'pool'"),
        (0, {"steps": 38}, ":38: the file ends after 37 of 38 steps"),
        (0, {"steps": -1}, ":1: 'steps' is not a number"),
        (1, {"n": 1}, ":2: the number of the step is not 0"),
        (1, {"op": "sleep"}, ":2: unknown step 'sleep'"),
        (1, {"d": {"vm.9.mbox": 0}}, ":2: 'd' has a key that 'init' does not have"),
        (1, {"pcpu": 2}, ":2: 'pcpu' is not a number below 2"),
        (1, {"args": ["0x0"]}, ":2: 'args' does not have three registers"),
        (1, {"call": "vm_die"}, ":2: unknown call 'vm_die' without 'x0'"),
        (1, {"next": "2.0"}, ":2: no vCPU '2.0'"),
        (1, {"next": "0"}, ":2: no vCPU '0'"),
        (1, {"next": "9" * 5000 + ".0"}, ":2: no vCPU '999"),
        (11, {"len": 1 << 24}, ":12: 'len' is not a number"),
        (11, {"addr": hex(1 << 41)}, ":12: 'fill' goes beyond the table"),
        (17, {"enable": 2}, ":18: 'enable' is neither true nor false"),
        (0, {"name": 5}, ":1: 'name' is not a string"),
        (0, {"pool_limited": "no"}, ":1: 'pool_limited' is neither true nor false"),
        (0, {"tracked": ["0x1_0"]}, ":1: '0x1_0' is not a hexadecimal string"),
        (1, {"next": 1.0}, ":2: no vCPU 1.0"),
        (1, {"spins": 2}, ":2: 'spins' is neither true nor false"),
    ],
)
def test_a_file_that_is_no_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: int, change: dict[str, Any], told: str
) -> None:
    content = lines()
    content[line] |= change
    assert main([str(write(tmp_path, content))]) == 2
    caught = capsys.readouterr()
    assert told in caught.err
    assert "1 cannot be read" in caught.out


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.jsonl", b"", ":1: the file is empty"),
        ("x.jsonl", b"{", ":1: the line is not JSON"),
        ("x.jsonl", b"[" * 100000, ":1: the line is not JSON"),
        ("x.jsonl", b"1" * 5000, ":1: the line is not JSON"),
        ("x.jsonl", b"[]", ":1: the line is not an object"),
        ("x.jsonl", b"\xff\xfe", ":1: cannot be read"),
        ("x.jsonl.gz", b"no", ":1: cannot be read"),
        ("x.jsonl.gz", gzip.compress(b"x" * 100, mtime=0)[:-9], ":1: cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(TraceError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{told}")


def test_a_wrong_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = tmp_path / "gone.jsonl"
    wrong = {
        (): "the following arguments are required: PATH",
        (str(gone),): f"no such file or folder: {gone}",
        (str(KEPT), str(tmp_path / "gone")): f"no such file or folder: {tmp_path / 'gone'}",
        (str(tmp_path),): f"no scenario in {tmp_path}",
        (str(KEPT), str(tmp_path)): f"no scenario in {tmp_path}",
        ("--fast", str(KEPT)): "unrecognized arguments: --fast",
    }
    for arguments, told in wrong.items():
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.endswith(f"error: {told}\n")


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"gone.jsonl:1: cannot be read"):
        load(tmp_path / "gone.jsonl")


def test_a_folder_with_the_name_of_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.jsonl").mkdir()
    write(tmp_path / "old.jsonl", lines())
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("1 scenarios, 37 steps: 1 agree, ")


def test_one_file_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = lines()
    content[0]["name"] = "x"
    content[1]["ret"] = "0x5"
    write(tmp_path, content)
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 100)[:-9])
    assert main([str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert f"{tmp_path / 'broken.jsonl.gz'}:1: " in output.err
    assert "x: step 0: ret: expected 0x5, actual 0x0\n2 scenarios, 37 steps: " in output.out
    assert output.out.endswith("1 differ, 1 cannot be read\n")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_garbage_in_a_file_is_told_and_nothing_else(data: st.DataObject, tmp_path_factory: Any) -> None:
    content = lines()
    line = data.draw(st.sampled_from(content))
    key = data.draw(st.sampled_from(sorted(line)))
    junk = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
    line[key] = data.draw(junk | st.dictionaries(st.text(max_size=3), junk, max_size=2))
    path = write(tmp_path_factory.mktemp("junk"), content)
    try:
        scenario = load(path)
    except TraceError as error:
        told = str(error)
    else:
        told = f"{path}: {judge(scenario, load_declared()).verdict}"
    assert told.startswith(str(path))


def test_modes_that_mean_nothing_to_a_vm_are_the_same() -> None:
    assert same("page.0.s2", [0x30, 7], [0x70, 7])
    assert not same("page.0.s2", [0x30, 7], [0x70, 3])
    assert not same("page.0.s2", [0x30], [0x70, 7])
    assert not same("page.0.s1", 0x30, 0x70)


def test_a_fault_of_the_primary_never_returns(tmp_path: Path) -> None:
    content = lines()
    fault = {"n": 0, "op": "page_fault", "pcpu": 0, "addr": "0x0", "mode": 1, "size": 8, "d": {}}
    content = [content[0] | {"steps": 1}, fault | {"resumed": None, "next": None, "spins": True}]
    assert main([str(write(tmp_path, content))]) == 0


def test_stage_2_has_no_device_memory(tmp_path: Path) -> None:
    content = lines()
    content[0]["regions"][0]["mode"] |= 8
    assert main([str(write(tmp_path, content))]) == 0
