"""Types with names, layouts of registers, and the codes of diagnostics.

Reads   model.program.Program, diagnostics.CODES
Gives   types_page, codes_page
Refuses nothing
"""

from __future__ import annotations

from hfverify.diagnostics import CODES
from hfverify.publish.prose import inline, one_line, prose, spec, where
from hfverify.publish.rst import Lines, directive, escaped, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

PHASES = {
    "1": "Reading files",
    "2": "Names, types and revisions",
    "3": "The specification by itself",
    "4": "The supported subset of Python",
    "5": "What the code does",
    "6": "What is not decided",
    "7": "Locks",
}


def types_page(subject: Subject) -> Lines:
    """Enumerations, encodings with their bits, constants and sizes."""
    declarations = [d for module in subject.program.modules for d in module.declarations]
    found = title("Types and encodings")
    encodings = [d for d in declarations if isinstance(d, tree.Encoding)]
    enums = [d for d in declarations if isinstance(d, tree.Enum)]
    if encodings:
        found += title("Encodings", "-")
        for encoding in encodings:
            found += directive("hf:type", encoding.name, _encoding(subject, encoding), head=where(encoding.name_span))
    if enums:
        found += title("Enumerations", "-")
        for enum in enums:
            found += directive("hf:type", enum.name, _enum(subject, enum), head=where(enum.name_span))
    rows = [
        (literal(d.name), spec(one_line(subject, d.type.span)), inline(subject, " ".join(d.doc.split())))
        for d in declarations
        if isinstance(d, tree.TypeAlias)
    ]
    found += title("Names of types", "-") + table(("name", "type", "what it is"), rows, "hf-index") if rows else []
    rows = [
        (literal(d.name), spec(one_line(subject, d.value.span)), inline(subject, " ".join(d.doc.split())))
        for d in declarations
        if isinstance(d, tree.Const)
    ]
    return found + (title("Constants", "-") + table(("name", "value", "what it is"), rows, "hf-index") if rows else [])


def _encoding(subject: Subject, item: tree.Encoding) -> Lines:
    text = f"A number of type {literal(one_line(subject, item.type.span))}"
    tag = f"; bits {item.tag[0]} … {item.tag[1]} say which of these it is" if item.tag else ""
    rows = []
    for variant in item.variants:
        parts = []
        for field in variant.fields:
            cut = ", cut to fit" if field.truncated else ""
            parts.append(f"{literal(field.name)} in bits {field.low} … {field.high}{cut}")
        value = literal(str(variant.tag)) if variant.tag is not None else "–"
        rows.append(
            (value, literal(variant.name), "; ".join(parts) or "–", inline(subject, " ".join(variant.doc.split())))
        )
    return [*prose(subject, item.doc), f"{text}{tag}.", "", *table(("tag", "name", "holds", "means"), rows, "hf-index")]


def _enum(subject: Subject, item: tree.Enum) -> Lines:
    enum = subject.program.enums[item.name]
    said = {part.name: " ".join(part.doc.split()) for part in item.items}
    rows = [(literal(str(value)), literal(name), inline(subject, said.get(name, ""))) for name, value in enum.items]
    return [*prose(subject, item.doc), *table(("value", "name", "means"), rows, "hf-index")]


def codes_page() -> Lines:
    """Every code that the tool reports."""
    found = title("Diagnostics")
    found += ["Every message of the tool has one of these codes.", ""]
    for phase, heading in PHASES.items():
        found += title(heading, "-")
        for code, text in sorted(CODES.items()):
            if code.startswith(f"HF{phase}"):
                found += directive("hf:code", code, [], head=escaped(text))
    return found
