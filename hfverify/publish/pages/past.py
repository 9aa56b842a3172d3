"""What pages say at other revisions, from the same specification, and the switch between them.

Reads   publish.subject.Subject at each revision
Gives   past_pages: the pages that differ from those of the next revision; the switch for each page that has one
Refuses nothing: a call that is not there at a revision has no page there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hfverify.publish.facts import facts_of
from hfverify.publish.pages.call import call_body
from hfverify.publish.pages.indexes import numbers_table, published
from hfverify.publish.rst import Lines, directive, escaped, literal, title
from hfverify.publish.subject import Subject
from hfverify.publish.switch import HERE, NEWEST, NOT_THERE

FOLDER = "as-of"
Body = Callable[[Subject], Lines | None]


@dataclass(slots=True)
class Past:
    """Pages by name, and the switch that stands on each page, these and the newest ones."""

    pages: dict[str, Lines] = field(default_factory=dict)
    switches: dict[str, Lines] = field(default_factory=dict)


def past_pages(subject: Subject, folder: str) -> Past:
    """Of the table of numbers, and of each call that is there at some revision."""
    found = Past()
    if len(subject.program.revisions) < 2:
        return found
    at = {item.name: subject.at(item.name) for item in subject.program.revisions}
    names = sorted({call.name for then in at.values() for call in published(then)})
    _add(found, at, subject, folder, ("numbers", "Calls by number", ""), lambda then: numbers_table(then) or None)
    for name in names:
        _add(found, at, subject, folder, (f"calls/{name}", name, name), _body_of(name))
    return found


def _body_of(name: str) -> Body:
    def body(then: Subject) -> Lines | None:
        call = then.program.calls.get(name)
        return call_body(then, call, facts_of(then, call)) if call else None

    return body


def _add(
    found: Past, at: dict[str, Subject], subject: Subject, folder: str, about: tuple[str, str, str], body: Body
) -> None:
    """Pages of one thing. A revision at which it is as at the next one has that one's page."""
    page, heading, call = about
    chosen = subject.program.revision
    bodies = {revision: body(then) for revision, then in at.items()}
    places: dict[str, str] = {}
    for revision, later in zip(reversed(bodies), [chosen, *reversed(bodies)], strict=False):
        own = page if revision == chosen else f"{FOLDER}/{revision}/{page}"
        same = revision != chosen and later in places and bodies[revision] == bodies[later]
        places[revision] = NOT_THERE if bodies[revision] is None else places[later] if same else own
    places = dict(reversed(places.items()))
    for place in dict.fromkeys(places.values()):
        if place != NOT_THERE:
            found.switches[place] = _switch(places, place, folder)
    for revision, place in places.items():
        if place == f"{FOLDER}/{revision}/{page}":
            lines = bodies[revision]
            assert lines is not None
            newest = page if page in places.values() else ""
            head = _head(at[revision], folder, newest, heading) + found.switches[place] + _note(subject, revision)
            found.pages[place] = head + (directive("hf:call", call) if call else []) + lines


def _head(then: Subject, folder: str, newest: str, heading: str) -> Lines:
    fields = [":orphan:", ":no-search:", *([f":{NEWEST}: {folder}/{newest}"] if newest else []), ""]
    return [*fields, *directive("hf:as-of", then.as_of), *title(f"{heading} at {then.as_of}")]


def _note(subject: Subject, revision: str) -> Lines:
    item = next(item for item in subject.program.revisions if item.name == revision)
    said = f"This is {literal(revision)} of {escaped(item.date)}: {escaped(item.text)}. Nothing is proved of it here; "
    chosen = f"what is proved is about {literal(subject.program.revision)}."
    return directive("admonition", "Another revision", [said + chosen], **{"class": "hf-past"})


def _switch(places: dict[str, str], here: str, folder: str) -> Lines:
    def lines() -> Iterator[str]:
        for revision, place in places.items():
            yield f"{revision} {place if place == NOT_THERE else HERE if place == here else f'{folder}/{place}'}"

    return directive("hf:other-revisions", "", lines(), absent="not there")


def with_switch(lines: Lines, switch: Sequence[str]) -> Lines:
    """A page with its switch below its heading."""
    if not switch:
        return lines
    end = next(i for i, line in enumerate(lines) if line and set(line) == {"="}) + 2
    return [*lines[:end], *switch, *lines[end:]]
