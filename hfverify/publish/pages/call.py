"""The page of one call: everything that whoever makes it, or proves something about it, wants to know.

Reads   publish.facts.Facts, the ledger
Gives   call_page; call_body, which is what it says at any revision
Refuses nothing
"""

from __future__ import annotations

from hfverify.abi.example import example
from hfverify.model.program import Call
from hfverify.publish.charts import Chart
from hfverify.publish.drawing.lanes import lanes
from hfverify.publish.drawing.svg import picture
from hfverify.publish.facts import Facts
from hfverify.publish.marks import mark
from hfverify.publish.pages.cases import cards, results, unchanged
from hfverify.publish.pages.evidence import assumptions, evidence
from hfverify.publish.pages.history import history
from hfverify.publish.pages.interface import interface
from hfverify.publish.pages.locking import locking
from hfverify.publish.prose import inline, linked, one_line, prose, spec, where
from hfverify.publish.rst import Lines, bullets, code, directive, escaped, fields, literal, title
from hfverify.publish.subject import Subject


def call_page(subject: Subject, folder: str, call: Call, facts: Facts, charts: list[Chart]) -> Lines:
    """All sections; a function of the proof files has those that it needs."""
    # Functions are found from the calls that use them, and are no entries of the navigation.
    found = [":orphan:", ""] if call.is_function else []
    found += title(call.name) + directive("hf:call", call.name) + call_body(subject, call, facts)
    found += _examples(subject, folder, call, charts)
    found += assumptions(subject, folder, call)
    return found + evidence(subject, subject.entries(call.name)) + _see_also(subject, call, facts)


def call_body(subject: Subject, call: Call, facts: Facts) -> Lines:
    """What the specification says of it, at whatever revision."""
    found = prose(subject, subject.doc(call.name)) + _facts(subject, call, facts)
    if call.trusted:
        found += [f"Taken to do what is said of it: {inline(subject, call.trusted)}.", ""]
    found += interface(subject, call) if not call.is_function else []
    if call.givens:
        found += _givens(subject, call)
    found += results(subject, call) + cards(subject, call, facts) + unchanged(subject, call, facts)
    found += locking(subject, call)
    return found if call.is_function else found + history(subject, call)


def _facts(subject: Subject, call: Call, facts: Facts) -> Lines:
    """What fits on one line each."""
    entries = subject.entries(call.name)
    proved = sum(entry.status.name == "PROVED" for entry in entries.values())
    of = f"{proved} of {len(entries)} obligations proved at the last run"
    number = f":code:`{call.number.value:#x}` {literal(call.number.name)}" if call.number else ""
    behaviour = ["may switch away" if call.has_next else "goes on with the caller"]
    behaviour.append("waits" if call.awaits else "never waits")
    places = [call.name_span, *([] if subject.as_of else [subject.place(call.impl.target, call.impl.span)])]
    pairs = [
        ("number", [number]),
        ("kind", [escaped(call.kind) + (f", runs for :code:`{call.actor}`" if call.actor else "")]),
        ("evidence", [] if subject.as_of else [f"{mark(entries.values())} · {of}"]),
        ("behaviour", [] if call.is_function else [" · ".join(behaviour)]),
        ("source", [" · ".join(map(where, places))]),
    ]
    return directive("rst-class", "hf-facts") + fields(pairs)


def _givens(subject: Subject, call: Call) -> Lines:
    items = []
    for given in call.givens:
        said = inline(subject, " ".join(given.doc.split()))
        items.append(f"{spec(one_line(subject, given.value.span))} {said}".rstrip())
    return [*title("Given", "-"), "Whoever makes the call sees to it that this holds:", "", *bullets(items)]


def _examples(subject: Subject, folder: str, call: Call, charts: list[Chart]) -> Lines:
    """How a program makes it, the scenarios of the specification, and the run that shows the call first."""
    abi = subject.abi
    made = next((item for item in abi.calls if item.name == call.name), None) if abi is not None else None
    found = code("\n".join(example(abi, made)), "c") if abi is not None and abi.convention and made is not None else []
    for scenario in subject.program.scenarios.values():
        if any(step.call == call.name for step in scenario.steps):
            steps = [f":hf:call:`{step.call}` → :hf:case:`~{step.call}.{step.case}`" for step in scenario.steps]
            name = f"spec.{scenario.name}.scenario"
            entry = subject.ledger.entries.get(name)
            found += [f"{literal(scenario.name)} {mark([entry] if entry else [])}: {', then '.join(steps)}.", ""]
    shown = next((chart for chart in charts if chart.shows(call.name)), None)
    if shown is not None:
        found += [f"{escaped(shown.title)}, as it ran (:doc:`more runs </{folder}/charts>`):", ""]
        found += picture(*lanes(shown.around(call.name)), f"{shown.title}: the steps around {call.name}")
    return title("Example", "-") + found if found else []


def _see_also(subject: Subject, call: Call, facts: Facts) -> Lines:
    """Calls that its text names, and those that change what it reads."""
    named = [part for part in subject.doc(call.name).split("`")[1::2] if part in subject.program.calls]
    links = [linked(subject, name) for name in dict.fromkeys(named) if name != call.name]
    links += [f":hf:cell:`{name}`" for name in list(facts.reads)[:6]]
    return [*title("See also", "-"), " · ".join(links), ""] if links else []
