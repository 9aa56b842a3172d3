"""A program is read again only if its files, its revision or the tool changed, or if what was kept is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from hfverify import program
from hfverify.config import Config, load_config
from hfverify.diagnostics import Rejected
from hfverify.model.load import load_program, program_from
from hfverify.program import program_of

SPEC = "module m\nconst MOST : u32 = 9\nsize count : u32\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("spec", "impl", "proofs"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.hfverify]\n")
    (tmp_path / "spec" / "m.hfs").write_text(SPEC)
    return load_config(tmp_path)


def reads(config: Config, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the files are parsed; what comes out is the same."""
    parsed: list[str] = []

    def make(*given: object) -> object:
        parsed.append("")
        return program_from(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(program, "program_from", make)
        assert program_of(config) == load_program(config.folders, config.revision)
    return bool(parsed)


def test_what_did_not_change_is_not_parsed_again(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads(config, monkeypatch)
    assert not reads(config, monkeypatch)


def test_what_changed_is(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(config, monkeypatch)
    (config.folders.spec / "m.hfs").write_text(SPEC.replace("9", "8"))
    assert reads(config, monkeypatch)
    (config.folders.proofs / "p.hfp").write_text("module proofs\nimport m\n")
    assert reads(config, monkeypatch)
    (config.folders.spec / "m.hfs").rename(config.folders.spec / "other.hfs")
    assert reads(config, monkeypatch)
    assert not reads(config, monkeypatch)
    monkeypatch.setattr(program, "tool_hash", lambda: "another tool")
    assert reads(config, monkeypatch)


@pytest.mark.parametrize("place", [0, 30, 80, -1])
def test_what_is_damaged_is_read_again(place: int, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(config, monkeypatch)
    path = config.state / "program"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))
    assert reads(config, monkeypatch)
    path.write_bytes(bytes(data[:40]))
    assert reads(config, monkeypatch)
    assert [item.name for item in config.state.iterdir()] == ["program"]


def test_what_is_kept_is_what_was_read(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes while it is read, and is then as it was before, is not taken for what it was meanwhile."""
    path, now = config.folders.spec / "m.hfs", SPEC.replace("9", "8")

    def saved_meanwhile(*given: object) -> object:
        path.write_text(now)
        return program_from(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(program, "program_from", saved_meanwhile)
        program_of(config)
    path.write_text(SPEC)
    assert program_of(config) == load_program(config.folders, config.revision)


def test_where_nothing_can_be_kept_all_is_read(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    config.state.write_text("a file where a folder should be")
    assert reads(config, monkeypatch)
    assert reads(config, monkeypatch)


def test_a_file_that_cannot_be_read_is_said(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(config, monkeypatch)
    (config.folders.spec / "m.hfs").write_bytes(b"\xff\xfe")
    with pytest.raises(Rejected, match="HF100"):
        program_of(config)
