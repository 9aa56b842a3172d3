"""The parts that pages are made of: conditions, numbers in registers, types of other languages, pictures."""

from __future__ import annotations

import html
import re
from itertools import product
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import JOBS, ROOT

from hfverify.abi.write import written
from hfverify.ledger import Entry
from hfverify.model.resolve import resolve
from hfverify.publish.allowed import Axis, allowed, cover
from hfverify.publish.charts import Chart, Event
from hfverify.publish.drawing.chain import chain
from hfverify.publish.drawing.ladder import Step, ladder
from hfverify.publish.drawing.lanes import lanes
from hfverify.publish.facts import facts_of
from hfverify.publish.marks import MARKS, key_of, mark
from hfverify.publish.packed import packed, shown
from hfverify.publish.pages.call import call_page
from hfverify.publish.pages.cases import answered
from hfverify.publish.pages.indexes import by_group
from hfverify.publish.pages.interface import interface
from hfverify.publish.pages.maps import maps_page
from hfverify.publish.pages.ownership import ownership_page
from hfverify.publish.pages.past import past_pages
from hfverify.publish.questions import ASKED, PROMISE, asked, group_of, kind_of
from hfverify.publish.rst import escaped, table
from hfverify.publish.subject import Subject, load_subject
from hfverify.publish.wrapping import breakable
from hfverify.syntax.parse import parse
from hfverify.verdict import Evidence, Status


@pytest.fixture(scope="module")
def subject() -> Subject:
    return load_subject(ROOT)


@pytest.mark.parametrize(
    ("call", "case", "place", "before", "after"),
    [
        ("mailbox_clear", "cleared", "box.state", {"READ"}, "EMPTY"),
        ("mailbox_send", "delivered_by_primary", "to.mailbox.state", {"EMPTY"}, "RECEIVED"),
        ("vcpu_run", "woken", "target.state", {"BLOCKED_MAILBOX", "BLOCKED_INTERRUPT"}, "RUNNING"),
        ("vcpu_on", "started", "target.state", {"OFF"}, "READY"),
        ("preempt", "stops", "current.state", {"RUNNING"}, "READY"),
    ],
    ids=["guard", "in a function", "in an abbreviation", "a reject before", "a fact of who calls"],
)  # fmt: skip
def test_what_was_there_before(
    subject: Subject, call: str, case: str, place: str, before: set[str], after: str
) -> None:
    facts = facts_of(subject, subject.program.calls[call])
    (change,) = [change for change in facts.changes[case] if change.place == place]
    assert (change.before, change.target) == (before, after)


def test_nothing_is_said_of_before_if_no_condition_says_it(subject: Subject) -> None:
    facts = facts_of(subject, subject.program.calls["vcpu_run"])
    (change,) = facts.changes["vm_aborting"]
    assert change.before == frozenset(subject.program.enums["VcpuState"].item_name(i) for i in range(6))


def test_results_as_registers_have_them(subject: Subject) -> None:
    program = subject.program
    found = {
        (call.name, outcome.name): packed(program, answered(call, outcome))
        for call in program.calls.values()
        for outcome in call.outcomes
        if outcome.returns is not None
    }
    assert found["mailbox_clear", "unread"] == 0xFFFF_FFFF_FFFF_FFFF
    assert found["vcpu_run", "waits"] == 0xFFFF_FFFF_FFFF_FF02
    assert found["vcpu_run", "goes_on"] == 0
    assert found["mailbox_receive", "primary"] == 0xFFFF_FFFF
    assert found["vcpu_run", "waits_for_message"] is None
    assert found["vm_get_id", "told"] is None


@pytest.mark.parametrize(("number", "text"), [(2, "0x2"), (0xFF08, "0xff08"), (0x1_0000, "0x0001_0000")])
def test_numbers_are_grouped(number: int, text: str) -> None:
    assert shown(number) == text


def test_the_synopsis_is_what_the_files_declare(subject: Subject) -> None:
    for language, code in (("c", "c"), ("rust", "rust"), ("python", "python")):
        text = written(subject.program, language)[1]
        for call in subject.program.calls.values():
            if call.number is not None:
                page = "\n".join(interface(subject, call))
                (shown,) = re.findall(rf"\.\. code-block:: {code}\n\n +(.*)\n", page)
                assert shown.removesuffix(";").removesuffix(" ...").removesuffix(":") in text, call.name


def test_an_entry_point_has_the_form_of_its_function(subject: Subject) -> None:
    page = "\n".join(interface(subject, subject.program.calls["preempt"]))
    assert "# hafnium.vcpu\n" in page
    assert re.search(r"   def preempt\(.*\) -> .*:\n +\.\.\.", page)


@pytest.mark.parametrize("root", [ROOT, JOBS], ids=["hypervisor", "jobs"])
def test_every_kind_of_the_ledger_has_words(root: object) -> None:
    found = load_subject(root)  # type: ignore[arg-type]
    own = {fact for contract in found.program.contracts for fact in _facts(found)}
    for name in found.ledger.entries:
        if asked(name) == PROMISE:
            parts = name.split(".")
            assert parts[-1] in own or parts[0] in {"dispatch", "hvc", "new"}, name


def _facts(subject: Subject) -> set[str]:
    layout = subject.program.layout
    views = layout.views if layout is not None else ()
    return {fact.name for view in views for fact in view.facts}


def test_kinds_are_those_of_the_tables() -> None:
    assert kind_of("submit.lock.held") == "lock.held"
    assert kind_of("submit.invariant.not_too_many") == "invariant"
    assert kind_of("submit.shared.ensures.pages") == "ensures"
    assert group_of("submit.lock.order") == "lock order"
    assert all(words for words in ASKED.values())


def test_marks_have_a_word_for_every_status() -> None:
    assert {key_of(status) for status in Status} <= MARKS.keys()
    entries = [Entry(Status.PROVED, 0, ""), Entry(Status.UNKNOWN, 0, "")]
    assert mark(entries) == ":hf:mark:`not-decided`"
    assert mark([]) == ":hf:mark:`not-asked`"
    assert len({item.sign for item in MARKS.values()}) == len(MARKS)


def test_what_is_tested_says_with_how_much() -> None:
    few = Entry(Status.TESTED, 0, "", Evidence(40, (("12", 30), ("12! 14", 10)), 0, 7))
    many = Entry(Status.TESTED, 0, "", Evidence(400, (("12", 390), ("20", 10)), 3, 7))
    proved = Entry(Status.PROVED, 5, "")
    assert mark([few]) == ":hf:mark:`tested (40 examples, 2 paths, one CPU)`"
    assert mark([many]) == ":hf:mark:`tested (400 examples, 2 paths, 3 schedules)`"
    assert mark([proved, many, few]) == ":hf:mark:`tested (40 examples, 3 paths, one CPU)`"
    assert mark([Entry(Status.TESTED, 0, "")]) == ":hf:mark:`tested (the ledger has no numbers)`"
    assert mark([few, Entry(Status.REFUTED, 0, "")]) == ":hf:mark:`refuted`"


def test_who_owns_what_follows_the_parts(subject: Subject) -> None:
    facts = {name: facts_of(subject, call) for name, call in subject.program.calls.items()}
    page = "\n".join(ownership_page(subject, facts))
    words = re.findall(r"<desc [^>]*>(.*?)</desc>", page, re.DOTALL)
    assert len(words) == 1
    lines = [line.strip() for line in html.unescape(words[0]).split("\n")]
    assert lines[0] == "vcpu.lock → current: takes: 3 cases"
    assert "current: restore_registers reads 3 of the cells" in lines
    assert lines.index("current → outgoing: names a next: 14 cases") < lines.index(
        "outgoing: save_registers writes 3 of the cells"
    )
    assert lines[-1] == "outgoing → vcpu.lock: lets go: regs_state_saved.announced"
    assert ":hf:cell:`vcpu.regs_available` ¦ any → :hf:spec:`true` ¦ :hf:case:`regs_state_saved.announced`" in page


def test_cells_with_one_owner_for_ever_have_no_picture() -> None:
    subject = load_subject(JOBS)
    facts = {name: facts_of(subject, call) for name, call in subject.program.calls.items()}
    page = "\n".join(ownership_page(subject, facts))
    assert ":hf:cell:`worker.last`" in page
    assert "<svg" not in page
    assert "No case says outright what it writes into a map." in "\n".join(maps_page(subject, facts))


def test_what_is_written_into_a_map_is_shown_by_condition(subject: Subject) -> None:
    facts = {name: facts_of(subject, call) for name, call in subject.program.calls.items()}
    page = "\n".join(maps_page(subject, facts))
    for line in (
        ":hf:spec:`share == GIVE` ¦ :hf:spec:`MODE_INVALID | MODE_UNOWNED` ¦ :hf:spec:`MODE_R | MODE_W | MODE_X`",
        ":hf:spec:`share == LEND` ¦ :hf:spec:`MODE_INVALID` ¦ :hf:spec:`MODE_R | MODE_W | MODE_X | MODE_UNOWNED`",
        ":code:`MODE_UNOWNED` ¦ :code:`0x20`",
    ):
        assert line in page
    asked = page[page.index(":hf:case:`share_memory.shared`") :]
    assert ":hf:case:`~share_memory.not_allowed` ¦ :hf:spec:`uniform(own, first, last) and can_share(" in asked
    assert "share_memory.shared: what each of them has afterwards" in page


def test_pages_of_other_revisions_are_those_that_differ(subject: Subject) -> None:
    past = past_pages(subject, "reference")
    names = {name for name in past.pages if "mailbox" in name}
    assert names == {f"as-of/R3/calls/mailbox_{name}" for name in ("clear", "waiter_get", "writable_get")}
    assert past.switches["calls/mailbox_clear"][-5:-1] == [
        "   R1 -",
        "   R2 -",
        "   R3 reference/as-of/R3/calls/mailbox_clear",
        "   R4 .",
    ]
    assert "   R1 ." in past.switches["as-of/R2/calls/vcpu_run"]
    page = "\n".join(past.pages["as-of/R3/calls/mailbox_clear"])
    assert ":hf:spec:`-1` ¦ Nothing is there to be cleared." in page
    assert ":hf-newest: reference/calls/mailbox_clear" in page
    assert "Evidence" not in page


def test_without_revisions_there_is_no_switch() -> None:
    past = past_pages(load_subject(JOBS), "reference")
    assert (past.pages, past.switches) == ({}, {})


def test_pictures_are_well_formed_and_equal_for_equal_facts() -> None:
    chart = Chart("A run", ("a", "b", "c"))
    chart.events += [Event("a", "c", "asks <more>", "ask"), Event("b", "b", "thinks", "")]
    drawn = [
        chain(["a.lock", "b.lock"], {"b.lock"}),
        ladder(["IDLE", "BUSY"], [Step("take.taken", frozenset({"IDLE"}), "BUSY")]),
        lanes(chart),
    ]
    for drawing, words in drawn:
        svg = drawing.svg("A picture", words)
        assert ElementTree.fromstring(svg).get("role") == "img"
        assert svg == drawing.svg("A picture", words)
    assert [words for _, words in drawn] == [
        "a.lock → [b.lock]",
        "IDLE → BUSY: take.taken",
        "a → c: asks <more>\nb: thinks",
    ]


def test_every_part_of_a_picture_is_inside_it() -> None:
    chart = Chart(
        "A run", ("a", "b", "c"), [Event("a", "c", "a rather long question", ""), Event("c", "c", "y" * 40, "")]
    )
    drawing, _ = lanes(chart)
    places = [float(x) for x in re.findall(r' (?:x|x1|x2|cx)="([\d.-]+)"', drawing.svg("", ""))]
    assert min(places) >= 0
    assert max(places) <= drawing.width


def test_text_is_no_markup() -> None:
    assert escaped("a_b* `c` |d| <e>") == r"a\_b\* \`c\` \|d\| \<e\>"
    assert table(("a",), []) == []


def test_long_names_break_behind_their_dots() -> None:
    page = '<span class="pre">one.state</span><span class="pre">a_long_name.of_a.part</span>a.long.text.of.words'
    assert breakable(page) == page.replace("name.of_a.part", "name.<wbr>of_a.<wbr>part")


def test_groups_are_the_files_of_the_specification(subject: Subject) -> None:
    page = "\n".join(by_group(subject))
    names = [call.name for call in subject.program.calls.values() if not call.is_function]
    assert [page.count(f":hf:call:`{name}` ¦") for name in names] == [1] * len(names)
    assert "Messages between VMs" in page[page.index("hafnium.mailbox") : page.index(":hf:call:`mailbox_send`")]


def test_what_a_map_holds_before_is_a_table_of_bits(subject: Subject) -> None:
    found = allowed(subject.program, "can_share", "mode")
    assert found is not None
    names = ["share", "receiver_owns", "MODE_INVALID", "MODE_UNOWNED", "MODE_SHARED"]
    assert [axis.name for axis in found.axes] == names
    assert found.rows == (("any", "any", "clear", "clear", "clear"), ("GIVE", "true", "clear", "set", "any"))
    facts = {name: facts_of(subject, call) for name, call in subject.program.calls.items()}
    page = "\n".join(maps_page(subject, facts))
    assert ":hf:definition:`can_share` allows these values, and no others:" in page
    assert "any ¦ any ¦ clear ¦ clear ¦ clear" in page


BITS = """module bits
const A : u8 = 1
const B : u8 = 2
const ONE : u8 = 7
pure both(n: u8) : bool = n & (A | B) == A | B
pure either(n: u8, how: u8) : bool = if how == ONE then n & A != 0 else n & B != 0
pure whole(n: u8) : bool = n & A == 0 and n < 9
pure unnamed(n: u8) : bool = n & A == 0 and n & 4 == 0
pure ordered(n: u8, how: u8) : bool = how < ONE and n & A == 0
pure nested(n: u8) : bool = both(n)
"""


def test_only_what_is_looked_at_bit_by_bit_has_a_table() -> None:
    program = resolve([parse(BITS, "spec/bits.hfs")])
    assert {name: allowed(program, name, "n") for name in ("whole", "unnamed", "ordered", "nested")} == dict.fromkeys(
        ("whole", "unnamed", "ordered", "nested")
    )
    both, either = allowed(program, "both", "n"), allowed(program, "either", "n")
    assert both is not None
    assert either is not None
    assert both.rows == (("set", "set"),)
    assert [axis.name for axis in either.axes] == ["how", "A", "B"]
    assert set(either.rows) == {("ONE", "set", "any"), ("another", "any", "set")}


@given(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 1))))
def test_the_rows_are_the_combinations_and_no_others(points: set[tuple[int, ...]]) -> None:
    axes = [Axis("a", (("0", 0), ("1", 1))), Axis("b", (("0", 0), ("1", 1), ("2", 2))), Axis("c", (("0", 0), ("1", 1)))]
    assert {point for box in cover(axes, points) for point in product(*box)} == points


def test_the_example_is_a_program_that_tells_answers_apart(subject: Subject) -> None:
    call = subject.program.calls["mailbox_clear"]
    page = "\n".join(call_page(subject, "reference", call, facts_of(subject, call), []))
    example = page[page.index("Example\n---") :]
    assert ".. code-block:: c\n\n   switch (hafnium_mailbox_clear()) {\n   case -1: /* unread */\n" in example
    entry = subject.program.calls["preempt"]
    page = "\n".join(call_page(subject, "reference", entry, facts_of(subject, entry), []))
    assert ".. code-block:: c\n" not in page
