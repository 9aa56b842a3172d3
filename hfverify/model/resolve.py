"""Turn the trees of all files into one program.

Reads   syntax.tree.Module, in any order
Gives   model.program.Program for one revision
Refuses everything that a reader of the specification alone can see to be wrong (HF1xx, HF2xx)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hfverify.diagnostics import Collector, Span, also, at
from hfverify.model.program import Actor, Call, Cell, Key, Lock, Outcome, Program, Represent, State, Variant, list_node
from hfverify.model.mentions import Mention, Scope, mentions, mentions_of_action, walk
from hfverify.model.proof_files import check_contract, check_layout, check_represent
from hfverify.model.revisions import Timeline, timeline
from hfverify.model.types import (
    BAD,
    BOOL,
    INT,
    BadType,
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
    is_integral,
)
from hfverify.model.typing import BUILTINS, TYPES, Typer
from hfverify.syntax import tree
from hfverify.syntax.parse import PROOF

BUILT_IN = frozenset((*BUILTINS, *TYPES))
PROOF_ONLY = (tree.Represent, tree.Layout, tree.Contract, tree.Loop)
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
                    "HF202", f"two files are the module `{module.name}`",
                    at(module.name_span, "again here"), also(first.name_span, "first here"),
                )
        for module in self.modules:
            for imported in module.imports:
                if imported.name not in names:
                    self.typer.unknown(imported.span, "module", imported.name, names)
            proof = module.span.file.endswith(PROOF)
            for declaration in module.declarations:
                if isinstance(declaration, SPEC_ONLY if proof else PROOF_ONLY):
                    place = "a proof file" if proof else "a specification"
                    self.collector.error("HF205", f"this declaration cannot stand in {place}", at(declaration.name_span))

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
        for item in declarations:
            self.collect_type(item)
        for item in declarations:
            self.collect_state(item)
        for item in declarations:
            self.collect_rest(item)
        self.collect_locks(declarations)

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
                self.collector.error("HF202", f"two names of `{item.name}` have the number {number}", at(entry.name_span))
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
                self.collector.error("HF208", f"`{variant.name}` and the tag of `{item.name}` do not agree", at(variant.name_span))
            elif item.tag is not None and variant.tag is not None:
                if variant.tag >= 1 << (item.tag[1] - item.tag[0] + 1):
                    self.collector.error("HF208", f"the tag {variant.tag} does not fit bits {item.tag[0]} .. {item.tag[1]}", at(variant.name_span))
                if variant.tag in tags:
                    self.collector.error("HF208", f"`{variant.name}` and `{tags[variant.tag]}` have the same tag", at(variant.name_span))
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
                self.collector.error("HF208", f"bits {field.low} .. {field.high} are not in {width} bits", at(field.span))
            elif high is not None and high.bit_length() > room and not field.truncated:
                self.collector.error(
                    "HF208", f"{type_} does not fit {room} bits", at(field.span), notes=(("help", "say `truncated` if the top bits are lost"),)
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
                continue
            if cell.name in cells:
                self.collector.error(
                    "HF202", f"the cell `{cell.name}` is declared twice, so it has two disciplines",
                    at(cell.name_span, "again here"), also(cells[cell.name].span, "first here"),
                )
            for other in cells:
                if other.startswith(cell.name + ".") or cell.name.startswith(other + "."):
                    self.collector.error("HF202", f"`{cell.name}` and `{other}` cannot both be cells", at(cell.name_span))
            type_ = self.typer.resolve_type(cell.type)
            if not is_scalar(type_) and not isinstance(type_, FifoType | BytesType):
                self.collector.error(
                    "HF203", f"a cell cannot hold {type_}", at(cell.type.span),
                    notes=(("help", "keep the object's keys, and say in a proof file what the attribute `is`"),),
                )
            if cell.name.split(".")[0] in named:
                self.collector.error(
                    "HF202", f"`{cell.name.split('.')[0]}` is a key of `{item.name}` already", at(cell.name_span)
                )
            cells[cell.name] = Cell(item.name, cell.name, type_, cell.initial, cell.discipline, cell.name_span, cell.doc)
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
                program.actors[item.name] = Actor(item.name, item.state, item.facts, item.name_span)
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
                    if mappings.setdefault(mapping.path, mapping) is not mapping:
                        self.collector.error("HF202", f"`{item.name}.{mapping.path}` is represented twice", at(mapping.span))
                program.represents[item.name] = Represent(item.name, item.target, mappings, item.name_span)
            case tree.Contract():
                program.contracts += (item,)
            case tree.Loop():
                if program.loops.setdefault((item.name, item.position), item) is not item:
                    self.collector.error("HF202", f"two facts speak about loop {item.position} of `{item.name}`", at(item.name_span))

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
            for lock in order.locks:
                if lock.text not in locks:
                    self.typer.unknown(lock.span, "lock", lock.text, locks)
            for left, right in zip(order.locks, order.locks[1:], strict=False):
                if left.text in locks and right.text in locks:
                    after[left.text].add(right.text)
                    spans.setdefault((left.text, right.text), order.span)
        mentioned = {lock.text for order in orders for lock in order.locks}
        for name, lock in locks.items():
            if len(locks) > 1 and name not in mentioned:
                self.collector.error("HF211", f"the order does not say where `{name}` stands", at(lock.name_span))
        ranks: dict[str, int] = {}
        while remaining := [name for name in locks if name not in ranks]:
            free = [n for n in remaining if not any(n in after[m] for m in remaining)]
            if not free:
                cycle = _cycle(remaining, after)
                pairs = list(zip(cycle, cycle[1:], strict=False))
                places = list(dict.fromkeys(spans[pair] for pair in pairs))
                labels = [at(places[0], "this order"), *(also(place, "and this one") for place in places[1:2])]
                self.collector.error("HF211", "the lock order has a cycle: " + " -> ".join(cycle), *labels)
                break
            for name in free:
                ranks[name] = len(ranks)
        return ranks

    # ------------------------------------------------------------ second pass: meaning

    def scope(self, state: str) -> dict[str, Type]:
        """What an expression inside a state can name: its keys and the first part of each cell."""
        found = self.program.states[state]
        local: dict[str, Type] = {key.name: key.type for key in found.keys}
        for path, cell in found.cells.items():
            first = path.split(".")[0]
            local[first] = cell.type if first == path else RefType(state, first)
        return local

    def check(self, declarations: list[tree.Declaration]) -> None:
        for state in self.program.states.values():
            self.check_state(state)
        for item in declarations:
            match item:
                case tree.Const():
                    self.typer.expect(item.value, self.program.consts[item.name][0], {})
                case tree.Pure():
                    local = {p.name: self.typer.resolve_type(p.type) for p in item.parameters}
                    self.typer.expect(item.body, self.typer.resolve_type(item.type), local)
                case tree.Action():
                    local = {p.name: self.typer.resolve_type(p.type) for p in item.parameters}
                    for update in item.updates:
                        self.check_update(update, local)
                case tree.Let():
                    self.typer.type_of(item.value, {})
                case tree.Thread():
                    self.typer.expect(item.below, INT, {})
                case tree.Actor():
                    self.check_actor(item)
                case tree.Invariant() if self.exists(item.revisions):
                    self.check_invariant(item)
                case tree.Assume():
                    self.typer.boolean(item.value, {})
                    self.constant_only(item.value, {}, "an assumption")
                case tree.Represent():
                    self.check_represent(item)
                case tree.Layout():
                    self.check_layout(item)
                case tree.Contract():
                    self.check_contract(item)
        self.collect_calls(declarations)
        for scenario in self.program.scenarios.values():
            self.check_scenario(scenario)
        self.check_recursion()

    def check_state(self, state: State) -> None:
        local = self.scope(state.name)
        for key in state.keys:
            self.typer.expect(key.below, INT, {k.name: k.type for k in state.keys})
        for cell in state.cells.values():
            if cell.initial is not None:
                self.typer.expect(cell.initial, cell.type, {})
            match cell.discipline:
                case tree.GuardedBy():
                    self.check_guard(state, cell, cell.discipline)
                case tree.OwnedBy(span, owner, condition, otherwise):
                    if self.program.thread is None:
                        self.collector.error("HF209", "`owned by` needs a `thread`", at(span))
                    owned = self.typer.type_of(owner, local)
                    if not is_integral(owned) and not isinstance(owned, OptionalType):
                        self.collector.error("HF203", f"the owner is {owned}, not a number", at(owner.span))
                    if condition is not None:
                        self.typer.boolean(condition, local)
                    if otherwise is not None:
                        self.check_guard(state, cell, otherwise)
                case tree.Plain(span, kind, because):
                    if kind == "volatile" and not because:
                        self.collector.error(
                            "HF209", "a volatile cell needs a reason", at(span), notes=(("help", 'write `volatile because "…"`'),)
                        )

    def check_guard(self, state: State, cell: Cell, guard: tree.GuardedBy) -> None:
        if f"{state.name}.{guard.lock}" not in self.program.locks:
            self.typer.unknown(guard.span, "lock", f"{state.name}.{guard.lock}", self.program.locks)
        if guard.set_once and cell.type != BOOL and not isinstance(cell.type, OptionalType):
            self.collector.error("HF209", f"`set once` needs bool or optional, not {cell.type}", at(guard.span))

    def check_actor(self, item: tree.Actor) -> None:
        if item.state not in self.program.states:
            self.typer.unknown(item.name_span, "state", item.state, self.program.states)
            return
        for fact in item.facts:
            self.typer.boolean(fact.value, self.scope(item.state))

    def check_invariant(self, item: tree.Invariant) -> None:
        lock = self.program.locks.get(item.lock.text)
        if lock is None:
            return
        self.typer.boolean(item.value, self.scope(lock.state))
        guarded = {cell.path for cell in self.program.guarded_by(lock)}
        for path, span in self.own_cells(item.value, lock.state):
            cell = self.program.states[lock.state].cells[path]
            if path not in guarded and not _is_constant(cell):
                self.collector.error(
                    "HF210", f"`{item.name}` is an invariant of `{lock.name}`, which does not guard `{path}`",
                    at(span), also(cell.span, "declared here"),
                )

    def own_cells(self, expr: tree.Expr, state: str) -> list[tuple[str, Span]]:
        """The cells of the state that an expression in its scope mentions."""
        found: list[tuple[str, Span]] = []
        for node in walk(expr):
            path = _dotted(node)
            if path in self.program.states[state].cells:
                found.append((path, node.span))
        return found

    def constant_only(self, expr: tree.Expr, local: Mapping[str, Type], what: str) -> None:
        for node in walk(expr):
            if isinstance(node, tree.Member):
                base = self.typer.type_of(node.base, local)
                if isinstance(base, RefType):
                    path = f"{base.path}.{node.name}" if base.path else node.name
                    cell = self.program.cell(base.state, path)
                    if cell is not None and not _is_constant(cell):
                        self.collector.error("HF209", f"{what} may only speak about constants, and `{cell.name}` changes", at(node.span))

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
                elif cell is not None and isinstance(cell.discipline, tree.Plain) and cell.discipline.kind in ("constant", "volatile"):
                    self.collector.error("HF209", f"`{cell.name}` is {cell.discipline.kind} and cannot be changed", at(update.place.span), also(cell.span, "declared here"))
        self.typer.expect(update.value, target, local)

    # ------------------------------------------------------------ calls

    def collect_calls(self, declarations: list[tree.Declaration]) -> None:
        for item in declarations:
            if isinstance(item, tree.Call):
                self.declare(item)
                present = self.exists(item.revisions)
                for name in self.timeline.names:
                    self.check_timeline(item, Timeline(self.timeline.names, name))
                call = self.call(item) if present else None
                if call is not None:
                    self.program.calls[item.name] = call
        numbers: dict[int, tree.Number] = {}
        for call in self.program.calls.values():
            if call.number is not None:
                first = numbers.setdefault(call.number.value, call.number)
                if first is not call.number:
                    self.collector.error("HF202", f"two calls have the number {call.number.value:#x}", at(call.number.span), also(first.span, "first here"))

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
                        self.collector.error("HF207", f"`{item.name}.{outcome.name}` has {what} {word} at {line.chosen}", at(outcome.name_span))

    def call(self, item: tree.Call) -> Call | None:
        clauses = item.clauses
        impls = [c for c in clauses if isinstance(c, tree.Impl)]
        results = [c for c in clauses if isinstance(c, tree.Result)]
        protocols = [c for c in clauses if isinstance(c, tree.Protocol)]
        actors = [c for c in clauses if isinstance(c, tree.By)]
        for what, found, least in (("impl", impls, 1), ("ret", results, 0), ("protocol", protocols, 0), ("by", actors, 0)):
            if not least <= len(found) <= 1:
                self.collector.error("HF213", f"`{item.name}` has {len(found)} `{what}` clauses", at(item.name_span))
                return None
        if ":" not in impls[0].target:
            self.collector.error("HF214", 'an implementation is named "module:function"', at(impls[0].span))
            return None
        actor = self.call_actor(item, actors)
        local: dict[str, Type] = {}
        arguments: list[tuple[tree.Argument, Type]] = []
        for argument in clauses:
            if isinstance(argument, tree.Argument):
                type_ = self.typer.resolve_type(argument.type)
                if argument.name in local or argument.register in [a.register for a, _ in arguments]:
                    self.collector.error("HF202", f"`{argument.register} {argument.name}` is declared twice", at(argument.span))
                local[argument.name] = type_
                arguments.append((argument, type_))
        lets = [c for c in clauses if isinstance(c, tree.Let)]
        for let in lets:
            if let.name in local:
                self.collector.error("HF202", f"`{let.name}` is declared twice", at(let.name_span))
            local[let.name] = self.typer.type_of(let.value, local)
        givens = tuple(c for c in clauses if isinstance(c, tree.Given))
        for given in givens:
            self.typer.boolean(given.value, local)
            self.constant_only(given.value, local, "a `given`")
        result = (results[0], self.typer.resolve_type(results[0].type)) if results else None
        outcomes = self.outcomes(item, local, result[1] if result else None)
        numbers = [n for n in clauses if isinstance(n, tree.Number) and self.exists(n.revisions)]
        call = Call(
            item.name, item.kind, numbers[0] if numbers else None, impls[0], actor, tuple(arguments), result, givens,
            tuple(lets), outcomes, protocols[0] if protocols else None, item.span, item.name_span, item.doc,
        )
        self.check_protocol(call, local)
        return call

    def call_actor(self, item: tree.Call, actors: list[tree.By]) -> str:
        if actors:
            if actors[0].actor not in self.program.actors:
                self.typer.unknown(actors[0].span, "actor", actors[0].actor, self.program.actors)
            return actors[0].actor
        return next(iter(self.program.actors), "")

    def outcomes(self, item: tree.Call, local: Mapping[str, Type], result: Type | None) -> tuple[Outcome, ...]:
        found: list[Outcome] = []
        for clause in item.clauses:
            if not isinstance(clause, tree.Reject | tree.Case) or not self.exists(clause.revisions):
                continue
            if any(clause.name == other.name for other in found):
                self.collector.error("HF202", f"`{item.name}.{clause.name}` is declared twice", at(clause.name_span))
            is_reject = isinstance(clause, tree.Reject)
            if is_reject and any(not other.is_reject for other in found):
                self.collector.error("HF213", "rejects stand before cases: they are checked first", at(clause.name_span))
            condition = clause.unless if isinstance(clause, tree.Reject) else clause.when
            self.typer.boolean(condition, local)
            found.append(self.outcome(item, clause, is_reject, condition, local, result))
        if not any(not outcome.is_reject for outcome in found):
            self.collector.error("HF213", f"`{item.name}` has no case", at(item.name_span))
        return tuple(found)

    def outcome(
        self, item: tree.Call, clause: tree.Reject | tree.Case, is_reject: bool, condition: tree.Expr,
        local: Mapping[str, Type], result: Type | None,
    ) -> Outcome:
        returns = [c for c in clause.consequences if isinstance(c, tree.Returns) and self.exists(c.revisions)]
        nexts = [c for c in clause.consequences if isinstance(c, tree.Next) and self.exists(c.revisions)]
        for value in (c for c in clause.consequences if isinstance(c, tree.Returns)):
            if result is None:
                self.collector.error("HF213", f"`{item.name}` has no `ret`, so nothing can be returned", at(value.span))
            else:
                self.typer.expect(value.value, result, local)
        if result is not None and not returns:
            self.collector.error("HF213", f"`{item.name}.{clause.name}` does not say what it returns", at(clause.name_span))
        for target in nexts:
            found = self.typer.type_of(target.value, local)
            if not isinstance(found, RefType | BadType) or (isinstance(found, RefType) and found.path):
                self.collector.error("HF203", f"`next` is {found}, not an object", at(target.value.span))
        groups: dict[bool, list[tree.Update | tree.Perform]] = {False: [], True: []}
        for effect in (c for c in clause.consequences if isinstance(c, tree.Effect)):
            for update in effect.updates:
                groups[effect.later].append(update)
                if isinstance(update, tree.Update):
                    self.check_update(update, local)
                else:
                    self.check_perform(update, local)
        return Outcome(
            clause.name, is_reject, condition, returns[0] if returns else None, nexts[0] if nexts else None,
            tuple(groups[False]), tuple(groups[True]), clause.span, clause.name_span, clause.doc,
        )

    def check_perform(self, perform: tree.Perform, local: Mapping[str, Type]) -> None:
        action = self.program.actions.get(perform.action)
        if action is None:
            self.typer.unknown(perform.span, "action", perform.action, self.program.actions)
        elif len(action.parameters) != len(perform.arguments):
            self.collector.error("HF203", f"`{action.name}` takes {len(action.parameters)} arguments, not {len(perform.arguments)}", at(perform.span))
        else:
            for argument, parameter in zip(perform.arguments, action.parameters, strict=True):
                self.typer.expect(argument, self.typer.resolve_type(parameter.type), local)

    def check_protocol(self, call: Call, local: Mapping[str, Type]) -> None:
        if call.protocol is None:
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
                self.collector.error("HF212", f"`{call.name}.{outcome.name}` has {what}", at(outcome.name_span), also(call.protocol.span, "in this protocol"))
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

    def check_recursion(self) -> None:
        """Definitions must not use themselves: each is unfolded where it is used."""
        bodies: dict[str, tuple[Span, list[tree.Expr]]] = {p.name: (p.name_span, [p.body]) for p in self.program.pures.values()}
        bodies |= {let.name: (let.name_span, [let.value]) for let in self.program.lets.values()}
        uses = {
            name: {n.text for body in group for n in walk(body) if isinstance(n, tree.Name) and n.text in bodies}
            for name, (_, group) in bodies.items()
        }
        for name, (span, _) in bodies.items():
            seen: set[str] = set()
            pending = set(uses[name])
            while pending:
                other = pending.pop()
                if other not in seen:
                    seen.add(other)
                    pending |= uses[other]
            if name in seen:
                self.collector.error("HF203", f"`{name}` is defined by itself", at(span))

    # ------------------------------------------------------------ proof files

    def check_represent(self, item: tree.Represent) -> None:
        if item.name not in self.program.states:
            self.typer.unknown(item.name_span, "state", item.name, self.program.states)
            return
        if ":" not in item.target:
            self.collector.error("HF216", 'a class is named "module:Class"', at(item.name_span))
        local = self.scope(item.name)
        for mapping in item.mappings:
            match mapping:
                case tree.MapsTo(span, _, place):
                    if not isinstance(self.typer.type_of(place, local), RefType | BadType):
                        self.collector.error("HF216", "an attribute can only stand for an object", at(span))
                case tree.MapsMany(_, _, variable, place, count):
                    self.typer.type_of(place, {**local, variable: INT})
                    self.typer.expect(count, INT, local)
                case tree.MapsNone(_, _, condition):
                    self.typer.boolean(condition, local)
                case tree.MapsList(span, _, cell, place, _):
                    target = self.program.cell(item.name, cell)
                    shaped = isinstance(place, tree.Member) and isinstance(place.base, tree.Index) and isinstance(place.base.base, tree.Name)
                    if target is None or not isinstance(target.type, FifoType):
                        self.typer.unknown(span, "fifo", f"{item.name}.{cell}", self.program.states[item.name].cells)
                    elif not shaped or list_node(mapping)[0] not in self.program.states:
                        self.collector.error("HF216", "a list runs through an attribute of a state: `state[…].attribute`", at(span))

    def check_layout(self, item: tree.Layout) -> None:
        self.typer.layout = {link.name: self.typer.resolve_type(link.type) for link in item.links}
        for view in item.views:
            local = {p.name: self.typer.resolve_type(p.type) for p in view.parameters}
            for fact in view.facts:
                self.typer.boolean(fact.value, local)

    def check_contract(self, item: tree.Contract) -> None:
        if self.program.layout is None:
            self.collector.error("HF216", "a contract needs a layout", at(item.span))
            return
        node = self.program.types[self.program.layout.name]
        assert isinstance(node, IntType)
        local: dict[str, Type] = {}
        for role in item.roles:
            if role.kind == "list":
                local[role.name] = FifoType(node)
            else:
                local[role.name] = node
                if role.kind == "element":
                    local.setdefault(role.of, FifoType(node))
        for condition in item.requires:
            self.typer.boolean(condition, local)
        for update in item.effects:
            self.typer.expect(update.value, self.typer.type_of(update.place, local), local)
        if item.returns is not None:
            self.typer.type_of(item.returns, local)


def walk(expr: tree.Expr) -> list[tree.Expr]:
    """The expression and everything inside it."""
    found: list[tree.Expr] = [expr]
    match expr:
        case tree.Member(_, base, _):
            found += walk(base)
        case tree.Index(_, base, arguments):
            found += [node for inner in (base, *arguments) for node in walk(inner)]
        case tree.Apply(_, function, arguments, keywords):
            found += [node for inner in (function, *arguments, *(v for _, v in keywords)) for node in walk(inner)]
        case tree.Unary(_, _, operand):
            found += walk(operand)
        case tree.Binary(_, _, left, right):
            found += walk(left) + walk(right)
        case tree.Conditional(_, condition, then, otherwise):
            found += walk(condition) + walk(then) + walk(otherwise)
        case tree.Quantified(_, _, _, body):
            found += walk(body)
        case tree.SetLiteral(_, items):
            found += [node for inner in items for node in walk(inner)]
    return found


def _cycle(names: list[str], after: Mapping[str, set[str]]) -> list[str]:
    """One way round: each of the names comes after another of them, so going backwards must repeat one."""
    path = [names[0]]
    while True:
        path.append(next(n for n in names if path[-1] in after[n]))
        if path[-1] in path[:-1]:
            return path[: path.index(path[-1]) - 1 : -1] if path.index(path[-1]) else path[::-1]


def _dotted(expr: tree.Expr) -> str:
    match expr:
        case tree.Name(_, text):
            return text
        case tree.Member(_, base, name):
            inner = _dotted(base)
            return f"{inner}.{name}" if inner else ""
        case _:
            return ""


def _is_constant(cell: Cell) -> bool:
    return isinstance(cell.discipline, tree.Plain) and cell.discipline.kind == "constant"


def _renamed(type_: Type, name: str) -> Type:
    return IntType(name, type_.low, type_.high) if isinstance(type_, IntType) else type_


__all__ = ["BAD", "resolve", "walk"]
