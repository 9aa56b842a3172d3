"""Find the subject: the nearest `pyproject.toml` with a `[tool.hfverify]` table, and what the command line overrides.

Reads   pyproject.toml
Gives   Config
Refuses a missing table, an unknown key, a folder that does not exist (ConfigError)
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from hfverify.model.load import Folders

KEYS = ("spec", "impl", "proofs", "revision")


class ConfigError(Exception):
    """The command line or the configuration is wrong."""


@dataclass(frozen=True, slots=True)
class Config:
    """`custom` is true when a folder was given on the command line, so that the ledger is not touched."""

    folders: Folders
    revision: str
    custom: bool

    @property
    def ledger(self) -> Path:
        """The committed result of the last full run."""
        return self.folders.proofs / "ledger.json"

    @property
    def state(self) -> Path:
        """Where caches and counterexamples are kept; never committed."""
        return self.folders.root / ".hfverify"


def load_config(
    start: Path,
    spec: str | None = None,
    impl: str | None = None,
    proofs: str | None = None,
    revision: str | None = None,
) -> Config:
    """Look upwards from `start`."""
    root, table = _find(start.resolve())
    for key in table:
        if key not in KEYS:
            raise ConfigError(
                f"{root / 'pyproject.toml'}: unknown key `{key}` in [tool.hfverify]; known: {', '.join(KEYS)}"
            )
    found: dict[str, Path] = {}
    for key, given in (("spec", spec), ("impl", impl), ("proofs", proofs)):
        path = Path(given) if given is not None else root / _text(root, table, key, key)
        if given == "":
            raise ConfigError(f"--{key} needs the name of a folder")
        if not path.is_dir():
            what = "is not a folder" if path.is_file() else "does not exist"
            raise ConfigError(
                f"the {key} folder `{given or path}` {what}; give --{key} DIR or set it in [tool.hfverify]"
            )
        found[key] = path.resolve()
    custom = any(given is not None for given in (spec, impl, proofs, revision))
    folders = Folders(root, found["spec"], found["impl"], found["proofs"])
    return Config(folders, revision or _text(root, table, "revision", ""), custom)


def _text(root: Path, table: dict[str, object], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ConfigError(f"{root / 'pyproject.toml'}: `{key}` in [tool.hfverify] must be a string, not {value!r}")
    return value


def _find(start: Path) -> tuple[Path, dict[str, object]]:
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            tools = tomllib.loads(path.read_text("utf-8")).get("tool", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        if not isinstance(tools, dict) or "hfverify" not in tools:
            continue
        if not isinstance(tools["hfverify"], dict):
            raise ConfigError(f"{path}: [tool.hfverify] must be a table")
        return folder, tools["hfverify"]
    raise ConfigError(f"no pyproject.toml with a [tool.hfverify] table in {start} or above it")
