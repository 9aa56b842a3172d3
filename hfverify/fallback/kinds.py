"""What one example is: a call in a situation, a list function on a heap, a value to be packed, registers of a guest.

Reads   model.program.Program, plain data
Gives   Kind: seeds, variations, a run and its judgement
Refuses nothing; a situation in which nothing can begin raises Unbuildable
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from hfverify.explain.codecs import run_codec
from hfverify.explain.heads import Heads
from hfverify.explain.lists import run_contract
from hfverify.explain.registers import run_registers
from hfverify.explain.scenario import Scenario, from_json, to_json
from hfverify.explain.trial import run
from hfverify.fallback.edges import beside
from hfverify.fallback.smallest import smallest
from hfverify.fallback.varying import Variation, constants_of
from hfverify.model.codecs import tag_bits, variants_of
from hfverify.model.program import Program
from hfverify.model.registers import REGISTER_BITS, numbered

Note = Callable[[object, object], None]
MOST_CHANGES = 4


class Kind(Protocol):
    """How examples of one sort are made, varied, run and written down.

    One that `judges` names the outcome of every run that came to its end.
    """

    judges: bool

    def seeds(self, data: Sequence[Any]) -> list[Any]:
        """From plain data."""

    def variations(self, seeds: Sequence[Any]) -> SearchStrategy[Any]:
        """Near one of the seeds."""

    def beside(self, seed: Any) -> Iterator[Any]:
        """Next to a seed, at edges; in a fixed order."""

    def run(self, request: Any, note: Note) -> tuple[dict[str, str], str]:
        """What the run breaks, by the kind of obligation, and which outcome it has."""

    def smaller(self, request: Any, shows: Callable[[Any], bool]) -> Any:
        """A simpler request that shows the same."""

    def plain(self, request: Any) -> dict[str, Any]:
        """As it is stored and confirmed."""


class Situations:
    """A call by itself, in a state; what other CPUs do meanwhile belongs to the situation."""

    judges = True

    def __init__(self, program: Program, impl: str, heads: Heads | None = None, told: Set[int] = frozenset()) -> None:
        self.program = program
        self.impl = impl
        self.heads = heads
        self.variation = Variation(program, told)

    def seeds(self, data: Sequence[Any]) -> list[Scenario]:
        """Those in which the call can begin."""
        found = [self.variation.settled(from_json(self.program, item)) for item in data]
        return [scenario for scenario in found if self.variation.possible(scenario)]

    def variations(self, seeds: Sequence[Scenario]) -> SearchStrategy[Scenario]:
        """Cells, arguments, what devices give and what other CPUs do."""
        return self.variation.scenarios(seeds)

    def beside(self, seed: Scenario) -> Iterator[Scenario]:
        """Arguments at what they are compared with, sets with one member."""
        return beside(self.variation, seed)

    def run(self, request: Scenario, note: Note) -> tuple[dict[str, str], str]:
        """The outcome is the one that the specification says applies."""
        report = run(self.program, request, self.impl, note, self.heads)
        violations = {v.kind: f"{v.text} ({v.file}:{v.line})" if v.file else v.text for v in report.violations}
        return violations, report.outcome

    def smaller(self, request: Scenario, shows: Callable[[Any], bool]) -> Scenario:
        """What other CPUs do, arguments and cells are as plain as they can be."""
        return smallest(self.variation, request, shows)

    def plain(self, request: Scenario) -> dict[str, Any]:
        """As a scenario."""
        return {"scenario": to_json(self.program, request)}


class Requests:
    """What `name` of the runner can be asked to do; a request is plain data."""

    judges = False

    def __init__(self, program: Program, impl: str, name: str) -> None:
        self.program = program
        self.impl = impl
        self.name = name
        self.answer = {"contract": run_contract, "codec": run_codec, "registers": run_registers}[name]

    def seeds(self, data: Sequence[Any]) -> list[Any]:
        """As they are."""
        return list(data)

    def variations(self, seeds: Sequence[Any]) -> SearchStrategy[Any]:
        """Numbers of registers and fields; a heap is as the solver made it."""
        if self.name == "registers":
            return self._registers(seeds)
        return self._codec(seeds[0]["name"]) if self.name == "codec" else st.sampled_from(seeds)

    def beside(self, seed: Any) -> Iterator[Any]:
        """Variations do that."""
        del seed
        return iter(())

    def run(self, request: Any, note: Note) -> tuple[dict[str, str], str]:
        """Which outcome it has is said by whoever runs it."""
        del note
        if self.name == "registers":
            self._forget()
        report = self.answer(self.program, request, self.impl)
        return {v["kind"]: v["text"] for v in report["violations"]}, report.get("outcome", "")

    def smaller(self, request: Any, shows: Callable[[Any], bool]) -> Any:
        """Hypothesis has shrunk it."""
        del shows
        return request

    def _forget(self) -> None:
        """Tables of calls are made when a module is imported: each run has its own, with recorders in them."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(self.impl):
                del sys.modules[name]

    def plain(self, request: Any) -> dict[str, Any]:
        """Under its name."""
        return {self.name: request}

    def _registers(self, seeds: Sequence[Any]) -> SearchStrategy[Any]:
        numbers = [number for number, _ in numbered(self.program)]
        known = sorted({*constants_of(self.program), *numbers, *(number + 1 for number in numbers)})
        value = st.one_of(
            st.sampled_from([number for number in known if 0 <= number < 1 << REGISTER_BITS]),
            st.integers(0, (1 << REGISTER_BITS) - 1),
        )

        @st.composite
        def varied(draw: DrawFn) -> Any:
            found = copy.deepcopy(draw(st.sampled_from(seeds)))
            registers = found["scenario"]["arguments"]
            for _ in range(draw(st.integers(0, MOST_CHANGES))):
                registers[draw(st.sampled_from(sorted(registers)))] = draw(value)
            for answer in found["answers"]:
                if draw(st.booleans()) and not isinstance(answer["result"], bool):
                    answer["result"] = draw(st.one_of(st.integers(-2, 2), value))
            return found

        return varied()

    def _codec(self, name: str) -> SearchStrategy[Any]:
        tag_place = tag_bits(self.program, name)

        def number(bits: int) -> SearchStrategy[int]:
            edges = sorted({0, 1, (1 << bits) - 1, (1 << bits) - 2, 1 << (bits - 1)})
            return st.one_of(st.sampled_from(edges), st.integers(0, (1 << bits) - 1))

        whole = number(REGISTER_BITS).map(lambda value: {"name": name, "number": value})
        options = [whole]
        for variant in variants_of(self.program, name):
            if tag_place is not None:
                tagged = partial(_tagged, name, tag_place, variant.tree.tag or 0)
                options.append(number(REGISTER_BITS).map(tagged))
            fields = {
                item.name: number(REGISTER_BITS if item.truncated else item.high - item.low + 1)
                for item in variant.tree.fields
            }
            options.append(st.fixed_dictionaries(fields).map(partial(_made, name, variant.tree.name)))
        return st.one_of(options)


def _tagged(name: str, place: tuple[int, int], tag: int, value: int) -> dict[str, Any]:
    """A number with the tag of a variant in place of its own."""
    low, high = place
    return {"name": name, "number": value & ~(((1 << (high - low + 1)) - 1) << low) | tag << low}


def _made(name: str, variant: str, fields: dict[str, int]) -> dict[str, Any]:
    return {"name": name, "variant": variant, "fields": fields}
