"""Take from a specification what programs have to know.

Reads   model.program.Program
Gives   abi.description.Abi: numbered calls, the types that they carry, the constants that they speak about
Refuses a hypercall without a number (HF213), what no register carries (HF203), a constant that is not one number
        (HF204), an encoding whose variants cannot be told apart (HF208), a number that no register selects (HF217)
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import TypeVar

from hfverify.abi import conventions
from hfverify.abi.description import (
    BOOL,
    SIGNED,
    UNSIGNED,
    Abi,
    Answer,
    Argument,
    Call,
    Constant,
    Encoding,
    Enumeration,
    Field,
    Item,
    Kind,
    Result,
    Tag,
    Variant,
)
from hfverify.diagnostics import Collector, Span, at
from hfverify.model import program as model
from hfverify.model.codecs import tag_bits, variants_of
from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.registers import place
from hfverify.model.types import BoolType, EncodingType, EnumType, IntType, Type, bounds, fits_register, int_type
from hfverify.syntax import tree

NOT_CARRIED = Kind(UNSIGNED, 64, "")
Declared = TypeVar("Declared", bound=tree.Declaration)


def describe(program: model.Program) -> Abi:
    """Everything that is published of a specification at its revision."""
    return _Collect(program).abi()


class _Collect:
    def __init__(self, program: model.Program) -> None:
        self.program = program
        self.collector = Collector()
        self.declared = {
            item.name_span: item
            for module in program.modules
            for declaration in module.declarations
            for item in (declaration, *(declaration.clauses if isinstance(declaration, tree.Call) else ()))
            if isinstance(item, tree.Declaration)
        }
        self.types: dict[str, Type] = {}
        self.found = conventions.convention(program, self.collector)

    def abi(self) -> Abi:
        """The calls come first: they say which types and constants matter."""
        program = self.program
        calls = [self.call(call) for call in program.calls.values() if call.kind == "hypercall"]
        constants = list(self.constants())
        encodings = self.encodings()
        enumerations = list(self.enumerations())
        self.collector.finish()
        first = program.modules[0]
        return Abi(
            first.name.split(".")[0],
            program.revision if program.revisions else "",
            next((module.doc for module in program.modules if "." not in module.name), ""),
            self.found.made if self.found is not None else None,
            tuple(constants),
            tuple(enumerations),
            tuple(encodings),
            tuple(sorted(calls, key=lambda call: call.number)),
        )

    # ------------------------------------------------------------ types

    def kind(self, type_: Type, span: Span) -> Kind:
        """How a register carries a value of a type; what types it is made of is noted."""
        low, high = bounds(type_)
        match type_:
            case BoolType():
                return Kind(BOOL, 1, "bool")
            case EncodingType() | EnumType():
                self.types[type_.name] = type_
                width = type_.width if isinstance(type_, EncodingType) else self.width_of(type_)
                return Kind(UNSIGNED, width, type_.name)
            case IntType() if low is not None and high is not None:
                word, sign = (UNSIGNED, 0) if low >= 0 else (SIGNED, 1)
                return Kind(word, max(max(high, -low - 1).bit_length(), 1) + sign, type_.name)
        self.collector.error("HF203", f"programs cannot be given {type_}: no register carries it", at(span))
        return NOT_CARRIED

    def width_of(self, type_: EnumType) -> int:
        """The width of the declared numbers of an enumeration, not of those that it happens to have."""
        declared = self.declaration(tree.Enum, type_.name)
        base = int_type(declared.type.name) or self.program.types[declared.type.name]
        _, high = bounds(base)
        assert high is not None
        return high.bit_length()

    def declaration(self, sort: type[Declared], name: str) -> Declared:
        return next(item for item in self.declared.values() if isinstance(item, sort) and item.name == name)

    def enumerations(self) -> Iterator[Enumeration]:
        """The enumerations whose values cross, in the order of their declarations."""
        for name, type_ in self.program.enums.items():
            if name not in self.types:
                continue
            said = self.declaration(tree.Enum, name)
            texts = {entry.name: entry for entry in said.items}
            items = tuple(Item(key, texts[key].doc, value, texts[key].name_span) for key, value in type_.items)
            yield Enumeration(name, said.doc, self.kind(type_, said.name_span), items, said.name_span)

    def encodings(self) -> list[Encoding]:
        """The encodings whose values cross; a field may have a type that no call has."""
        found: dict[str, Encoding] = {}
        while pending := [
            type_ for name, type_ in self.types.items() if isinstance(type_, EncodingType) and name not in found
        ]:
            for type_ in pending:
                found[type_.name] = self.encoding(type_)
        return [found[name] for name in self.program.types if name in found]

    def encoding(self, type_: EncodingType) -> Encoding:
        said = self.declaration(tree.Encoding, type_.name)
        tag = tag_bits(self.program, type_.name)
        variants = tuple(self.variant(item.tree) for item in variants_of(self.program, type_.name))
        if tag is None and len(variants) > 1:
            message = f"`{said.name}` has {len(variants)} variants and no tag: a number does not say which one it is"
            self.collector.error("HF208", message, at(said.name_span))
        if tag is None and not variants[0].fields:
            self.collector.error("HF208", f"`{said.name}` has neither a tag nor a field", at(said.name_span))
        bits = Tag(*tag) if tag is not None else None
        return Encoding(said.name, said.doc, self.kind(type_, said.name_span), bits, variants, said.name_span)

    def variant(self, said: tree.Variant) -> Variant:
        fields = []
        for item in said.fields:
            kind = self.kind(int_type(item.type.name) or self.program.types[item.type.name], item.type.span)
            width = max(kind.bits, item.high - item.low + 1)
            fields.append(Field(item.name, Kind(kind.word, width, kind.name), item.low, item.high, item.truncated))
        return Variant(said.name, said.doc, said.tag, tuple(fields), said.name_span)

    # ------------------------------------------------------------ calls

    def call(self, call: model.Call) -> Call:
        number = call.number
        if number is None:
            message = f"`{call.name}` has no number, so no program can make it"
            help_ = (("help", "say `number N as NAME`, or make it an `entry`"),)
            self.collector.error("HF213", message, at(call.name_span), notes=help_)
        arguments = tuple(self.argument(argument, type_) for argument, type_ in call.arguments)
        value = number.value if number is not None else 0
        return Call(
            call.name,
            number.name if number is not None else "",
            value,
            self.found.selector(call.name_span, value) if self.found is not None else value,
            self.declared[call.name_span].doc,
            arguments,
            self.result(call),
            tuple(self.answers(call)),
            call.name_span,
        )

    def argument(self, argument: tree.Argument, type_: Type) -> Argument:
        low, high = place(argument, type_)
        kind = self.kind(type_, argument.type.span)
        return Argument(argument.name, kind, conventions.index(argument.register), low, high)

    def result(self, call: model.Call) -> Result | None:
        if call.result is None:
            return None
        said, type_ = call.result
        kind = self.kind(type_, said.type.span)
        register, bits = conventions.result_place(self.program, said)
        return Result(said.name, kind, register, bits)

    def answers(self, call: model.Call) -> Iterator[Answer]:
        """What each outcome returns; a name that stands for one number is looked up."""
        lets: Mapping[str, tree.Expr] = {let.name: let.value for let in call.lets}
        hidden = {argument.name for argument, _ in call.arguments} | set(lets)
        for outcome in call.outcomes:
            if outcome.returns is None:
                continue
            expr = outcome.returns.value
            while isinstance(expr, tree.Name) and expr.text in lets:
                expr = lets[expr.text]
            value = self.number(expr, hidden)
            text = self.declared[outcome.name_span].doc
            yield Answer(outcome.name, outcome.is_reject, self.source(expr.span), value, text)

    def number(self, expr: tree.Expr, hidden: Container[str]) -> int | None:
        """The number that stands for an expression, if it is always the same."""
        if isinstance(expr, tree.Literal) and isinstance(expr.value, bool):
            return int(expr.value)
        if isinstance(expr, tree.Name) and expr.text in self.program.enum_items and expr.text not in hidden:
            return self.program.enum_items[expr.text][1]
        return constant_value(self.program, expr, hidden)

    def source(self, span: Span) -> str:
        """The text that stands at a span, on one line."""
        module = next(item for item in self.program.modules if item.span.file == span.file)
        lines = module.source.split("\n")[span.line - 1 : span.end_line]
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        return " ".join(" ".join(lines).split())

    # ------------------------------------------------------------ constants

    def constants(self) -> Iterator[Constant]:
        """The constants that a call speaks about, in the order of their declarations."""
        wanted = self.spoken_of()
        for name, (type_, expr) in self.program.consts.items():
            if name not in wanted or not fits_register(type_):
                continue
            said = self.declaration(tree.Const, name)
            value = self.number(expr, ())
            if value is None:
                self.collector.error("HF204", f"`{name}` is not one number", at(expr.span))
            else:
                yield Constant(name, said.doc, self.kind(type_, said.type.span), value, said.name_span)

    def parts(self, step: tree.Update | tree.Perform) -> list[tree.Expr]:
        """The expressions of a change, with those of an action that it performs."""
        if isinstance(step, tree.Update):
            return [step.place, step.value]
        updates = self.program.actions[step.action].updates
        return [*step.arguments, *(part for update in updates for part in self.parts(update))]

    def spoken_of(self) -> set[str]:
        """Every name in the conditions, results and changes of calls, with definitions written out."""
        program, seen = self.program, set[str]()
        pending: list[tree.Expr] = []
        for call in program.calls.values():
            if call.kind == "hypercall" or (call.kind == "entry" and any(a.register for a, _ in call.arguments)):
                pending += [let.value for let in call.lets]
                pending += [outcome.condition for outcome in call.outcomes]
                pending += [outcome.returns.value for outcome in call.outcomes if outcome.returns is not None]
                changed = [step for outcome in call.outcomes for step in (*outcome.effects, *outcome.later)]
                pending += [part for step in changed for part in self.parts(step)]
        while pending:
            for node in walk(pending.pop()):
                if not isinstance(node, tree.Name) or node.text in seen:
                    continue
                seen.add(node.text)
                if node.text in program.pures:
                    pending.append(program.pures[node.text].body)
                if node.text in program.lets:
                    pending.append(program.lets[node.text].value)
                if node.text in program.consts:
                    pending.append(program.consts[node.text][1])
        return seen
