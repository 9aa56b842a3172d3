"""Maps: which calls write which values into them, under which conditions, and what must be there before.

Reads   the facts of all calls, the cells that are maps
Gives   maps_page
Refuses nothing; a map that no case writes has no section
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.program import Call, Cell, Outcome, Program
from hfverify.model.types import MapType
from hfverify.publish.allowed import allowed, uses
from hfverify.publish.charts import Chart, Event
from hfverify.publish.drawing.lanes import lanes
from hfverify.publish.drawing.svg import picture
from hfverify.publish.facts import Facts, cell_of, local_types
from hfverify.publish.normal import Names, names_of, normal
from hfverify.publish.packed import shown
from hfverify.publish.pages.cases import definition_link
from hfverify.publish.pages.state import discipline
from hfverify.publish.prose import inline, one_line, prose, sentence, spec
from hfverify.publish.rst import Lines, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

FILL = "fill"
OTHERWISE = "otherwise"
# From one to another.
BOTH = 2


@dataclass(frozen=True, slots=True)
class Written:
    """One value that a case writes: where, from which place up to which, and if which condition holds."""

    place: str
    object: str
    range: str
    condition: str
    value: str


def maps_page(subject: Subject, facts: Mapping[str, Facts]) -> Lines:
    """One section for each map that calls write."""
    found = title("Maps")
    found += ["A map has a value for every number, such as one for each page of memory. Here are the values that calls",
              "write, and what a call asks of a map before it writes.", ""]  # fmt: skip
    sections: Lines = []
    for cell in subject.program.cells():
        if isinstance(cell.type, MapType):
            sections += _section(subject, cell, facts)
    return found + (sections or ["No case says outright what it writes into a map.", ""])


def _section(subject: Subject, cell: Cell, facts: Mapping[str, Facts]) -> Lines:
    parts: Lines = []
    values: dict[str, int] = {}
    for item in facts.values():
        for outcome in item.call.outcomes:
            written = list(_written(subject, item.call, outcome, cell, values))
            if written:
                parts += _case(subject, item.call, outcome, cell, written)
    if not parts:
        return []
    initial = f", at first {spec(one_line(subject, cell.initial.span))}" if cell.initial else ""
    found = title(cell.name, "-")
    found += [
        f":hf:cell:`{cell.name}` is a {literal(str(cell.type))}{initial}; touched {discipline(subject, cell)}.",
        "",
    ]
    consts = [
        (name, constant_value(subject.program, tree.Name(value.span, name), ()))
        for name, (_, value) in subject.program.consts.items()
    ]
    known = [
        (literal(name), literal(shown_(number)), inline(subject, " ".join(subject.doc(name).split())))
        for name, number in consts
        if name in values and number is not None
    ]
    modules = [m for m in subject.program.modules if any(d.name in values for d in m.declarations)]
    for module in modules if known else ():
        found += prose(subject, module.doc)
    found += table(("value", "number", "what it is"), known, "hf-index")
    return found + parts


def shown_(number: int) -> str:
    """A number as registers show it."""
    return shown(number) if number >= 0 else str(number)


def _case(subject: Subject, call: Call, outcome: Outcome, cell: Cell, written: Sequence[Written]) -> Lines:
    """What one case writes: a column for each object, a row for each condition."""
    found = title(f"{call.name}.{outcome.name}", "~")
    said = inline(subject, sentence(subject.said(outcome)))
    found += [f":hf:case:`{call.name}.{outcome.name}`{f': {said}' if said else ''}", ""]
    asked = list(_asked(subject, call, outcome, cell))
    if asked:
        found += ["Before, this holds:", ""]
        found += table(("", "of the map", "with"), asked, "hf-index")
    found += _allowed(subject, call, outcome, cell)
    places = list(dict.fromkeys((item.place, item.object, item.range) for item in written))
    rows = []
    for condition in dict.fromkeys(item.condition for item in written):
        cells = []
        for place in places:
            here = [
                item.value
                for item in written
                if (item.place, item.object, item.range) == place and item.condition in ("", condition)
            ]
            cells.append(", ".join(spec(value) for value in here) or "as it was")
        rows.append((_when(condition), *cells))
    if len(rows) > 1:
        rows = [row for row in rows if row[0] != "always"]
    heads = [
        f"{spec(place)} {literal(object_)}: {spec(range_)}" if range_ else spec(place)
        for place, object_, range_ in places
    ]
    found += ["Afterwards:", "", *_picture(f"{call.name}.{outcome.name}", written)]
    return [*found, *table(("when", *heads), rows, "hf-index")]


def _allowed(subject: Subject, call: Call, outcome: Outcome, cell: Cell) -> Lines:
    """What these conditions allow of a value of the map, bit by bit."""
    program = subject.program
    passed = [o.condition for o in call.outcomes if o.is_reject or o.name == outcome.name]
    found: Lines = []
    for name, parameter in dict.fromkeys(use for condition in passed for use in uses(program, condition, cell)):
        rows = allowed(program, name, parameter)
        if rows is not None and rows.rows:
            found += [f":hf:definition:`{name}` allows these values, and no others:", ""]
            found += table([literal(axis.name) for axis in rows.axes], rows.rows, "hf-allowed")
    return found


def _when(condition: str) -> str:
    return spec(condition) if condition not in ("", OTHERWISE) else condition or "always"


def _picture(title_: str, written: Sequence[Written]) -> Lines:
    """What two objects have afterwards, if that depends on how the call is made."""
    objects = tuple(dict.fromkeys(item.object for item in written))
    conditions = [text for text in dict.fromkeys(item.condition for item in written) if text]
    if len(objects) != BOTH or not conditions:
        return []
    chart = Chart(title_, objects)
    for condition in conditions:
        chart.events.append(Event(objects[0], objects[1], condition, condition))
        for item in (item for item in written if item.condition in ("", condition)):
            chart.events.append(Event(item.object, item.object, item.value, ""))
    return picture(*lanes(chart), f"{title_}: what each of them has afterwards")


def _asked(subject: Subject, call: Call, outcome: Outcome, cell: Cell) -> Iterator[tuple[str, str, str]]:
    """The conditions that speak of the map: those of the rejects that were passed, and the case's own."""
    for other in call.outcomes:
        if other.name == outcome.name or other.is_reject:
            text = one_line(subject, other.condition.span)
            local = local_types(subject, call)
            names = [node.text for node in walk(other.condition) if isinstance(node, tree.Name)]
            of_state = any(str(local.get(name, "")) == cell.state for name in names)
            lets = [name for name in names if name in subject.program.lets]
            of_state |= any(
                str(subject.typer.type_of(subject.program.lets[name].value, {})) == cell.state for name in lets
            )
            used = [definition_link(subject, n) for n in dict.fromkeys(names) if n in subject.program.pures]
            if of_state:
                yield f":hf:case:`~{call.name}.{other.name}`", spec(text), ", ".join(used)
        if other.name == outcome.name:
            return


def _written(subject: Subject, call: Call, outcome: Outcome, cell: Cell, values: dict[str, int]) -> Iterator[Written]:
    """Every value; `values` notes the constants in them."""
    local, names = local_types(subject, call), names_of(subject.program, call)
    for update in (*outcome.effects, *outcome.later):
        if not isinstance(update, tree.Update) or cell_of(subject, update.place, local) is not cell:
            continue
        place = one_line(subject, update.place.span)
        object_ = normal(update.place, names).removesuffix(f".{cell.path}")
        for first, last, value in _fills(update.value):
            range_ = f"{one_line(subject, first.span)} .. {one_line(subject, last.span)}"
            for condition, chosen in _branches(subject.program, value, names):
                for node in walk(chosen):
                    if isinstance(node, tree.Name) and node.text in subject.program.consts:
                        values[node.text] = 1
                yield Written(place, object_, range_, condition, one_line(subject, chosen.span))


def _fills(expr: tree.Expr) -> Iterator[tuple[tree.Expr, tree.Expr, tree.Expr]]:
    """From, up to, and the value, the innermost first."""
    match expr:
        case tree.Apply(_, tree.Name(_, text), (base, first, last, value), _) if text == FILL:
            yield from _fills(base)
            yield first, last, value


def _branches(program: Program, expr: tree.Expr, names: Names) -> Iterator[tuple[str, tree.Expr]]:
    """What the value is under which condition; a definition is looked into."""
    match expr:
        case tree.Apply(_, tree.Name(_, text), arguments, _) if text in program.pures:
            pure = program.pures[text]
            yield from _branches(program, pure.body, names.of_parameters(pure.parameters, arguments))
        case tree.Conditional(_, condition, then, otherwise):
            text = normal(condition, names).removeprefix("(").removesuffix(")")
            yield from ((_and(text, inner), value) for inner, value in _branches(program, then, names))
            yield from ((inner or OTHERWISE, value) for inner, value in _branches(program, otherwise, names))
        case _:
            yield "", expr


def _and(left: str, right: str) -> str:
    return f"{left} and {right}" if right else left
