"""Types with names, layouts of registers, definitions, and the codes of diagnostics.

Reads   model.program.Program, diagnostics.CODES
Gives   types_page, definitions_page, codes_page
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import CODES
from hfverify.model.program import Actor
from hfverify.publish.prose import excerpt, inline, one_line, prose, spec, where
from hfverify.publish.rst import Lines, code, directive, escaped, fields, literal, table, title
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


def definitions_page(subject: Subject) -> Lines:
    """Who takes part, and every function, abbreviation and action that calls use."""
    program = subject.program
    found = title("Definitions")
    found += title("Who takes part", "-") if program.actors or program.thread else []
    if program.thread is not None:
        found += _declared(subject, program.thread, program.thread.facts)
    for actor in program.actors.values():
        item = subject.declared[actor.name]
        found += _declared(subject, item, actor.facts, _part(subject, actor))
    for heading, kind in (("Abbreviations", tree.Let), ("Functions", tree.Pure), ("Actions", tree.Action)):
        items = [d for m in program.modules for d in m.declarations if isinstance(d, kind)]
        found += title(heading, "-") if items else []
        for item in items:
            found += _declared(subject, item, ())
    return found


def _part(subject: Subject, actor: Actor) -> Lines:
    """When an object plays a part: from which cases on, for which calls, until which cases."""
    calls = [call for call in subject.program.calls.values() if not call.is_function]
    source = actor.formerly or actor.name
    passed = [f":hf:case:`{c.name}.{o.name}`" for c in calls if c.actor == source for o in c.outcomes if o.next]
    ended = [f":hf:case:`{c.name}.{o.name}`" for c in calls if c.actor == actor.name for o in c.outcomes if o.ends]
    begins = "left by" if actor.formerly else "passed on by"
    runs = " · ".join(f":hf:call:`{call.name}`" for call in calls if call.actor == actor.name)
    return fields([("runs", [runs]), (begins, [" · ".join(passed)]), ("ended by", [" · ".join(ended)])])


def _declared(
    subject: Subject, item: tree.Declaration, facts: tuple[tree.Fact, ...], more: Sequence[str] = ()
) -> Lines:
    content = prose(subject, item.doc) if item.doc else []
    content += code(excerpt(subject, item.span)) if not facts else []
    rows = [(literal(f.name), spec(one_line(subject, f.value.span)), inline(subject, f.doc)) for f in facts]
    content += [*table(("fact", "holds", ""), rows, "hf-index"), *more]
    return directive("hf:definition", item.name, content or ["–"], head=where(item.name_span))


def codes_page() -> Lines:
    """Every code that the tool reports."""
    found = title("Diagnostics")
    found += ["Every message of the tool has one of these codes.", ""]
    for phase, heading in PHASES.items():
        found += title(heading, "-")
        for number, text in sorted(CODES.items()):
            if number.startswith(f"HF{phase}"):
                shown = f":hf:example:`meaning and example <{number}>`"
                found += directive("hf:code", number, [], head=f"{escaped(text)} {shown}")
    return found
