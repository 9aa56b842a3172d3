"""A specification with its proof files, resolved for one revision.

Reads   nothing
Gives   Program and its parts; expressions stay trees, names are known to resolve and types to fit
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from hfverify.diagnostics import Span
from hfverify.model.types import EncodingType, EnumType, FifoType, IntType, Type
from hfverify.syntax import tree


@dataclass(frozen=True)
class Cell:
    """One cell of a state: `path` is dotted, `discipline` says who may touch it."""

    state: str
    path: str
    type: Type
    initial: tree.Expr | None
    discipline: tree.Discipline
    span: Span

    @cached_property
    def name(self) -> str:
        """`state.path`."""
        return f"{self.state}.{self.path}"

    @cached_property
    def is_constant(self) -> bool:
        """Whether it never changes."""
        return isinstance(self.discipline, tree.Plain) and self.discipline.kind == "constant"

    @cached_property
    def is_atomic(self) -> bool:
        """Whether no lock guards the cell, and each access to it is one step."""
        return isinstance(self.discipline, tree.Plain) and self.discipline.kind == "atomic"

    @cached_property
    def is_fickle(self) -> bool:
        """Whether each read may find another value."""
        return isinstance(self.discipline, tree.Plain) and self.discipline.kind in ("volatile", "atomic")

    @cached_property
    def guard(self) -> tree.GuardedBy | None:
        """The lock clause, also of an owned cell that has one."""
        match self.discipline:
            case tree.GuardedBy():
                return self.discipline
            case tree.OwnedBy():
                return self.discipline.otherwise
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    type: IntType
    below: tree.Expr


@dataclass(frozen=True, slots=True)
class State:
    name: str
    keys: tuple[Key, ...]
    cells: dict[str, Cell]
    span: Span

    def has_part(self, path: str) -> bool:
        """Whether some cell lies below this dotted path."""
        return any(name.startswith(path + ".") for name in self.cells)


@dataclass(frozen=True, slots=True)
class Lock:
    """`name` is `state.attribute`; `rank` is its place in the declared order."""

    name: str
    state: str
    attribute: str
    rank: int
    span: Span
    invariants: tuple[tree.Invariant, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    encoding: EncodingType
    tree: tree.Variant
    tag_shift: int


@dataclass(frozen=True, slots=True)
class Actor:
    """`formerly` is the actor whose part an object played until `next` named another; empty for none."""

    name: str
    state: str
    formerly: str
    facts: tuple[tree.Fact, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reject or a case, flattened: at most one `returns` and one `next`; `ends` if the actor's part is over.

    The cells in `havoc` get values of which only `ensures` and the invariants of their locks say something.
    """

    name: str
    is_reject: bool
    condition: tree.Expr
    returns: tree.Returns | None
    next: tree.Next | None
    effects: tuple[tree.Update | tree.Perform, ...]
    later: tuple[tree.Update | tree.Perform, ...]
    havoc: tuple[tree.Expr, ...]
    ensures: tuple[tree.Ensures, ...]
    ends: bool
    never: bool
    name_span: Span


@dataclass(frozen=True, slots=True)
class Object:
    """An object that a call is given beside its actor; `plays` is the actor whose facts hold of it, or empty."""

    name: str
    state: str
    plays: str


@dataclass(frozen=True)
class Call:
    """A hypercall, an entry point, or a function that these use. Without a `protocol` no lock may be taken at all.

    `awaits` has for each wait how many outcomes are decided before it. Who uses a function `holds` these locks;
    one that is `trusted`, for a reason, is not looked at.
    """

    name: str
    kind: str
    number: tree.Number | None
    impl: tree.Impl
    actor: str
    objects: tuple[Object, ...]
    arguments: tuple[tuple[tree.Argument, Type], ...]
    result: tuple[tree.Result, Type] | None
    givens: tuple[tree.Given, ...]
    lets: tuple[tree.Let, ...]
    awaits: tuple[tuple[tree.Awaits, int], ...]
    outcomes: tuple[Outcome, ...]
    protocol: tree.Protocol | None
    holds: tuple[tree.Expr, ...]
    trusted: str
    name_span: Span

    @property
    def is_function(self) -> bool:
        """Whether other code uses what is said of it, in place of its text."""
        return self.kind == "function"

    @property
    def rejects(self) -> tuple[Outcome, ...]:
        """The ordered checks."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_reject)

    @property
    def cases(self) -> tuple[Outcome, ...]:
        """The unordered cases."""
        return tuple(outcome for outcome in self.outcomes if not outcome.is_reject)

    def awaited_before(self, outcome: Outcome) -> list[tree.Awaits]:
        """What holds when the outcome is decided, because the call waited for it."""
        index = next(i for i, other in enumerate(self.outcomes) if other.name == outcome.name)
        return [wait for wait, place in self.awaits if place <= index]

    @property
    def has_next(self) -> bool:
        """Whether some outcome says with what the CPU goes on; then the function returns that too."""
        return any(outcome.next is not None for outcome in self.outcomes)

    def steps(self, kind: str, outcome: str) -> list[tree.Step]:
        """The protocol lines of a kind that apply to an outcome; lines that name it win over lines that do not."""
        found = self._steps.get((kind, outcome))
        if found is None:
            lines = [s for s in self.protocol.steps if s.kind == kind] if self.protocol else []
            named = [s for s in lines if any(ref.name == outcome for ref in s.cases)]
            found = self._steps[kind, outcome] = named or [s for s in lines if not s.cases]
        return found

    @cached_property
    def _steps(self) -> dict[tuple[str, str], list[tree.Step]]:
        return {}


@dataclass(frozen=True, slots=True)
class Represent:
    """Which Python class holds a state, and which attributes are not simply cells."""

    target: str
    mappings: dict[str, tree.Mapping]
    span: Span


@dataclass(slots=True)
class Program:
    """Everything that was declared, by name."""

    revision: str
    revisions: tuple[tree.NamedRevision, ...] = ()
    types: dict[str, Type] = field(default_factory=dict)
    enums: dict[str, EnumType] = field(default_factory=dict)
    enum_items: dict[str, tuple[EnumType, int]] = field(default_factory=dict)
    variants: dict[str, Variant] = field(default_factory=dict)
    consts: dict[str, tuple[Type, tree.Expr]] = field(default_factory=dict)
    sizes: dict[str, IntType] = field(default_factory=dict)
    pures: dict[str, tree.Pure] = field(default_factory=dict)
    actions: dict[str, tree.Action] = field(default_factory=dict)
    lets: dict[str, tree.Let] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    thread: tree.Thread | None = None
    actors: dict[str, Actor] = field(default_factory=dict)
    assumes: tuple[tree.Assume, ...] = ()
    owed: dict[str, tree.Owed] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    scenarios: dict[str, tree.Scenario] = field(default_factory=dict)
    represents: dict[str, Represent] = field(default_factory=dict)
    trusts: dict[str, tree.Trust] = field(default_factory=dict)
    layout: tree.Layout | None = None
    dispatcher: tree.Dispatcher | None = None
    traps: dict[str, tree.Trap] = field(default_factory=dict)
    accepted: dict[str, tree.Accept] = field(default_factory=dict)
    codecs: dict[str, tree.Codec] = field(default_factory=dict)
    contracts: tuple[tree.Contract, ...] = ()
    loops: dict[tuple[str, int], tree.Loop] = field(default_factory=dict)
    modules: tuple[tree.Module, ...] = ()
    quotients: dict[str, int] = field(default_factory=dict)

    def cell(self, state: str, path: str) -> Cell | None:
        """The cell of this path, if the state has it."""
        return self.states[state].cells.get(path) if state in self.states else None

    def cells(self) -> Iterator[Cell]:
        """Every cell, in declaration order."""
        for state in self.states.values():
            yield from state.cells.values()

    def guarded_by(self, lock: Lock) -> list[Cell]:
        """The cells that get a new value when this lock is taken."""
        return [c for c in self.states[lock.state].cells.values() if c.guard and c.guard.lock == lock.attribute]

    @property
    def writers(self) -> dict[str, tree.Codec]:
        """The functions that write the values of an encoding, by `module:function`."""
        return {codec.encodes.target: codec for codec in self.codecs.values()}

    @property
    def functions(self) -> dict[str, Call]:
        """The functions that are specified, by `module:function`."""
        return {call.impl.target: call for call in self.calls.values() if call.is_function}

    def stops(self, call: Call, outcome: Outcome) -> bool:
        """Whether the thread executes nothing after this: the part that ends is not one that it had besides another."""
        return outcome.ends and bool(call.actor) and not self.actors[call.actor].formerly

    def lists_through(self, state: str, link: str) -> list[tuple[str, tree.MapsList]]:
        """The list mappings whose nodes are the attribute `link` of objects of `state`."""
        found = []
        for owner, represent in self.represents.items():
            for mapping in represent.mappings.values():
                if isinstance(mapping, tree.MapsList) and list_node(mapping) == (state, link):
                    found.append((owner, mapping))
        return found


def list_node(mapping: tree.MapsList) -> tuple[str, str]:
    """State and attribute of the nodes of a list."""
    assert isinstance(mapping.place, tree.Member)
    assert isinstance(mapping.place.base, tree.Index)
    base = mapping.place.base.base
    assert isinstance(base, tree.Name)
    return base.text, mapping.place.name


def element_type(cell: Cell) -> IntType:
    """The type of the members of a fifo cell."""
    assert isinstance(cell.type, FifoType)
    return cell.type.element
