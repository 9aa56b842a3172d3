"""A specification of which no file can be made is refused with its place, and JSON says what the others are made of."""

from __future__ import annotations

import json

import pytest
from bindings import REPOSITORY, odd, program_of, text_program

from hfverify.abi import LANGUAGES
from hfverify.abi.write import written
from hfverify.config import load_config
from hfverify.diagnostics import Rejected
from hfverify.model.load import load_program

HEAD = """module small
size n : u8
thread here : u8 below n
state cell[id: u8 below n] { a : u8 constant }
actor me : cell { }
dispatcher d { impl "m:d" number NUMBER otherwise returns -1 }
"""


def call(name: str, number: str, *clauses: str, ret: str = "ret x0 result: u8", returns: str = "returns 0") -> str:
    inside = "\n".join([number, f'impl "m:{name}"', *clauses, ret])
    return f"hypercall {name} {{ {inside}\ncase always when true {{ {returns} }} }}\n"


def refused(text: str, language: str = "json", number: str = "x0") -> list[tuple[int, str, str]]:
    with pytest.raises(Rejected) as caught:
        written(text_program(HEAD.replace("NUMBER", number) + text), language)
    return [(found.span.line, found.code, found.message) for found in caught.value.diagnostics]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_without_a_number(language: str) -> None:
    wanted = [(7, "HF213", "`nameless` has no number, so no program can make it")]
    assert refused(call("nameless", ""), language) == wanted


def test_a_number_that_no_register_leads_to() -> None:
    wanted = [(7, "HF217", "no value of `x0` leads to the number 0x101")]
    assert refused(call("far", "number 0x101 as FAR"), number="x0 & 0xff") == wanted


def test_a_number_in_two_registers() -> None:
    found = refused(call("both", "number 1 as BOTH"), number="x0 + x1")
    assert found[0] == (6, "HF217", "the number of a call is in `x0`, `x1`: a stub needs one register")


def test_a_constant_that_is_no_single_number() -> None:
    text = "const EITHER : u8 = if 1 < 2 then 3 else 4\n" + call("f", "number 1 as F", returns="returns EITHER")
    assert refused(text) == [(7, "HF204", "`EITHER` is not one number")]


def test_a_constant_that_no_register_carries_is_left_out() -> None:
    text = "const NOBODY : optional<u8> = none\n" + call(
        "f", "number 1 as F", returns="returns if NOBODY == none then 1 else 0"
    )
    assert json.loads(written(text_program(HEAD.replace("NUMBER", "x0") + text), "json")[1])["constants"] == []


def test_an_encoding_that_does_not_say_what_it_is() -> None:
    text = "encoding E : u8 { A (a: u8 bits 0 .. 7) B (b: u8 bits 0 .. 7) }\n"
    text += call("f", "number 1 as F", ret="ret x0 result: E", returns="returns A(a: 1)")
    message = "`E` has 2 variants and no tag: a number does not say which one it is"
    assert refused(text) == [(7, "HF208", message)]


def test_an_encoding_of_nothing() -> None:
    text = "encoding E : u8 { A }\n" + call("f", "number 1 as F", ret="ret x0 result: E", returns="returns A()")
    assert refused(text) == [(7, "HF208", "`E` has neither a tag nor a field")]


def test_a_result_without_a_width() -> None:
    message = "programs cannot be given int: no register carries it"
    assert (9, "HF203", message) in refused(call("f", "number 1 as F", ret="ret x0 result: int"))


@pytest.mark.parametrize(
    ("language", "name"), [("c", "small_two_words"), ("rust", "two_words"), ("python", "two_words")]
)
def test_two_things_that_would_have_one_name(language: str, name: str) -> None:
    text = call("two_words", "number 1 as TWO") + call("one", f"number 2 as {name}")
    message = f"`two_words` and `one` are both `{name}` in the file"
    assert [(code, said) for _, code, said in refused(text, language)] == [("HF202", message)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_output_is_the_same_each_time(language: str) -> None:
    assert written(odd(), language) == written(odd(), language)


def test_json() -> None:
    found = json.loads(written(program_of(REPOSITORY), "json")[1])
    assert (found["schema"], found["name"], found["revision"]) == (1, "hafnium", "R4")
    calls = {item["name"]: item for item in found["calls"]}
    send = calls["mailbox_send"]
    assert (send["published"], send["number"], send["selector"]) == ("HF_MAILBOX_SEND", 0xFF06, 0xFF06)
    assert [(a["name"], a["register"], a["low"], a["high"], a["kind"]["word"]) for a in send["arguments"]] == [
        ("vm_id", 1, 0, 31, "unsigned"),
        ("size", 2, 0, 63, "unsigned"),
        ("notify", 3, 0, 63, "bool"),
    ]
    assert [(a["outcome"], a["is_reject"], a["value"]) for a in send["answers"]][:2] == [
        ("too_big", True, -1),
        ("to_self", True, -1),
    ]
    assert send["answers"][0]["text"] == "The message is larger than a mailbox."
    (message,) = [v for e in found["encodings"] for v in e["variants"] if v["name"] == "WaitForMessage"]
    assert message["fields"] == [
        {
            "name": "ns",
            "kind": {"word": "unsigned", "bits": 64, "name": "u64"},
            "low": 8,
            "high": 63,
            "truncated": True,
        }
    ]
    assert "span" not in str(found)


def test_the_numbers_of_each_revision() -> None:
    folders = load_config(REPOSITORY).folders
    numbers = {
        revision: json.loads(written(load_program(folders, revision), "json")[1]) for revision in ("R1", "R3", "R4")
    }
    names = {revision: {item["name"] for item in found["calls"]} for revision, found in numbers.items()}
    assert "mailbox_clear" not in names["R1"]
    assert "mailbox_clear" in names["R3"]
    assert numbers["R3"]["convention"] is None
    assert numbers["R4"]["convention"]["instruction"] == "hvc"
    answers = {
        revision: {
            a["outcome"]: a["value"] for c in found["calls"] if c["name"] == "mailbox_clear" for a in c["answers"]
        }
        for revision, found in numbers.items()
    }
    assert (answers["R3"]["already_empty"], answers["R4"]["already_empty"]) == (-1, 0)
