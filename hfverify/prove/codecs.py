"""The questions about the functions that turn the values of an encoding into numbers, and back.

Reads   model.program codecs, execute.paths
Gives   Subject: what is written, what is read, that the two undo each other, and what is raised for other numbers
Refuses a class that does not stand for the values (HF218), functions that take something else (HF215)
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import z3

from hfverify.diagnostics import Diagnostic, Rejected, Span, also, at
from hfverify.execute.encodings import layout, shape_of
from hfverify.execute.interpreter import Interpreter, Refusal, module_frame
from hfverify.execute.loops import WAIT
from hfverify.execute.paths import Path, explore
from hfverify.execute.source import Class, Function, Sources
from hfverify.execute.values import EnumValue, Record, TupleValue, Value
from hfverify.execute.world import World
from hfverify.logic.values import LockValue, Ref, Stored, conjunction
from hfverify.model.codecs import tag_bits, variants_of
from hfverify.model.program import Cell, Program, Variant
from hfverify.model.types import int_type
from hfverify.prove.obligations import Subject, limits_of
from hfverify.prove.query import Group, Query
from hfverify.syntax import tree

SENTENCES = {
    "encode": "what is written has every field in its bits, and no other bit set",
    "decode": "what is read has every field from its bits; other bits do not matter",
    "inverse": "reading undoes writing, and writing undoes reading, but for bits that do not matter or are cut off",
    "supported": "every path is inside the executable subset of Python",
    "raises": "no path can raise an exception, but the declared one",
    "bounded": "every loop has a constant bound, or a fact that each turn keeps (that it ends is not proved)",
}
NUMBER = "number"


class CodecWorld(World):
    """The world of a path that works on a value of one variant, or on a number if it is of none, and nothing else."""

    def __init__(self, program: Program, variant: str) -> None:
        super().__init__(program, z3.Int("thread"))
        self.variant = variant
        self.defaults: dict[str, Value] = {}

    def read(self, cell: Cell, ref: Ref, span: Span) -> Stored:
        raise _more(span)

    def write(self, cell: Cell, ref: Ref, value: Stored, span: Span) -> None:
        raise _more(span)

    def acquire(self, lock: LockValue, span: Span) -> None:
        raise _more(span)

    def pause(self, span: Span) -> None:
        raise _more(span)


def _more(span: Span) -> Refusal:
    """Who uses a function for what its codec says sees nothing else of it."""
    return Refusal("HF401", "a function of a codec only computes", span)


def codec_subject(program: Program, sources: Sources, codec: tree.Codec) -> Subject:
    """All questions about one codec."""
    return _Questions(program, sources, codec).subject


class _Questions:
    def __init__(self, program: Program, sources: Sources, codec: tree.Codec) -> None:
        self.program = program
        self.sources = sources
        self.codec = codec
        self.shape = shape_of(sources, codec)
        self.variants = variants_of(program, codec.name)
        self.tag = tag_bits(program, codec.name)
        self.encodes = sources.function(codec.encodes.target, codec.encodes.span)
        self.decodes = sources.function(codec.decodes.target, codec.decodes.span)
        arity = 1 if codec.record is not None else len(codec.variants[0].fields)
        self.parameters = {
            function.name: _parameters(function, count, span)
            for function, count, span in (
                (self.encodes, arity, codec.encodes.span),
                (self.decodes, 1, codec.decodes.span),
            )
        }
        self.subject = Subject(codec.name)
        for kind, sentence in SENTENCES.items():
            impl = self.decodes.span if kind == "decode" else self.encodes.span
            self.subject.add(kind, kind, sentence, codec.name_span, impl)
        if codec.refusal is not None:
            text = f"{codec.refusal.exception} is raised for a number whose tag no variant has"
            self.subject.add("refuses", "refuses", text, codec.refusal.span, self.decodes.span)
        for variant in self.variants:
            text = f"some number is read as `{variant.tree.name}`"
            name = f"{variant.tree.name}.reached"
            self.subject.add(name, "reached", text, variant.tree.name_span, self.decodes.span)
        for variant in self.variants:
            self._written(variant)
        self._read()

    # ------------------------------------------------------------ from values to numbers

    def _written(self, variant: Variant) -> None:
        """A value of the variant is encoded, and then decoded again."""

        def encode(run: Interpreter, _: dict[str, Value]) -> tuple[Value, Span]:
            return self._invoke(run, self.encodes, self._values(run, variant))

        def both(run: Interpreter, nothing: dict[str, Value]) -> tuple[Value, Span]:
            result = encode(run, nothing)[0]
            run.declared = self._declared()
            return self._invoke(run, self.decodes, [result])

        for path in self._paths(self.encodes, variant.tree.name, encode):
            group = self._group(path)
            if not path.ended:
                wanted = layout(variant, _fields(variant))
                message = f"`{variant.tree.name}` is not written as its bits say"
                self._goal(group, "encode", _number_is(path.result, wanted), message, path, variant, [])
            self._close(group)
        for path in self._paths(self.encodes, variant.tree.name, both):
            group = self._group(path, quiet=True)
            if path.ended in ("", *self._declared()):
                fields = {
                    field.name: term % z3.IntVal(1 << field.high - field.low + 1) if field.truncated else term
                    for field, term in zip(variant.tree.fields, _fields(variant).values(), strict=True)
                }
                message = f"what is written for `{variant.tree.name}` is read as something else"
                self._goal(group, "inverse", self._is_value(path, variant, fields), message, path, variant, [])
            self._close(group)

    def _values(self, run: Interpreter, variant: Variant) -> list[Value]:
        """An arbitrary value of the variant; fields that do not belong to it are arbitrary too."""
        world = run.world
        assert isinstance(world, CodecWorld)
        terms = _fields(variant)
        for field in variant.tree.fields:
            type_ = int_type(field.type.name) or self.program.types[field.type.name]
            world.facts.typed(terms[field.name], type_)
        said = self.shape.said(variant)
        if self.shape.cls is None or self.codec.record is None or self.shape.tags is None:
            return [terms[name] for name in said.fields]
        members = self.shape.numbers(run)
        node, frame = self.shape.cls.node, module_frame(self.shape.cls.module)
        if said.member not in members:
            raise run.refuse(node, frame, f"`{self.shape.tags.node.name}` has no member `{said.member}`")
        values: dict[str, Value] = {}
        for name, annotation, _ in self.shape.cls.fields():
            if name == self.codec.record.tag:
                values[name] = EnumValue(self.shape.tags.node.name, z3.IntVal(members[said.member]), True)
            elif isinstance(annotation, ast.Name) and annotation.id == "int":
                values[name] = terms.get(name, z3.Int(f"{variant.tree.name}.{name}"))
            else:
                raise run.refuse(node, frame, f"the field `{name}` is no number")
        if terms.keys() - values.keys():
            missing = min(terms.keys() - values.keys())
            raise run.refuse(node, frame, f"`{self.shape.cls.node.name}` has no field `{missing}`")
        world.defaults = self.shape.defaults(run)
        return [Record(self.shape.cls, values)]

    # ------------------------------------------------------------ from numbers to values

    def _read(self) -> None:
        """A number is decoded, and then encoded again."""

        def decode(run: Interpreter, _: dict[str, Value]) -> tuple[Value, Span]:
            world = run.world
            assert isinstance(world, CodecWorld)
            world.facts.typed(z3.Int(NUMBER), self.program.types[self.codec.name])
            world.defaults = self.shape.defaults(run)
            run.declared = self._declared()
            found = self._invoke(run, self.decodes, [z3.Int(NUMBER)])
            run.declared = ()
            return found

        def both(run: Interpreter, nothing: dict[str, Value]) -> tuple[Value, Span]:
            value = decode(run, nothing)[0]
            items = list(value.items) if isinstance(value, TupleValue) else [value]
            if len(items) != len(self.parameters[self.encodes.name]):
                frame = module_frame(self.decodes.module)
                raise run.refuse(self.decodes.node, frame, "what is read has not the form of what is written")
            return self._invoke(run, self.encodes, items)

        number = z3.Int(NUMBER)
        for path in self._paths(self.decodes, "", decode):
            group = self._group(path)
            if path.ended in ("", *self._declared()):
                for variant in self.variants:
                    given = self._has_tag(variant)
                    if not path.possible(conjunction(given)):
                        continue
                    if not path.ended:
                        full = f"{self.subject.name}.{variant.tree.name}.reached"
                        group.guards.append((full, conjunction(given)))
                    goal = self._is_value(path, variant, _bits(variant, number))
                    message = f"the bits of `{variant.tree.name}` are not read as its fields"
                    self._goal(group, "decode", goal, message, path, variant, given)
                self._refused(group, path)
            self._close(group)
        for path in self._paths(self.decodes, "", both):
            group = self._group(path, quiet=True)
            for variant in self.variants if path.ended in ("", *self._declared()) else ():
                given = self._has_tag(variant)
                if path.possible(conjunction(given)):
                    wanted = layout(variant, _bits(variant, number))
                    goal = z3.BoolVal(False) if path.ended else _number_is(path.result, wanted)
                    message = f"what is read as `{variant.tree.name}` is written as another number"
                    self._goal(group, "inverse", goal, message, path, variant, given)
            self._close(group)

    def _refused(self, group: Group, path: Path) -> None:
        """A number with a tag that no variant has ends the path by the declared exception."""
        refusal = self.codec.refusal
        if refusal is None or self.tag is None:
            return
        given = conjunction([z3.Not(conjunction(self._has_tag(variant))) for variant in self.variants])
        if not path.possible(given):
            return
        full = f"{self.subject.name}.refuses"
        if path.ended:
            group.guards.append((full, given))
            return
        labels = (at(path.returned or self.decodes.span, "this path ends here"), also(refusal.span, "promised here"))
        diagnostic = Diagnostic("HF516", "a number with a tag that no variant has is read as a value", labels)
        group.queries.append(Query(full, z3.BoolVal(False), diagnostic, (given,), None))

    def _has_tag(self, variant: Variant) -> list[z3.BoolRef]:
        if self.tag is None:
            return []
        low, high = self.tag
        return [z3.Int(NUMBER) / z3.IntVal(1 << low) % z3.IntVal(1 << high - low + 1) == (variant.tree.tag or 0)]

    # ------------------------------------------------------------ shared

    def _declared(self) -> tuple[str, ...]:
        return (self.codec.refusal.exception,) if self.codec.refusal is not None else ()

    def _invoke(self, run: Interpreter, function: Function, values: list[Value]) -> tuple[Value, Span]:
        return run.invoke(function, dict(zip(self.parameters[function.name], values, strict=True)), function.span)

    def _paths(
        self,
        function: Function,
        variant: str,
        body: Callable[[Interpreter, dict[str, Value]], tuple[Value, Span]],
    ) -> list[Path]:
        return explore(
            self.program, self.sources, function, lambda: (CodecWorld(self.program, variant), {}, {}), body=body
        )

    def _group(self, path: Path, *, quiet: bool = False) -> Group:
        """The group of a path; what was checked on the way is asked once, not `quiet`ly again."""
        if path.refusal is not None:
            self.subject.refusals.append(path.refusal)
        group = Group([], [], limits_of(self.program), path=path)
        name = self.subject.name
        for check in path.world.checks:
            kind = "inverse" if quiet else "bounded" if check.kind == "bounded" else "raises"
            diagnostic = Diagnostic(check.code, check.message, (at(check.span, "here"),))
            group.queries.append(Query(f"{name}.{kind}", check.goal, diagnostic, (), check.depth))
        if path.ended == WAIT:
            diagnostic = Diagnostic("HF513", f"`{name}` may wait for ever", (at(path.trail[-1], "here"),))
            group.queries.append(Query(f"{name}.bounded", z3.BoolVal(False), diagnostic, (), None))
        return group

    def _close(self, group: Group) -> None:
        assert group.path is not None
        group.facts = group.path.world.facts.formulas
        group.assumptions = group.path.world.assumptions
        self.subject.groups.append(group)

    def _goal(
        self,
        group: Group,
        kind: str,
        goal: z3.BoolRef,
        message: str,
        path: Path,
        variant: Variant,
        given: list[z3.BoolRef],
    ) -> None:
        if z3.is_true(z3.simplify(goal)):
            return
        end = path.returned or (path.trail[-1] if path.trail else self.decodes.span)
        labels = (at(end, "this path ends here"), also(variant.tree.name_span, "declared here"))
        query = Query(f"{self.subject.name}.{kind}", goal, Diagnostic("HF516", message, labels), tuple(given), None)
        group.queries.append(query)

    def _is_value(self, path: Path, variant: Variant, fields: dict[str, z3.ArithRef]) -> z3.BoolRef:
        """Whether a path gave the value of the variant with these fields, and defaults in all others."""
        world, value = path.world, path.result
        assert isinstance(world, CodecWorld)
        said, record = self.shape.said(variant), self.codec.record
        if path.ended:
            return z3.BoolVal(False)
        if record is None or self.shape.tags is None or self.shape.cls is None:
            if not isinstance(value, TupleValue) or len(value.items) != len(said.fields):
                return z3.BoolVal(False)
            pairs = zip(value.items, said.fields, strict=True)
            return conjunction([_number_is(item, fields[name]) for item, name in pairs])
        if not isinstance(value, Record) or value.cls.name != self.shape.cls.name:
            return z3.BoolVal(False)
        tag = value.fields.get(record.tag)
        number = _member_number(self.shape.tags, said.member)
        if not isinstance(tag, EnumValue) or tag.enum != self.shape.tags.node.name or number is None:
            return z3.BoolVal(False)
        goals = [tag.term == number, z3.BoolVal(fields.keys() <= value.fields.keys())]
        for name, found in value.fields.items():
            if name in fields:
                goals.append(_number_is(found, fields[name]))
            elif name != record.tag and isinstance(world.defaults.get(name), z3.ArithRef):
                goals.append(_number_is(found, world.defaults[name]))
        return conjunction(goals)


def _parameters(function: Function, count: int, asked: Span) -> list[str]:
    """The names of the parameters, of which there must be so many."""
    spec = function.node.args
    names = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)]
    if len(names) != count or spec.kwonlyargs or spec.vararg or spec.kwarg:
        message = f"`{function.name}` is to take {count} argument{'s' * (count != 1)}, each by its place"
        raise Rejected([Diagnostic("HF215", message, (at(function.span), also(asked, "named here")))])
    return names


def _member_number(tags: Class, member: str) -> int | None:
    """The number of a member of the enumeration; that it is plain was seen before."""
    for item in tags.node.body:
        match item:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number))) if name == member:
                return number
    return None


def _fields(variant: Variant) -> dict[str, z3.ArithRef]:
    """The fields of an arbitrary value of a variant."""
    return {field.name: z3.Int(f"{variant.tree.name}.{field.name}") for field in variant.tree.fields}


def _bits(variant: Variant, number: z3.ArithRef) -> dict[str, z3.ArithRef]:
    """The fields of a variant as they stand in a number."""
    return {
        field.name: number / z3.IntVal(1 << field.low) % z3.IntVal(1 << field.high - field.low + 1)
        for field in variant.tree.fields
    }


def _number_is(value: Value | None, wanted: z3.ArithRef) -> z3.BoolRef:
    """Whether a Python value is this number; a member of an enumeration of integers is one too."""
    if isinstance(value, EnumValue) and value.is_int:
        value = value.term
    return value == wanted if isinstance(value, z3.ArithRef) else z3.BoolVal(False)


def codec_request(program: Program, variant: str, number: Callable[[z3.ExprRef], int]) -> dict[str, Any]:
    """A value or a number of a model, as plain data."""
    if not variant:
        return {"number": number(z3.Int(NUMBER))}
    found = program.variants[variant]
    fields = {name: number(term) for name, term in _fields(found).items()}
    return {"variant": variant, "fields": fields}


__all__ = ["CodecWorld", "codec_request", "codec_subject"]
