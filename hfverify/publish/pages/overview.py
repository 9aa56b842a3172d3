"""The front page of what is generated.

Reads   the subject as a whole
Gives   index_page
Refuses nothing
"""

from __future__ import annotations

from hfverify.publish.marks import MARKS, mark
from hfverify.publish.pages.indexes import PLURALS, numbers_table, published
from hfverify.publish.rst import Lines, bullets, directive, escaped, literal, title
from hfverify.publish.subject import Subject
from hfverify.report.table import COLUMN_OF, COLUMNS

WAYS = {
    "numbers": "Calls by number",
    "names": "Calls by name",
    "groups": "Calls by group",
    "callers": "Calls by caller",
    "results": "Calls by result",
    "revisions": "Revisions",
}
STATE = {
    "locks": "Locks",
    "cells": "Cells",
    "machines": "State machines",
    "ownership": "Ownership",
    "maps": "Maps",
    "types": "Types and encodings",
    "definitions": "Definitions",
}
TRUST = {"proofs": "Proofs", "parts": "Proofs of the parts", "assumptions": "Assumptions", "diagnostics": "Diagnostics"}


def index_page(subject: Subject, *, charts: bool) -> Lines:
    """Numbers, the table by number, and where everything else is."""
    program = subject.program
    found = title("Reference")
    entries = subject.ledger.entries.values()
    counts = dict.fromkeys(COLUMNS, 0)
    for entry in entries:
        counts[COLUMN_OF[entry.status]] += 1
    shown = " · ".join(f"{count} {column}" for column, count in counts.items() if count)
    kinds: dict[str, int] = {}
    for call in sorted(published(subject), key=lambda call: call.number is None):
        kinds[call.kind] = kinds.get(call.kind, 0) + 1
    calls = ", ".join(f"{count} {PLURALS.get(kind, kind).lower()}" for kind, count in kinds.items())
    revision = f"Revision {literal(program.revision)}. " if program.revisions else ""
    found += [f"{revision}{escaped(calls[:1].upper() + calls[1:])}.", ""]
    found += [f"{mark(entries)} {len(entries)} obligations: {shown} at the last run. :doc:`The proofs <proofs>`", ""]
    numbers = numbers_table(subject)
    found += title("Calls by number", "-") + numbers if numbers else []
    found += title("What the marks mean", "-")
    found += bullets(f":hf:legend:`{key}`: {item.meaning}" for key, item in MARKS.items())
    ways = [f"{way} <{page}>" for page, way in WAYS.items()]
    state = [f"{name} <{page}>" for page, name in STATE.items()]
    trust = [f"{name} <{page}>" for page, name in TRUST.items()]
    runs = ["Runs <charts>"] if charts else []
    groups = [("Find a call", ways), ("State", [*state, *runs]), ("How sure we are", trust)]
    for caption, lines in groups:
        found += directive("toctree", "", lines, caption=caption, maxdepth="1", hidden="")
    return found
