"""Exact hits for what a word splitter drops or cuts: numbers, signs, dotted names, codes.

Reads   the domain of a build that ended well, what the pages say of calls
Gives   call_terms, result_terms: what pages have beside the names of objects; write_terms, which writes the script
        `_static/hfverify-terms.js` that the search page loads
Refuses nothing
"""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.application import Sphinx

from hfverify.publish.domain import DECLARED, PAST, domain_of
from hfverify.publish.packed import packed, shown
from hfverify.publish.pages.cases import answered
from hfverify.publish.pages.indexes import answers, published, result_anchor
from hfverify.publish.subject import Subject

FILE = "hfverify-terms.js"
# What is searched for, what is found, of what sort it is, and where: the page and the anchor.
Term = tuple[str, str, str, str, str]


def terms(subject: Subject, folder: str) -> list[Term]:
    """Numbers and constants of calls, and results."""
    found: list[Term] = []
    for call in published(subject):
        if call.number is not None:
            for text in (f"{call.number.value:#x}", str(call.number.value), call.number.name):
                found.append((text, call.name, "call", f"{folder}/calls/{call.name}", call.name))
    for text, rows in answers(subject).items():
        said = f"the result of {len(rows)} case{'s' if len(rows) > 1 else ''}"
        place = (said, f"{folder}/results", result_anchor(text))
        number = packed(subject.program, answered(rows[0].call, rows[0].outcome))
        values = [f"{number:#x}", shown(number)] if number is not None else []
        found += [(value, text, *place) for value in dict.fromkeys((text, *values))]
    return found


def write_terms(app: Sphinx, own: list[Term]) -> None:
    """Everything that has a name, after what was asked for by number or value."""
    index: dict[str, list[tuple[str, str, str]]] = {}

    def add(text: str, shown: str, sort: str, page: str, anchor: str) -> None:
        hit = (shown, sort, f"{app.builder.get_target_uri(page)}#{anchor}")
        hits = index.setdefault(text.lower(), [])
        if hit not in hits:
            hits.append(hit)

    for term in own:
        add(*term)
    for (kind, name), (page, anchor) in sorted(domain_of(app.env).objects.items()):
        if kind != "obligation" and PAST not in name:
            for text in sorted({name, name.rsplit(".", 1)[-1]}):
                add(text, name, DECLARED[kind], page, anchor)
    text = json.dumps(index, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (Path(app.outdir) / "_static" / FILE).write_text(f"window.hfverifyTerms = {text};\n", "utf-8")
