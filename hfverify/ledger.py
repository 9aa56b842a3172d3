"""The committed result of the last full run.

Reads   proofs/ledger.json
Gives   the ledger's entries, and how they differ from a run
Refuses a damaged ledger, one of another schema, and a file that cannot be written (LedgerError)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hfverify
from hfverify.verdict import Evidence, Status, Verdict

SCHEMA = 2


class LedgerError(Exception):
    """The ledger cannot be used."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One obligation: its status, the solver steps it took, its group, and what it is worth if it was tested."""

    status: Status
    steps: int
    group: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """`inputs` is the hash of everything the run read; `trusted` names what was taken for granted."""

    revision: str
    inputs: str
    tool: str
    trusted: tuple[str, ...]
    entries: dict[str, Entry]


def save(path: Path, revision: str, inputs: str, trusted: Sequence[str], verdicts: Sequence[Verdict]) -> None:
    """Write the ledger, if it would change; whoever is interrupted finds the old one."""
    data = {
        "schema": SCHEMA,
        "tool": hfverify.__version__,
        "revision": revision,
        "inputs": inputs,
        "trusted": list(trusted),
        "obligations": {
            v.obligation.name: {
                "status": v.status.name,
                "steps": v.steps,
                "group": v.obligation.group,
                **({"evidence": asdict(v.evidence)} if v.evidence is not None else {}),
            }
            for v in verdicts
        },
    }
    text = json.dumps(data, indent=1) + "\n"
    new = path.with_name(path.name + ".new")
    try:
        if not path.exists() or path.read_bytes() != text.encode():
            new.write_text(text, "utf-8")
            new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise LedgerError(f"the ledger {path} cannot be written ({error.strerror})") from error


def load(path: Path) -> Ledger:
    """Read the ledger."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise LedgerError(f"there is no ledger {path}; `hfverify verify` writes it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise LedgerError(f"the ledger {path} is damaged ({error}); run `hfverify verify` to write it anew") from error
    try:
        if data["schema"] != SCHEMA:
            found = data["schema"]
            help_ = "run `hfverify verify` to write it anew"
            raise LedgerError(f"the ledger {path} has schema {found}, this tool writes {SCHEMA}; {help_}")
        entries = {
            name: Entry(Status[item["status"]], int(item["steps"]), str(item["group"]), _evidence(item))
            for name, item in data["obligations"].items()
        }
        trusted = tuple(str(name) for name in data["trusted"])
        return Ledger(str(data["revision"]), str(data["inputs"]), str(data["tool"]), trusted, entries)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LedgerError(
            f"the ledger {path} is damaged ({error!r}); run `hfverify verify` to write it anew"
        ) from error


def _evidence(item: dict[str, Any]) -> Evidence | None:
    found = item.get("evidence")
    if found is None:
        return None
    ways = tuple((str(label), int(count)) for label, count in found["ways"])
    return Evidence(int(found["examples"]), ways, int(found["schedules"]), int(found["seed"]))


def differences(ledger: Ledger, revision: str, inputs: str, verdicts: Sequence[Verdict]) -> list[str]:
    """How a run differs from the ledger, one line each."""
    found: list[str] = []
    if ledger.revision != revision:
        found.append(f"the ledger is for revision {ledger.revision}, the run for {revision}")
    if ledger.inputs != inputs:
        found.append("the specification, the implementation or the proof files changed since the ledger was written")
    now = {v.obligation.name: v for v in verdicts}
    for name in sorted(now.keys() | ledger.entries.keys()):
        if name not in ledger.entries:
            found.append(f"{name} is not in the ledger")
        elif name not in now:
            found.append(f"{name} is in the ledger, but is not an obligation any more")
        elif now[name].status is not ledger.entries[name].status:
            found.append(f"{name} is {now[name].status.name}, the ledger says {ledger.entries[name].status.name}")
        elif now[name].evidence != ledger.entries[name].evidence:
            told = (_worth(evidence) for evidence in (now[name].evidence, ledger.entries[name].evidence))
            found.append("{} is tested by {}, the ledger says {}".format(name, *told))
    return found


def _worth(evidence: Evidence | None) -> str:
    """What tests are worth, in words in which any difference shows."""
    if evidence is None:
        return "nothing"
    ways = ", ".join(f"{count} by {label}" for label, count in evidence.ways)
    return f"{evidence.examples} examples ({ways}), {evidence.schedules} schedules, seed {evidence.seed}"
