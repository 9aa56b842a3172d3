"""Turn the trees of all files into one program.

Reads   syntax.tree.Module, in any order
Gives   model.program.Program for one revision
Refuses everything that a reader of the specification alone can see to be wrong (HF1xx, HF2xx)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hfverify.diagnostics import Collector, Label, Span, also, at
from hfverify.model.mentions import Mention, Scope, mentions, mentions_of_action, own_scope, walk
from hfverify.model.program import Actor, Call, Cell, Key, Lock, Outcome, Program, Represent, State, Variant
from hfverify.model.proof_files import check_proof_files
from hfverify.model.revisions import Timeline, timeline
from hfverify.model.types import (
    BAD,
    BOOL,
    INT,
    BadType,
    BytesType,
    EncodingType,
    EnumType,
    FifoType,
    IntType,
    LockType,
    NoneType,
    OptionalType,
    RefType,
    Type,
    bounds,
    fits_register,
    is_integral,
    is_scalar,
)
from hfverify.model.typing import BUILTINS, TYPES, Typer
from hfverify.syntax import tree
from hfverify.syntax.parse import PROOF

REGISTER_BITS = 64
BUILT_IN = frozenset((*BUILTINS, *TYPES))
PROOF_ONLY = (tree.Represent, tree.Layout, tree.Contract, tree.Loop, tree.Trust)
SPEC_ONLY = (tree.Revisions, tree.Call, tree.Thread, tree.Actor, tree.Invariant, tree.Order, tree.Lock, tree.Scenario)


def resolve(modules: Sequence[tree.Module], revision: str = "") -> Program:
    """Resolve all modules together for one revision (empty: the newest)."""
    return _Resolver(list(modules), revision).run()


class _Resolver:
    def __init__(self, modules: list[tree.Module], revision: str) -> None:
        self.modules = modules
        self.collector = Collector()
        self.timeline, revisions = timeline(modules, revision, self.collector)
        self.program = Program(self.timeline.chosen, revisions, modules=tuple(modules))
        self.typer = Typer(self.program, self.collector)
        self.names: dict[str, Span] = {}
        self.absent: set[str] = set()

    def run(self) -> Program:
        declarations = [d for m in self.modules for d in m.declarations]
        self.check_modules()
        self.collect(declarations)
        self.check_revisions(declarations)
        self.collector.finish()
        self.check_recursion()
        self.collector.finish()
        self.check(declarations)
        self.collector.finish()
        return self.program

    # ------------------------------------------------------------ helpers

    def declare(self, item: tree.Declaration) -> None:
        if item.name in BUILT_IN:
            self.collector.error("HF202", f"`{item.name}` is part of the language", at(item.name_span))
        if item.name in self.names:
            self.collector.error(
                "HF202",
                f"`{item.name}` is declared twice",
                at(item.name_span, "again here"),
                also(self.names[item.name], "first here"),
            )
        self.names.setdefault(item.name, item.name_span)

    def exists(self, revisions: tuple[tree.Revision, ...]) -> bool:
        return self.timeline.exists(revisions, self.collector)

    def check_modules(self) -> None:
        names: dict[str, tree.Module] = {}
        for module in self.modules:
            first = names.setdefault(module.name, module)
            if first is not module:
                self.collector.error(
                    "HF202",
                    f"two files are the module `{module.name}`",
                    at(module.name_span, "again here"),
                    also(first.name_span, "first here"),
                )
        for module in self.modules:
            for imported in module.imports:
                if imported.name not in names:
                    self.typer.unknown(imported.span, "module", imported.name, names)
            proof = module.span.file.endswith(PROOF)
            for declaration in module.declarations:
                if isinstance(declaration, SPEC_ONLY if proof else PROOF_ONLY):
                    place = "a proof file" if proof else "a specification"
                    self.collector.error(
                        "HF205", f"this declaration cannot stand in {place}", at(declaration.name_span)
                    )

    def check_revisions(self, declarations: list[tree.Declaration]) -> None:
        """Every `since` and `until` names a revision, also where the chosen revision does not look."""
        for item in declarations:
            parts: list[object] = [item]
            if isinstance(item, tree.State):
                parts += item.cells
            if isinstance(item, tree.Call):
                parts += item.clauses
                for clause in item.clauses:
                    if isinstance(clause, tree.Reject | tree.Case):
                        parts += clause.consequences
            for part in parts:
                revisions: tuple[tree.Revision, ...] = getattr(part, "revisions", ())
                self.exists(revisions)
                self.timeline.check_order(revisions, self.collector)

    # ------------------------------------------------------------ first pass: names

    def collect(self, declarations: list[tree.Declaration]) -> None:
        program = self.program
        for item in declarations:
            if isinstance(item, tree.Layout):
                self.declare(item)
                program.types[item.name] = IntType(item.name, 0, None)
                if program.layout is not None:
                    self.collector.error("HF216", "there is more than one layout", at(item.name_span))
                program.layout = item
        for item in self.types_in_order(declarations):
            self.collect_type(item)
        self.typer.states = {item.name for item in declarations if isinstance(item, tree.State)}
        for item in declarations:
            self.collect_state(item)
        for item in declarations:
            self.collect_rest(item)
        self.collect_locks(declarations)

    def types_in_order(self, declarations: list[tree.Declaration]) -> list[tree.Declaration]:
        """Each type after those that it is made of."""
        waiting = {d.name: d for d in declarations if isinstance(d, tree.TypeAlias | tree.Enum | tree.Encoding)}
        rest = [d for d in declarations if waiting.get(d.name) is not d]
        ordered: list[tree.Declaration] = []
        while waiting:
            ready = [d for d in waiting.values() if not _parts_of(d) & waiting.keys()]
            if not ready:
                item = next(iter(waiting.values()))
                self.collector.error("HF203", f"`{item.name}` is defined by itself", at(item.name_span))
                self.program.types.update(dict.fromkeys(waiting, BAD))
                break
            for item in ready:
                ordered.append(waiting.pop(item.name))
        return [*ordered, *rest]

    def collect_type(self, item: tree.Declaration) -> None:
        match item:
            case tree.TypeAlias():
                self.declare(item)
                self.program.types[item.name] = _renamed(self.typer.resolve_type(item.type), item.name)
            case tree.Enum():
                self.declare(item)
                self.collect_enum(item)
            case tree.Encoding():
                self.declare(item)
                self.collect_encoding(item)

    def collect_enum(self, item: tree.Enum) -> None:
        values: list[tuple[str, int]] = []
        base = self.typer.resolve_type(item.type)
        if not isinstance(base, IntType | BadType) or (isinstance(base, IntType) and base.low != 0):
            self.collector.error("HF203", f"an enumeration needs an unsigned type, not {base}", at(item.type.span))
        for entry in item.items:
            self.declare(entry)
            number = entry.value if entry.value is not None else (values[-1][1] + 1 if values else 0)
            _, high = bounds(base)
            if high is not None and number > high:
                self.collector.error("HF204", f"{number} does not fit {base}", at(entry.span))
            if any(number == other for _, other in values):
                self.collector.error(
                    "HF202", f"two names of `{item.name}` have the number {number}", at(entry.name_span)
                )
            values.append((entry.name, number))
        enum = EnumType(item.name, tuple(values))
        self.program.enums[item.name] = enum
        self.program.types[item.name] = enum
        self.program.enum_items.update({name: (enum, number) for name, number in values})

    def collect_encoding(self, item: tree.Encoding) -> None:
        base = self.typer.resolve_type(item.type)
        if not isinstance(base, IntType) or base.low != 0 or base.high is None:
            if base != BAD:
                self.collector.error("HF203", f"an encoding needs an unsigned type, not {base}", at(item.type.span))
            self.program.types.setdefault(item.name, BAD)
            return
        encoding = EncodingType(item.name, base.high.bit_length())
        self.program.types[item.name] = encoding
        tags: dict[int, str] = {}
        for variant in item.variants:
            self.declare(variant)
            self.program.variants[variant.name] = Variant(encoding, variant, item.tag[0] if item.tag else 0)
            if (variant.tag is None) != (item.tag is None):
                self.collector.error(
                    "HF208", f"`{variant.name}` and the tag of `{item.name}` do not agree", at(variant.name_span)
                )
            elif item.tag is not None and variant.tag is not None:
                if variant.tag >= 1 << (item.tag[1] - item.tag[0] + 1):
                    self.collector.error(
                        "HF208",
                        f"the tag {variant.tag} does not fit bits {item.tag[0]} .. {item.tag[1]}",
                        at(variant.name_span),
                    )
                if variant.tag in tags:
                    self.collector.error(
                        "HF208", f"`{variant.name}` and `{tags[variant.tag]}` have the same tag", at(variant.name_span)
                    )
                tags[variant.tag] = variant.name
            self.check_bits(item, variant, encoding.width)

    def check_bits(self, item: tree.Encoding, variant: tree.Variant, width: int) -> None:
        taken: list[tuple[int, int, str]] = [(*item.tag, "the tag")] if item.tag else []
        if item.tag is not None and not item.tag[0] <= item.tag[1] < width:
            self.collector.error(
                "HF208", f"bits {item.tag[0]} .. {item.tag[1]} are not in {width} bits", at(item.name_span)
            )
        self.typer.local_names((field.name, field.span) for field in variant.fields)
        for field in variant.fields:
            type_ = self.typer.resolve_type(field.type)
            low, high = bounds(type_)
            if not isinstance(type_, IntType | EnumType | EncodingType | BadType) or (low is not None and low < 0):
                self.collector.error("HF203", f"a field needs an unsigned type, not {type_}", at(field.type.span))
            room = field.high - field.low + 1
            if room <= 0 or field.high >= width:
                self.collector.error(
                    "HF208", f"bits {field.low} .. {field.high} are not in {width} bits", at(field.span)
                )
            elif high is not None and high.bit_length() > room and not field.truncated:
                self.collector.error(
                    "HF208",
                    f"{type_} does not fit {room} bits",
                    at(field.span),
                    notes=(("help", "say `truncated` if the top bits are lost"),),
                )
            for low, top, other in taken:
                if field.low <= top and low <= field.high:
                    self.collector.error("HF208", f"`{field.name}` overlaps {other}", at(field.span))
            taken.append((field.low, field.high, f"`{field.name}`"))

    def collect_state(self, item: tree.Declaration) -> None:
        if not isinstance(item, tree.State):
            return
        self.declare(item)
        keys: list[Key] = []
        self.typer.local_names((key.name, key.span) for key in item.keys)
        for key in item.keys:
            type_ = self.typer.resolve_type(key.type)
            if isinstance(type_, IntType):
                keys.append(Key(key.name, type_, key.below))
            elif type_ != BAD:
                self.collector.error("HF203", f"a key must be a number, not {type_}", at(key.type.span))
        named = {key.name for key in item.keys}
        cells: dict[str, Cell] = {}
        for cell in item.cells:
            if not self.exists(cell.revisions):
                self.absent.add(f"{item.name}.{cell.name}")
                continue
            if cell.name in cells:
                self.collector.error(
                    "HF202",
                    f"the cell `{cell.name}` is declared twice, so it has two disciplines",
                    at(cell.name_span, "again here"),
                    also(cells[cell.name].span, "first here"),
                )
            for other in cells:
                if other.startswith(cell.name + ".") or cell.name.startswith(other + "."):
                    self.collector.error(
                        "HF202", f"`{cell.name}` and `{other}` cannot both be cells", at(cell.name_span)
                    )
            type_ = self.typer.resolve_type(cell.type)
            if not is_scalar(type_) and not isinstance(type_, FifoType | BytesType):
                self.collector.error(
                    "HF203",
                    f"a cell cannot hold {type_}",
                    at(cell.type.span),
                    notes=(("help", "keep the object's keys, and say in a proof file what the attribute `is`"),),
                )
            if cell.name.split(".")[0] in named:
                self.collector.error(
                    "HF202", f"`{cell.name.split('.')[0]}` is a key of `{item.name}` already", at(cell.name_span)
                )
            cells[cell.name] = Cell(
                item.name, cell.name, type_, cell.initial, cell.discipline, cell.name_span, cell.doc
            )
        self.program.states[item.name] = State(item.name, tuple(keys), cells, item.name_span, item.doc)

    def collect_rest(self, item: tree.Declaration) -> None:
        program = self.program
        match item:
            case tree.Const():
                self.declare(item)
                type_ = self.typer.resolve_type(item.type)
                if not is_scalar(type_):
                    self.collector.error("HF203", f"a constant cannot be {type_}", at(item.type.span))
                program.consts[item.name] = (type_, item.value)
            case tree.Size():
                self.declare(item)
                type_ = self.typer.resolve_type(item.type)
                if not isinstance(type_, IntType | BadType):
                    self.collector.error("HF203", f"a size is a number, not {type_}", at(item.type.span))
                program.sizes[item.name] = type_ if isinstance(type_, IntType) else INT
            case tree.Pure():
                self.declare(item)
                program.pures[item.name] = item
            case tree.Action():
                self.declare(item)
                program.actions[item.name] = item
            case tree.Let():
                self.declare(item)
                program.lets[item.name] = item
            case tree.Thread():
                self.declare(item)
                if program.thread is not None:
                    self.collector.error("HF202", "there is more than one `thread`", at(item.name_span))
                type_ = self.typer.resolve_type(item.type)
                if not isinstance(type_, IntType | BadType):
                    self.collector.error("HF203", f"a thread is a number, not {type_}", at(item.type.span))
                program.thread = item
            case tree.Actor():
                self.declare(item)
                program.actors[item.name] = Actor(item.name, item.state, item.formerly, item.facts, item.name_span)
            case tree.Assume():
                self.declare(item)
                program.assumes += (item,)
            case tree.Scenario():
                self.declare(item)
                program.scenarios[item.name] = item
            case tree.Represent():
                if item.name in program.represents:
                    self.collector.error("HF202", f"`{item.name}` is represented twice", at(item.name_span))
                mappings: dict[str, tree.Mapping] = {}
                for mapping in item.mappings:
                    if isinstance(mapping, tree.MapsList) and f"{item.name}.{mapping.cell}" in self.absent:
                        continue
                    if mappings.setdefault(mapping.path, mapping) is not mapping:
                        self.collector.error(
                            "HF202", f"`{item.name}.{mapping.path}` is represented twice", at(mapping.span)
                        )
                program.represents[item.name] = Represent(item.name, item.target, mappings, item.name_span)
            case tree.Trust():
                if program.trusts.setdefault(item.name, item) is not item:
                    self.collector.error("HF202", f"`{item.name}` is trusted twice", at(item.name_span))
            case tree.Contract():
                program.contracts += (item,)
            case tree.Loop():
                if program.loops.setdefault((item.name, item.position), item) is not item:
                    self.collector.error(
                        "HF202", f"two facts speak about loop {item.position} of `{item.name}`", at(item.name_span)
                    )

    def collect_locks(self, declarations: list[tree.Declaration]) -> None:
        locks = {d.name: d for d in declarations if isinstance(d, tree.Lock)}
        orders = [d for d in declarations if isinstance(d, tree.Order)]
        invariants = [d for d in declarations if isinstance(d, tree.Invariant) and self.exists(d.revisions)]
        ranks = self.lock_ranks(locks, orders)
        for name, lock in locks.items():
            state, attribute = name.split(".")
            self.declare(lock)
            if state not in self.program.states:
                self.typer.unknown(lock.name_span, "state", state, self.program.states)
                continue
            taken = {c.split(".")[0] for c in self.program.states[state].cells} | {
                key.name for key in self.program.states[state].keys
            }
            if attribute in taken:
                self.collector.error("HF202", f"`{state}` has a cell or key `{attribute}` already", at(lock.name_span))
            own = tuple(i for i in invariants if i.lock.text == name)
            self.program.locks[name] = Lock(name, state, attribute, ranks.get(name, 0), lock.name_span, lock.doc, own)
        for invariant in invariants:
            self.declare(invariant)
            if invariant.lock.text not in locks:
                self.typer.unknown(invariant.lock.span, "lock", invariant.lock.text, locks)

    def lock_ranks(self, locks: Mapping[str, tree.Lock], orders: list[tree.Order]) -> dict[str, int]:
        after: dict[str, set[str]] = {name: set() for name in locks}
        spans: dict[tuple[str, str], Span] = {}
        for order in orders:
            for place in order.locks:
                if place.text not in locks:
                    self.typer.unknown(place.span, "lock", place.text, locks)
            for left, right in pairwise(order.locks):
                if left.text in locks and right.text in locks:
                    after[left.text].add(right.text)
                    spans.setdefault((left.text, right.text), order.span)
        mentioned = {lock.text for order in orders for lock in order.locks}
        for lock in locks.values():
            if len(locks) > 1 and lock.name not in mentioned:
                self.collector.error("HF211", f"the order does not say where `{lock.name}` stands", at(lock.name_span))
        ranks: dict[str, int] = {}
        while remaining := [name for name in locks if name not in ranks]:
            free = [n for n in remaining if not any(n in after[m] for m in remaining)]
            if not free:
                cycle = _cycle(remaining, after)
                places = list(dict.fromkeys(spans[pair] for pair in pairwise(cycle)))
                labels = [at(places[0], "this order"), *(also(place, "and this one") for place in places[1:2])]
                self.collector.error("HF211", "the lock order has a cycle: " + " -> ".join(cycle), *labels)
                break
            for name in free:
                ranks[name] = len(ranks)
        return ranks

    # ------------------------------------------------------------ second pass: meaning

    def check(self, declarations: list[tree.Declaration]) -> None:
        for state in self.program.states.values():
            self.check_state(state)
        for item in declarations:
            match item:
                case tree.Const():
                    self.typer.expect(item.value, self.program.consts[item.name][0], {})
                    self.written_out(item.value, "a constant")
                case tree.Pure():
                    self.typer.local_names((p.name, p.span) for p in item.parameters)
                    local = {p.name: self.typer.resolve_type(p.type) for p in item.parameters}
                    self.typer.expect(item.body, self.typer.resolve_type(item.type), local)
                case tree.Action():
                    self.typer.local_names((p.name, p.span) for p in item.parameters)
                    local = {p.name: self.typer.resolve_type(p.type) for p in item.parameters}
                    self.check_updates(item.updates, local)
                case tree.Let():
                    self.typer.type_of(item.value, {})
                case tree.Thread():
                    self.typer.expect(item.below, INT, {})
                    self.bound(item.below, Scope())
                    self.check_thread(item)
                case tree.Actor():
                    self.check_actor(item)
                case tree.Invariant() if self.exists(item.revisions):
                    self.check_invariant(item)
                case tree.Assume():
                    self.typer.boolean(item.value, {})
                    self.constant_only(item.value, Scope(), "an assumption")
        check_proof_files(self.typer, declarations)
        self.collect_calls(declarations)
        for scenario in list(self.program.scenarios.values()):
            if any(step.call in self.absent for step in scenario.steps):
                del self.program.scenarios[scenario.name]
            else:
                self.check_scenario(scenario)
        self.check_recursion()

    def check_state(self, state: State) -> None:
        scope = Scope(own_scope(self.program, state.name), state.name)
        for index, key in enumerate(state.keys):
            earlier: dict[str, Type] = {k.name: k.type for k in state.keys[:index]}
            self.typer.expect(key.below, INT, earlier)
            self.bound(key.below, Scope(earlier))
        for cell in state.cells.values():
            empty = isinstance(cell.type, FifoType) and cell.initial is not None and written(cell.initial) == "{}"
            if cell.initial is not None and not empty:
                self.typer.expect(cell.initial, cell.type, {})
                self.written_out(cell.initial, "an initial value")
            match cell.discipline:
                case tree.GuardedBy():
                    self.check_guard(state, cell, cell.discipline)
                case tree.OwnedBy(span, owner, condition, otherwise):
                    if self.program.thread is None:
                        self.collector.error("HF209", "`owned by` needs a `thread`", at(span))
                    owned = self.typer.type_of(owner, scope.local)
                    if not is_integral(owned) and not isinstance(owned, OptionalType):
                        self.collector.error("HF203", f"the owner is {owned}, not a number", at(owner.span))
                    self.check_owner(cell, owner, scope)
                    if condition is not None:
                        self.typer.boolean(condition, scope.local)
                        self.check_owner(cell, condition, scope)
                    for expr in (owner, condition) if condition is not None else (owner,):
                        self.check_hand_over(cell, expr, scope, otherwise)
                    if otherwise is not None:
                        self.check_guard(state, cell, otherwise)
                case tree.Plain(span, kind, because):
                    if kind == "volatile" and not because:
                        self.collector.error(
                            "HF209",
                            "a volatile cell needs a reason",
                            at(span),
                            notes=(("help", 'write `volatile because "…"`'),),
                        )

    def bound(self, expr: tree.Expr, scope: Scope) -> None:
        """A bound is the same for everybody, at every time."""
        self.constant_only(expr, scope, "a bound")
        for mention in mentions(self.typer, expr, scope):
            if mention.kind == "thread":
                self.refuse(
                    mention, "HF209", f"a bound is the same for every `{mention.name}`, so it cannot speak about it"
                )

    def check_owner(self, cell: Cell, expr: tree.Expr, scope: Scope) -> None:
        """Who owns a cell is the same for everybody, and only the object itself changes it."""
        for mention in self.mentions(expr, scope, "the owner of a cell"):
            if mention.kind == "thread":
                self.refuse(
                    mention,
                    "HF209",
                    f"every `{mention.name}` would own `{cell.name}`: name one by the object's keys or cells",
                )
            elif mention.cell is not None and not _is_stable(mention):
                self.refuse(
                    mention,
                    "HF209",
                    f"who owns `{cell.name}` cannot depend on `{mention.name}`, which may change at any time",
                )

    def check_hand_over(self, cell: Cell, expr: tree.Expr, scope: Scope, otherwise: tree.GuardedBy | None) -> None:
        """Who owns a cell changes under the lock that guards the cell meanwhile, and under no other."""
        for mention in mentions(self.typer, expr, scope):
            guard = mention.cell.guard if mention.cell is not None else None
            if guard is not None and (otherwise is None or otherwise.lock != guard.lock):
                message = f"who owns `{cell.name}` changes under `{guard.lock}`, which does not guard it meanwhile"
                self.refuse(mention, "HF209", message, also(cell.span, f"say `else guarded by {guard.lock}`"))

    def check_guard(self, state: State, cell: Cell, guard: tree.GuardedBy) -> None:
        if f"{state.name}.{guard.lock}" not in self.program.locks:
            self.typer.unknown(guard.span, "lock", f"{state.name}.{guard.lock}", self.program.locks)
        if guard.set_once and cell.type != BOOL and not isinstance(cell.type, OptionalType):
            self.collector.error("HF209", f"`set once` needs bool or optional, not {cell.type}", at(guard.span))

    def check_thread(self, item: tree.Thread) -> None:
        for fact in item.facts:
            self.typer.boolean(fact.value, {})
            for mention in self.mentions(fact.value, Scope(), "what a thread relies on"):
                cell = mention.cell
                if cell is not None and not cell.is_constant and not isinstance(cell.discipline, tree.OwnedBy):
                    message = f"`{item.name}` can rely only on what it owns, not on `{mention.name}`"
                    self.refuse(mention, "HF209", message, also(cell.span, "declared here"))

    def check_actor(self, item: tree.Actor) -> None:
        if item.formerly and item.formerly not in self.program.actors:
            self.typer.unknown(item.name_span, "actor", item.formerly, self.program.actors)
        elif item.formerly and self.program.actors[item.formerly].state != item.state:
            message = f"`{item.name}` is a {item.state}, but `{item.formerly}` is not"
            self.collector.error("HF203", message, at(item.name_span))
        if item.state not in self.program.states:
            self.typer.unknown(item.name_span, "state", item.state, self.program.states)
            return
        scope = Scope(own_scope(self.program, item.state), item.state)
        for fact in item.facts:
            self.typer.boolean(fact.value, scope.local)
            for mention in self.mentions(fact.value, scope, "what an actor relies on"):
                if mention.cell is not None and not _is_stable(mention):
                    self.refuse(
                        mention, "HF209", f"`{item.name}` can rely only on its own cells, not on `{mention.name}`"
                    )

    def check_invariant(self, item: tree.Invariant) -> None:
        lock = self.program.locks.get(item.lock.text)
        if lock is None:
            return
        scope = Scope(own_scope(self.program, lock.state), lock.state)
        self.typer.boolean(item.value, scope.local)
        for mention in self.mentions(item.value, scope, "an invariant"):
            cell = mention.cell
            if mention.kind == "thread":
                name = mention.name
                what = f"`{item.name}` holds for everybody, so it cannot speak about the `{name}` that is executing"
                self.refuse(mention, "HF210", what)
            elif cell is not None and not cell.is_constant and not _is_guarded(cell, lock):
                what = f"`{item.name}` is an invariant of `{lock.name}`, which does not guard `{cell.path}`"
                self.refuse(mention, "HF210", what, also(cell.span, "declared here"))
            elif cell is not None and not cell.is_constant and not mention.own:
                what = f"`{item.name}` speaks about `{cell.path}` of another {cell.state}, which another lock guards"
                self.refuse(mention, "HF210", what)

    def mentions(self, expr: tree.Expr, scope: Scope, what: str) -> list[Mention]:
        """What an expression speaks about that belongs to no call: actors have no meaning there."""
        found = mentions(self.typer, expr, scope)
        for mention in found:
            if mention.kind == "actor":
                self.refuse(mention, "HF201", f"`{mention.name}` has no meaning here: {what} belongs to no call")
        return found

    def refuse(self, mention: Mention, code: str, message: str, *labels: Label) -> None:
        """Report a mention where it is made, and also inside the definition that makes it."""
        inner = [also(mention.inside, "through this")] if mention.inside != mention.span else []
        self.collector.error(code, message, at(mention.span), *inner, *labels)

    def constant_only(self, expr: tree.Expr, scope: Scope, what: str, *, call: bool = False) -> None:
        """The expression has the same value at every time."""
        found = mentions(self.typer, expr, scope) if call else self.mentions(expr, scope, what)
        for mention in found:
            if mention.cell is not None and not mention.cell.is_constant:
                message = f"{what} may only speak about constants, and `{mention.name}` changes"
                self.refuse(mention, "HF209", message, also(mention.cell.span, "declared here"))

    def written_out(self, expr: tree.Expr, what: str) -> None:
        """The expression has the same value on every machine."""
        for mention in self.mentions(expr, Scope(), what):
            if mention.kind != "actor":
                self.refuse(mention, "HF203", f"{what} cannot depend on `{mention.name}`")

    def check_updates(self, updates: Sequence[tree.Update | tree.Perform], local: Mapping[str, Type]) -> None:
        """Updates happen at once, so none may speak about a place twice."""
        places: dict[str, Span] = {}
        for update in updates:
            if isinstance(update, tree.Perform):
                self.check_perform(update, local)
                continue
            self.check_update(update, local)
            text = written(update.place)
            if text in places:
                self.collector.error(
                    "HF202",
                    f"`{text}` gets two values at once",
                    at(update.place.span, "again here"),
                    also(places[text], "first here"),
                )
            places.setdefault(text, update.place.span)

    def check_update(self, update: tree.Update, local: Mapping[str, Type]) -> None:
        target = self.typer.type_of(update.place, local)
        if isinstance(target, RefType | LockType | NoneType) or (isinstance(update.place, tree.Name) and target != BAD):
            self.collector.error("HF203", "this is not a cell", at(update.place.span))
            return
        if isinstance(update.place, tree.Member):
            base = self.typer.type_of(update.place.base, local)
            if isinstance(base, RefType):
                path = f"{base.path}.{update.place.name}" if base.path else update.place.name
                cell = self.program.cell(base.state, path)
                if cell is None and not isinstance(target, BadType):
                    self.collector.error("HF203", "a key cannot be changed", at(update.place.span))
                elif (
                    cell is not None
                    and isinstance(cell.discipline, tree.Plain)
                    and cell.discipline.kind in ("constant", "volatile")
                ):
                    self.collector.error(
                        "HF209",
                        f"`{cell.name}` is {cell.discipline.kind} and cannot be changed",
                        at(update.place.span),
                        also(cell.span, "declared here"),
                    )
        if isinstance(target, FifoType) and written(update.value) == "{}":
            help_ = "take members out one by one, with `remove`"
            self.typer.error("HF203", update.value.span, "a fifo cannot be replaced by a set", help_)
            return
        self.typer.expect(update.value, target, local)

    # ------------------------------------------------------------ calls

    def collect_calls(self, declarations: list[tree.Declaration]) -> None:
        for item in declarations:
            if isinstance(item, tree.Call):
                self.declare(item)
                present = self.exists(item.revisions)
                for name in self.timeline.names:
                    self.check_timeline(item, Timeline(self.timeline.names, name))
                if not present:
                    self.absent.add(item.name)
                call = self.call(item) if present else None
                if call is not None:
                    self.program.calls[item.name] = call
        numbers: dict[int, tree.Number] = {}
        for call in self.program.calls.values():
            if call.number is not None:
                first = numbers.setdefault(call.number.value, call.number)
                if first is not call.number:
                    self.collector.error(
                        "HF202",
                        f"two calls have the number {call.number.value:#x}",
                        at(call.number.span),
                        also(first.span, "first here"),
                    )

    def check_timeline(self, item: tree.Call, line: Timeline) -> None:
        """The text of each revision in which the call exists has one number and one result per outcome."""
        quiet = Collector()
        if not line.exists(item.revisions, quiet):
            return
        numbers = [n for n in item.clauses if isinstance(n, tree.Number) and line.exists(n.revisions, quiet)]
        if any(isinstance(c, tree.Number) for c in item.clauses) and len(numbers) != 1:
            what = "no number" if not numbers else "two numbers"
            self.collector.error("HF207", f"`{item.name}` has {what} at {line.chosen}", at(item.name_span))
        for outcome in item.clauses:
            if isinstance(outcome, tree.Reject | tree.Case) and line.exists(outcome.revisions, quiet):
                for kind in (tree.Returns, tree.Next):
                    given = [c for c in outcome.consequences if isinstance(c, kind)]
                    current = [c for c in given if line.exists(c.revisions, quiet)]
                    if len(current) > 1 or (given and not current):
                        what = "more than one" if current else "no"
                        word = "result" if kind is tree.Returns else "`next`"
                        self.collector.error(
                            "HF207",
                            f"`{item.name}.{outcome.name}` has {what} {word} at {line.chosen}",
                            at(outcome.name_span),
                        )

    def call(self, item: tree.Call) -> Call | None:
        clauses = item.clauses
        impls = [c for c in clauses if isinstance(c, tree.Impl)]
        results = [c for c in clauses if isinstance(c, tree.Result)]
        protocols = [c for c in clauses if isinstance(c, tree.Protocol)]
        actors = [c for c in clauses if isinstance(c, tree.By)]
        for what, found, least in (
            ("impl", impls, 1),
            ("ret", results, 0),
            ("protocol", protocols, 0),
            ("by", actors, 0),
        ):
            if not least <= len(found) <= 1:
                self.collector.error("HF213", f"`{item.name}` has {len(found)} `{what}` clauses", at(item.name_span))
                return None
        if ":" not in impls[0].target:
            self.collector.error("HF214", 'an implementation is named "module:function"', at(impls[0].span))
            return None
        actor = self.call_actor(item, actors)
        named = [c for c in clauses if isinstance(c, tree.Argument | tree.Let)]
        self.typer.local_names((c.name, c.span if isinstance(c, tree.Argument) else c.name_span) for c in named)
        local: dict[str, Type] = {}
        arguments: list[tuple[tree.Argument, Type]] = []
        for argument in clauses:
            if isinstance(argument, tree.Argument):
                type_ = self.typer.resolve_type(argument.type)
                if argument.register in [a.register for a, _ in arguments]:
                    self.collector.error("HF202", f"`{argument.register}` carries two arguments", at(argument.span))
                if not fits_register(type_):
                    self.collector.error("HF203", f"a register cannot carry {type_}", at(argument.type.span))
                local[argument.name] = type_
                arguments.append((argument, type_))
        lets = [c for c in clauses if isinstance(c, tree.Let)]
        for let in lets:
            local[let.name] = self.typer.type_of(let.value, local)
        givens = tuple(c for c in clauses if isinstance(c, tree.Given))
        for given in givens:
            self.typer.boolean(given.value, local)
            scope = Scope(local, lets={let.name: let for let in lets})
            self.constant_only(given.value, scope, "a `given`", call=True)
        result = (results[0], self.typer.resolve_type(results[0].type)) if results else None
        if result is not None and not fits_register(result[1]) and not isinstance(result[1], OptionalType):
            self.collector.error("HF203", f"a register cannot carry {result[1]}", at(result[0].type.span))
        outcomes = self.outcomes(item, local, result[1] if result else None, actor)
        numbers = [n for n in clauses if isinstance(n, tree.Number) and self.exists(n.revisions)]
        for number in numbers:
            if number.value >= 1 << REGISTER_BITS:
                self.collector.error("HF204", f"{number.value:#x} does not fit {REGISTER_BITS} bits", at(number.span))
        call = Call(
            item.name,
            item.kind,
            numbers[0] if numbers else None,
            impls[0],
            actor,
            tuple(arguments),
            result,
            givens,
            tuple(lets),
            outcomes,
            protocols[0] if protocols else None,
            item.span,
            item.name_span,
            item.doc,
        )
        self.check_protocol(call, local)
        self.check_actors(call, Scope(local))
        return call

    def check_actors(self, call: Call, scope: Scope) -> None:
        """Nothing in the call speaks about an actor that is not its own."""
        expressions = [*(given.value for given in call.givens), *(let.value for let in call.lets)]
        found: list[Mention] = []
        for outcome in call.outcomes:
            expressions += [outcome.condition, *(c.value for c in (outcome.returns, outcome.next) if c is not None)]
            for update in (*outcome.effects, *outcome.later):
                if isinstance(update, tree.Update):
                    expressions += [update.place, update.value]
                else:
                    expressions += update.arguments
                    if update.action in self.program.actions:
                        found += mentions_of_action(self.typer, self.program.actions[update.action], update.span)
        if call.protocol is not None:
            expressions += [lock.place for step in call.protocol.steps for lock in step.locks]
        for expression in expressions:
            found += mentions(self.typer, expression, scope)
        for mention in found:
            if mention.kind == "actor" and mention.name != call.actor:
                message = f"`{mention.name}` has no meaning here: `{call.name}` runs for `{call.actor}`"
                self.refuse(mention, "HF201", message)

    def call_actor(self, item: tree.Call, actors: list[tree.By]) -> str:
        if actors:
            if actors[0].actor not in self.program.actors:
                self.typer.unknown(actors[0].span, "actor", actors[0].actor, self.program.actors)
            return actors[0].actor
        return next(iter(self.program.actors), "")

    def outcomes(
        self, item: tree.Call, local: Mapping[str, Type], result: Type | None, actor: str
    ) -> tuple[Outcome, ...]:
        found: list[Outcome] = []
        for clause in item.clauses:
            if not isinstance(clause, tree.Reject | tree.Case) or not self.exists(clause.revisions):
                continue
            if any(clause.name == other.name for other in found):
                self.collector.error("HF202", f"`{item.name}.{clause.name}` is declared twice", at(clause.name_span))
            is_reject = isinstance(clause, tree.Reject)
            if is_reject and any(not other.is_reject for other in found):
                self.collector.error(
                    "HF213", "rejects stand before cases: they are checked first", at(clause.name_span)
                )
            condition = clause.unless if isinstance(clause, tree.Reject) else clause.when
            self.typer.boolean(condition, local)
            found.append(self.outcome(item, clause, is_reject, condition, local, result, actor))
        if not any(not outcome.is_reject for outcome in found):
            self.collector.error("HF213", f"`{item.name}` has no case", at(item.name_span))
        return tuple(found)

    def outcome(
        self,
        item: tree.Call,
        clause: tree.Reject | tree.Case,
        is_reject: bool,
        condition: tree.Expr,
        local: Mapping[str, Type],
        result: Type | None,
        actor: str,
    ) -> Outcome:
        returns = [c for c in clause.consequences if isinstance(c, tree.Returns) and self.exists(c.revisions)]
        nexts = [c for c in clause.consequences if isinstance(c, tree.Next) and self.exists(c.revisions)]
        for value in (c for c in clause.consequences if isinstance(c, tree.Returns)):
            if result is None:
                self.collector.error("HF213", f"`{item.name}` has no `ret`, so nothing can be returned", at(value.span))
            else:
                self.typer.expect(value.value, result, local)
        if result is not None and not returns:
            self.collector.error(
                "HF213", f"`{item.name}.{clause.name}` does not say what it returns", at(clause.name_span)
            )
        for target in nexts:
            found = self.typer.type_of(target.value, local)
            if not isinstance(found, RefType | BadType) or (isinstance(found, RefType) and found.path):
                self.collector.error("HF203", f"`next` is {found}, not an object", at(target.value.span))
        groups: dict[bool, list[tree.Update | tree.Perform]] = {False: [], True: []}
        for effect in (c for c in clause.consequences if isinstance(c, tree.Effect)):
            groups[effect.later] += effect.updates
        for group in groups.values():
            self.check_updates(group, local)
        ends = [c for c in clause.consequences if isinstance(c, tree.Ends)]
        for end in ends:
            if end.actor != actor:
                message = f"`{item.name}` runs for `{actor}`, so nobody else's part can end here"
                self.collector.error("HF213", message, at(end.span))
            elif nexts:
                message = "who names a `next` plays its part no longer: leave `ends` out"
                self.collector.error("HF213", message, at(end.span))
        return Outcome(
            clause.name,
            is_reject,
            condition,
            returns[0] if returns else None,
            nexts[0] if nexts else None,
            tuple(groups[False]),
            tuple(groups[True]),
            bool(ends),
            clause.span,
            clause.name_span,
            clause.doc,
        )

    def check_perform(self, perform: tree.Perform, local: Mapping[str, Type]) -> None:
        action = self.program.actions.get(perform.action)
        if action is None:
            self.typer.unknown(perform.span, "action", perform.action, self.program.actions)
        elif len(action.parameters) != len(perform.arguments):
            self.collector.error(
                "HF203",
                f"`{action.name}` takes {len(action.parameters)} arguments, not {len(perform.arguments)}",
                at(perform.span),
            )
        else:
            for argument, parameter in zip(perform.arguments, action.parameters, strict=True):
                self.typer.expect(argument, self.typer.resolve_type(parameter.type), local)

    def check_protocol(self, call: Call, local: Mapping[str, Type]) -> None:
        if call.protocol is None:
            for outcome in call.outcomes:
                if outcome.later:
                    message = f"`{call.name}.{outcome.name}` has `later` updates but no protocol"
                    self.collector.error("HF212", message, at(outcome.name_span))
            return
        names = {outcome.name for outcome in call.outcomes}
        for step in call.protocol.steps:
            for case in step.cases:
                if case.name not in names:
                    self.typer.unknown(case.span, "case", case.name, names)
            for lock in step.locks:
                found = self.typer.type_of(lock.place, local)
                if not isinstance(found, LockType | BadType):
                    self.collector.error("HF212", f"this is {found}, not a lock", at(lock.place.span))
        for outcome in call.outcomes:
            commits = call.steps("commit", outcome.name)
            afters = call.steps("after", outcome.name)
            if len(commits) != 1:
                what = "no `commit` line" if not commits else "two `commit` lines"
                self.collector.error(
                    "HF212",
                    f"`{call.name}.{outcome.name}` has {what}",
                    at(outcome.name_span),
                    also(call.protocol.span, "in this protocol"),
                )
            if bool(outcome.later) != bool(afters):
                what = "`later` updates but no `after` line" if outcome.later else "an `after` line but nothing `later`"
                self.collector.error("HF212", f"`{call.name}.{outcome.name}` has {what}", at(outcome.name_span))

    def check_scenario(self, scenario: tree.Scenario) -> None:
        for step in scenario.steps:
            call = self.program.calls.get(step.call)
            if call is None:
                self.typer.unknown(step.span, "call", step.call, self.program.calls)
                continue
            if step.case not in [outcome.name for outcome in call.outcomes]:
                self.typer.unknown(step.span, "case", step.case, [o.name for o in call.outcomes])
            types = {argument.name: type_ for argument, type_ in call.arguments}
            for name, value in step.arguments:
                if name not in types:
                    self.typer.unknown(value.span, "argument", name or "?", types)
                else:
                    self.typer.expect(value, types[name], {})
                    self.mentions(value, Scope(), "the argument of a scenario")

    def check_recursion(self) -> None:
        """Definitions must not use themselves: each is unfolded where it is used."""
        program = self.program
        bodies: dict[str, tuple[Span, list[tree.Expr], set[str]]] = {}
        for pure in program.pures.values():
            bodies[pure.name] = (pure.name_span, [pure.body], {p.name for p in pure.parameters})
        for let in program.lets.values():
            bodies[let.name] = (let.name_span, [let.value], set())
        for name, (_, value) in program.consts.items():
            bodies[name] = (self.names[name], [value], set())
        for state in program.states.values():
            bodies[state.name] = (state.span, [key.below for key in state.keys], {key.name for key in state.keys})
        uses = {
            name: {n.text for body in group for n in walk(body) if isinstance(n, tree.Name)} & bodies.keys() - local
            for name, (_, group, local) in bodies.items()
        }
        reach = {name: _reachable(name, uses) for name in bodies}
        reported: set[str] = set()
        for name, (span, _, _) in bodies.items():
            if name in reach[name] and name not in reported:
                others = [other for other in reach[name] if name in reach[other] and other != name]
                reported |= {name, *others}
                message = f"`{name}` is defined by itself" + (f", through `{others[0]}`" if others else "")
                self.collector.error(
                    "HF203", message, at(span), *(also(bodies[o][0], "defined here") for o in others[:1])
                )


def written(expr: tree.Expr) -> str:
    """An expression in one normal form, to compare two of them."""
    match expr:
        case tree.Name(_, text):
            return text
        case tree.Literal(_, value):
            return str(value).lower()
        case tree.Member(_, base, name):
            return f"{written(base)}.{name}"
        case tree.Index(_, base, arguments):
            return f"{written(base)}[{', '.join(map(written, arguments))}]"
        case tree.SetLiteral(_, items):
            return "{" + ", ".join(map(written, items)) + "}"
        case _:
            return f"({expr.span.line}:{expr.span.column})"


def _parts_of(item: tree.TypeAlias | tree.Enum | tree.Encoding) -> set[str]:
    """The names of the types of which a type is made."""
    found: set[str] = set()
    pending: list[tree.Type | int] = [item.type]
    if isinstance(item, tree.Encoding):
        pending += [field.type for variant in item.variants for field in variant.fields]
    while pending:
        part = pending.pop()
        if isinstance(part, tree.Type):
            found.add(part.name)
            pending += part.arguments
    return found


def _reachable(name: str, uses: Mapping[str, set[str]]) -> list[str]:
    found: list[str] = []
    pending = sorted(uses[name])
    while pending:
        other = pending.pop(0)
        if other not in found:
            found.append(other)
            pending += sorted(uses[other])
    return found


def _cycle(names: list[str], after: Mapping[str, set[str]]) -> list[str]:
    """One way round: each of the names comes after another of them, so going backwards must repeat one."""
    path = [names[0]]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in names if path[-1] in after[name]))
    return path[path.index(path[-1]) :][::-1]


def _is_guarded(cell: Cell, lock: Lock) -> bool:
    """Whether the cell changes under this lock only; who owns a cell changes it without."""
    return isinstance(cell.discipline, tree.GuardedBy) and f"{cell.state}.{cell.discipline.lock}" == lock.name


def _is_stable(mention: Mention) -> bool:
    """Whether the cell changes only where others see it: it is the object's own, under a lock or an owner."""
    assert mention.cell is not None
    return mention.cell.is_constant or (mention.own and not isinstance(mention.cell.discipline, tree.Plain))


def _renamed(type_: Type, name: str) -> Type:
    return IntType(name, type_.low, type_.high) if isinstance(type_, IntType) else type_


__all__ = ["BAD", "resolve", "walk"]
