"""Turn a solver's model into the request for a run of functions that work on registers and numbers.

Reads   z3.ModelRef, prove.obligations.Subject
Gives   the kind of the request and its data; None for another kind of subject
Refuses nothing; what the model leaves open becomes zero
"""

from __future__ import annotations

from typing import Any

import z3

from hfverify.execute.values import Maybe, NoneValue
from hfverify.explain.scenario import to_json
from hfverify.explain.witness import Reader, scenario
from hfverify.logic.values import Ref
from hfverify.model.program import Program
from hfverify.model.registers import call_of
from hfverify.prove.codecs import CodecWorld, codec_request
from hfverify.prove.dispatching import Made, Onlooker
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group
from hfverify.prove.solver import Answer


def request_of(program: Program, subject: Subject, group: Group, answer: Answer) -> tuple[str, dict[str, Any]] | None:
    """What is to be run."""
    assert answer.model is not None and answer.bounds is not None
    path = group.path
    if path is None:
        return None
    reader = Reader(program, answer.model, answer.bounds)
    if subject.name in program.codecs:
        assert isinstance(path.world, CodecWorld)
        value = codec_request(program, path.world.variant, reader.number)
        return "codec", {"name": subject.name, **value}
    world = path.world
    if not isinstance(world, Onlooker):
        return None
    dispatcher = program.dispatcher
    assert dispatcher is not None
    item = dispatcher if subject.name == dispatcher.name else program.traps[subject.name]
    names = [name for name in path.names if name not in program.actors]
    call = call_of(program, item, names)
    data = to_json(program, scenario(program, call, None, world, answer.model, answer.bounds))
    return "registers", {
        "unit": subject.name,
        "scenario": data,
        "answers": [_answer(reader, made) for made in world.made],
    }


def _answer(reader: Reader, made: Made) -> dict[str, Any]:
    """What a call that was made gives."""
    result: Any = 0
    if isinstance(made.result, z3.ExprRef):
        result = reader.truth(made.result) if z3.is_bool(made.result) else reader.number(made.result)
    following = None
    if isinstance(made.next, Maybe) and reader.truth(made.next.present):
        assert isinstance(made.next.value, Ref)
        following = list(reader.keys(made.next.value))
    assert isinstance(made.next, Maybe | NoneValue)
    return {"result": result, "next": following}


__all__ = ["request_of"]
