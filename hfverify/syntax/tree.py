"""The tree of a specification or proof file, as written.

Reads   nothing
Gives   frozen dataclasses, each with the span of its text
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass

from hfverify.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Node:
    """Anything with a place in a file."""

    span: Span


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Name(Node):
    text: str


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """An integer, `true`, `false` or `none`."""

    value: int | bool | None


@dataclass(frozen=True, slots=True)
class Member(Node):
    base: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    base: Expr
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Apply(Node):
    function: Expr
    arguments: tuple[Expr, ...]
    keywords: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`operator` is the symbol as written; also `in` and `not in`."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    kind: str
    parameters: tuple[Parameter, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class SetLiteral(Node):
    items: tuple[Expr, ...]


Expr = Name | Literal | Member | Index | Apply | Unary | Binary | Conditional | Quantified | SetLiteral


# ---------------------------------------------------------------- shared parts


@dataclass(frozen=True, slots=True)
class Type(Node):
    name: str
    arguments: tuple[Type | int, ...]


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Revision(Node):
    """`kind` is `since` or `until`; `until` excludes the revision it names."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Update(Node):
    place: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class Perform(Node):
    action: str
    arguments: tuple[Expr, ...]


# ---------------------------------------------------------------- declarations


@dataclass(frozen=True, slots=True)
class Declaration(Node):
    """What every declaration has: its name, the span of the name, its published text."""

    name: str
    name_span: Span
    doc: str


@dataclass(frozen=True, slots=True)
class NamedRevision(Node):
    name: str
    commit: str
    date: str
    text: str


@dataclass(frozen=True, slots=True)
class Revisions(Declaration):
    items: tuple[NamedRevision, ...]


@dataclass(frozen=True, slots=True)
class TypeAlias(Declaration):
    type: Type


@dataclass(frozen=True, slots=True)
class EnumItem(Declaration):
    value: int | None


@dataclass(frozen=True, slots=True)
class Enum(Declaration):
    type: Type
    items: tuple[EnumItem, ...]


@dataclass(frozen=True, slots=True)
class Field(Node):
    name: str
    type: Type
    low: int
    high: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Variant(Declaration):
    tag: int | None
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Encoding(Declaration):
    type: Type
    tag: tuple[int, int] | None
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Const(Declaration):
    type: Type
    value: Expr


@dataclass(frozen=True, slots=True)
class Size(Declaration):
    type: Type


@dataclass(frozen=True, slots=True)
class Pure(Declaration):
    parameters: tuple[Parameter, ...]
    type: Type
    body: Expr


@dataclass(frozen=True, slots=True)
class Let(Declaration):
    value: Expr


@dataclass(frozen=True, slots=True)
class Action(Declaration):
    parameters: tuple[Parameter, ...]
    updates: tuple[Update, ...]


@dataclass(frozen=True, slots=True)
class Lock(Declaration):
    """`name` is `state.lock`."""

    kind: str


@dataclass(frozen=True, slots=True)
class LockName(Node):
    text: str


@dataclass(frozen=True, slots=True)
class Order(Declaration):
    locks: tuple[LockName, ...]


@dataclass(frozen=True, slots=True)
class Key(Node):
    name: str
    type: Type
    below: Expr


@dataclass(frozen=True, slots=True)
class GuardedBy(Node):
    lock: str
    set_once: bool


@dataclass(frozen=True, slots=True)
class OwnedBy(Node):
    owner: Expr
    condition: Expr | None
    otherwise: GuardedBy | None


@dataclass(frozen=True, slots=True)
class Plain(Node):
    """`kind` is `constant`, `volatile` or `atomic`."""

    kind: str
    because: str


Discipline = GuardedBy | OwnedBy | Plain


@dataclass(frozen=True, slots=True)
class Cell(Declaration):
    """`name` is the dotted path."""

    type: Type
    initial: Expr | None
    discipline: Discipline
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class State(Declaration):
    keys: tuple[Key, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Fact(Declaration):
    value: Expr


@dataclass(frozen=True, slots=True)
class Thread(Declaration):
    """`facts` are what every thread can rely on between two calls."""

    type: Type
    below: Expr
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Actor(Declaration):
    """`formerly` is the actor whose part an object played until `next` named another one; empty for none."""

    state: str
    formerly: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Invariant(Declaration):
    lock: LockName
    value: Expr
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class Owed(Declaration):
    """What an object is owed in a state that holds, if nothing goes on any more: somebody has forgotten it."""

    object: Parameter
    value: Expr
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class Assume(Declaration):
    value: Expr
    because: str


# ---------------------------------------------------------------- calls


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: int
    name: str
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class Impl(Node):
    target: str


@dataclass(frozen=True, slots=True)
class By(Node):
    actor: str


@dataclass(frozen=True, slots=True)
class Given(Declaration):
    value: Expr


@dataclass(frozen=True, slots=True)
class Argument(Node):
    """`register` is empty for an argument that no register carries.

    `bits` are the first and the last bit that it has of the register; None for as many as it needs.
    """

    register: str
    name: str
    type: Type
    bits: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Result(Node):
    register: str
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Returns(Node):
    value: Expr
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class Next(Node):
    value: Expr
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class Effect(Node):
    """`later` effects become visible in the section after the commit."""

    later: bool
    updates: tuple[Update | Perform, ...]


@dataclass(frozen=True, slots=True)
class Holds(Node):
    """The caller holds these locks, and their invariants hold before and after."""

    places: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Trusted(Node):
    """The function is taken to do what is said of it."""

    because: str


@dataclass(frozen=True, slots=True)
class Havoc(Node):
    """These cells get any values that `ensures` and the invariants of their locks allow."""

    places: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Ensures(Declaration):
    """A relation between the state before, `old(…)`, and the state after."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Ends(Node):
    """The call's actor plays its part no longer."""

    actor: str


@dataclass(frozen=True, slots=True)
class Never(Node):
    """The call does not return."""


Consequence = Returns | Next | Effect | Havoc | Ensures | Ends | Never


@dataclass(frozen=True, slots=True)
class Reject(Declaration):
    revisions: tuple[Revision, ...]
    unless: Expr
    consequences: tuple[Consequence, ...]


@dataclass(frozen=True, slots=True)
class Case(Declaration):
    revisions: tuple[Revision, ...]
    when: Expr
    consequences: tuple[Consequence, ...]


@dataclass(frozen=True, slots=True)
class HeldLock(Node):
    maybe: bool
    place: Expr


@dataclass(frozen=True, slots=True)
class NameRef(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Step(Node):
    """`kind` is `peek`, `commit` or `after`; no `cases` means all of them."""

    kind: str
    locks: tuple[HeldLock, ...]
    cases: tuple[NameRef, ...]


@dataclass(frozen=True, slots=True)
class Protocol(Node):
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Awaits(Node):
    """The call may wait for other threads until `value` holds in the section that decides."""

    value: Expr
    doc: str


@dataclass(frozen=True, slots=True)
class With(Node):
    """The call is given one more object: any of a state, or one that plays the part of an actor (`kind`)."""

    name: str
    name_span: Span
    kind: str


Clause = (
    Number | Impl | By | With | Given | Holds | Trusted | Argument | Result | Let | Awaits | Reject | Case | Protocol
)


@dataclass(frozen=True, slots=True)
class Call(Declaration):
    """`kind` is `hypercall`, `entry`, or `function` for one that calls use."""

    kind: str
    revisions: tuple[Revision, ...]
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Unspecified(Node):
    """A number that a call has which is not specified."""

    number: int
    because: str


@dataclass(frozen=True, slots=True)
class Dispatcher(Declaration):
    """`impl` finds the call that the registers name: `number` says by which bits, `otherwise` what no call returns."""

    revisions: tuple[Revision, ...]
    impl: Impl
    number: Expr
    otherwise: Expr
    unspecified: tuple[Unspecified, ...]


@dataclass(frozen=True, slots=True)
class Trap(Declaration):
    """`impl` makes a call through a dispatcher, and ends it by the entry `stays`, or by `leaves` if it has a `next`."""

    revisions: tuple[Revision, ...]
    impl: Impl
    through: NameRef
    result: Result
    stays: NameRef
    leaves: NameRef


@dataclass(frozen=True, slots=True)
class ScenarioStep(Node):
    call: str
    arguments: tuple[tuple[str, Expr], ...]
    case: str


@dataclass(frozen=True, slots=True)
class Scenario(Declaration):
    steps: tuple[ScenarioStep, ...]


# ---------------------------------------------------------------- proof files


@dataclass(frozen=True, slots=True)
class MapsTo(Node):
    """The attribute is a reference to the object at `place`."""

    path: str
    place: Expr


@dataclass(frozen=True, slots=True)
class MapsMany(Node):
    """The attribute is a sequence of `count` references."""

    path: str
    variable: str
    place: Expr
    count: Expr


@dataclass(frozen=True, slots=True)
class MapsNone(Node):
    """The attribute is None unless `condition` holds; then it is the part of that name."""

    path: str
    condition: Expr


@dataclass(frozen=True, slots=True)
class MapsList(Node):
    """The attribute is the head of the list that the fifo `cell` abstracts."""

    path: str
    cell: str
    place: Expr
    variable: str


@dataclass(frozen=True, slots=True)
class MapsWords(Node):
    """The attribute is a list of integers of `width` bits, which together are the set of bits `cell`."""

    path: str
    cell: str
    width: int


Mapping = MapsTo | MapsMany | MapsNone | MapsList | MapsWords


@dataclass(frozen=True, slots=True)
class Represent(Declaration):
    target: str
    mappings: tuple[Mapping, ...]


@dataclass(frozen=True, slots=True)
class Trust(Declaration):
    """What the tool knows of a class or function without reading it; `name` is `spinlock` or `pause`."""

    target: str
    because: str


@dataclass(frozen=True, slots=True)
class Accept(Declaration):
    """An obligation, by its name, that may be tested instead of proved."""

    because: str


@dataclass(frozen=True, slots=True)
class CodecRecord(Node):
    """The class whose instances stand for the values of an encoding, and the field that says which variant one is."""

    target: str
    tag: str


@dataclass(frozen=True, slots=True)
class CodecVariant(Node):
    """A variant is the `member` of the enumeration of tags; without tags it is the tuple of its `fields`."""

    variant: str
    member: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodecRefusal(Node):
    """The exception that is raised for a number with a tag that no variant has."""

    exception: str


@dataclass(frozen=True, slots=True)
class Codec(Declaration):
    """How the values of the encoding `name` are Python objects, and which functions turn them into numbers and back."""

    encodes: Impl
    decodes: Impl
    record: CodecRecord | None
    variants: tuple[CodecVariant, ...]
    refusal: CodecRefusal | None


@dataclass(frozen=True, slots=True)
class View(Declaration):
    parameters: tuple[Parameter, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Layout(Declaration):
    target: str
    links: tuple[Parameter, ...]
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Role(Node):
    name: str
    kind: str
    of: str


@dataclass(frozen=True, slots=True)
class Contract(Declaration):
    """`name` is `module:function`."""

    roles: tuple[Role, ...]
    requires: tuple[Expr, ...]
    effects: tuple[Update, ...]
    returns: Expr | None


@dataclass(frozen=True, slots=True)
class Loop(Declaration):
    """`name` is `module:function`; `position` counts that function's loops from 1."""

    position: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Module(Node):
    name: str
    doc: str
    imports: tuple[NameRef, ...]
    declarations: tuple[Declaration, ...]
    source: str
    name_span: Span
