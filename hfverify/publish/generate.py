"""All pages of a subject, and how they come into the folder of the documentation.

Reads   publish.subject.Subject, the runs
Gives   pages: the text of each by its name; write, which touches only what changed and removes what is no page any more
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hfverify.publish.charts import Chart
from hfverify.publish.facts import facts_of
from hfverify.publish.listing import page_of
from hfverify.publish.pages import indexes, overview, proofs, records, state
from hfverify.publish.pages.call import call_page
from hfverify.publish.pages.charts import charts_page
from hfverify.publish.pages.machines import machines_page
from hfverify.publish.pages.maps import maps_page
from hfverify.publish.pages.ownership import ownership_page
from hfverify.publish.pages.past import past_pages, with_switch
from hfverify.publish.renamed import moved_pages
from hfverify.publish.rst import Lines, directive, title
from hfverify.publish.subject import Subject

SUFFIX = ".rst"
NOTE = ".. Written from the specification and the ledger by hfverify; every build writes it anew."


def pages(
    subject: Subject,
    folder: str,
    charts: Sequence[Chart],
    *,
    sources: bool = True,
    renamed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Every page, by its name below the folder; with the sources, if links do not lead elsewhere."""
    facts = {name: facts_of(subject, call) for name, call in subject.program.calls.items()}
    runs = list(charts)
    found: dict[str, Lines] = {
        "index": overview.index_page(subject, charts=bool(runs)),
        "numbers": indexes.by_number(subject),
        "names": indexes.by_name(subject),
        "groups": indexes.by_group(subject),
        "callers": indexes.by_caller(subject),
        "results": indexes.by_result(subject),
        "revisions": indexes.revisions(subject),
        "locks": state.locks_page(subject),
        "cells": state.cells_page(subject, folder, facts),
        "machines": machines_page(subject, facts),
        "ownership": ownership_page(subject, facts),
        "maps": maps_page(subject, facts),
        "types": records.types_page(subject),
        "definitions": records.definitions_page(subject),
        "proofs": proofs.dashboard(subject, folder),
        "parts": proofs.parts(subject),
        "assumptions": proofs.assumptions_page(subject),
        "diagnostics": records.codes_page(),
    }
    if runs:
        found["charts"] = charts_page(runs)
    for name, call in subject.program.calls.items():
        found[f"calls/{name}"] = call_page(subject, folder, call, facts[name], runs)
    for name, item in subject.program.states.items():
        found[f"cells/{name}"] = state.state_page(subject, item, facts)
    past = past_pages(subject, folder)
    found = {name: with_switch(lines, past.switches.get(name, ())) for name, lines in found.items()} | past.pages
    found |= moved_pages(renamed or {}, folder)
    texts = {name: _text(_below(directive("hf:banner"), lines)) for name, lines in found.items()}
    # A listing is what it shows: whether that is proved is no matter of its own.
    for file in subject.files() if sources else ():
        texts[page_of(file)] = _text([":orphan:", "", *title(file), *directive("hf:listing", file)])
    return texts


def _below(banner: Lines, lines: Lines) -> Lines:
    """A page with a banner; what is said of the page itself stays first."""
    head = lines.index("") + 1 if lines[0].startswith(":") else 0
    return [*lines[:head], *banner, *lines[head:]]


def _text(lines: Lines) -> str:
    return "\n".join([*lines, NOTE]).rstrip() + "\n"


def write(folder: Path, texts: dict[str, str]) -> list[str]:
    """Bring the folder up to date; the names of the pages that are new or different."""
    changed = []
    for name, text in texts.items():
        path = folder / f"{name}{SUFFIX}"
        if not path.is_file() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(name)
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        name = path.relative_to(folder).as_posix().removesuffix(SUFFIX)
        if name not in texts and path.read_text("utf-8", errors="replace").endswith(f"{NOTE}\n"):
            path.unlink()
    return changed
