"""Collect the declarations of the proof files, and see that they fit the specification.

Reads   syntax.tree.Layout, Represent, Contract, Loop, Trust, Accept
Gives   the program's layout, represented states, contracts, loop facts and what it trusts
Refuses what is said twice (HF202), a class, list, layout, contract or loop fact that does not fit (HF216)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hfverify.diagnostics import Span, also, at
from hfverify.model.context import Context
from hfverify.model.expressions import dotted, walk
from hfverify.model.mentions import Mention, Scope, mentions, own_scope
from hfverify.model.program import Represent, list_node
from hfverify.model.types import BOOL, INT, BadType, BitsType, FifoType, IntType, RefType, Type
from hfverify.syntax import tree


def collect_layouts(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """The layout, which gives the nodes of lists a type."""
    for item in declarations:
        if isinstance(item, tree.Layout):
            context.declare(item)
            context.program.types[item.name] = IntType(item.name, 0, None)
            if context.program.layout is not None:
                context.collector.error("HF216", "there is more than one layout", at(item.name_span))
            context.program.layout = item


def collect_proof_files(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All other declarations that only proof files have; the states are collected."""
    program = context.program
    for item in declarations:
        match item:
            case tree.Represent():
                if item.name in program.represents:
                    context.names.error("HF202", item.name_span, f"`{item.name}` is represented twice")
                program.represents[item.name] = Represent(item.target, _mappings(context, item), item.name_span)
            case tree.Trust():
                if program.trusts.setdefault(item.name, item) is not item:
                    context.names.error("HF202", item.name_span, f"`{item.name}` is trusted twice")
            case tree.Accept():
                if program.accepted.setdefault(item.name, item) is not item:
                    context.names.error("HF202", item.name_span, f"`{item.name}` is accepted twice")
                if not item.because.strip():
                    context.names.error("HF216", item.span, "say why it is enough that it is tested")
            case tree.Contract():
                program.contracts += (item,)
            case tree.Loop():
                if program.loops.setdefault((item.name, item.position), item) is not item:
                    message = f"two facts speak about loop {item.position} of `{item.name}`"
                    context.names.error("HF202", item.name_span, message)


def _mappings(context: Context, item: tree.Represent) -> dict[str, tree.Mapping]:
    """The mappings by attribute, without lists whose cell another revision has."""
    found: dict[str, tree.Mapping] = {}
    for mapping in item.mappings:
        if isinstance(mapping, tree.MapsList | tree.MapsWords) and f"{item.name}.{mapping.cell}" in context.absent:
            continue
        if found.setdefault(mapping.path, mapping) is not mapping:
            context.names.error("HF202", mapping.span, f"`{item.name}.{mapping.path}` is represented twice")
    return found


def check_proof_files(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All declarations that only proof files have."""
    check = _Check(context)
    for item in declarations:
        if isinstance(item, tree.Layout):
            check.layout(item)
    for item in declarations:
        match item:
            case tree.Represent():
                check.represent(item)
            case tree.Contract():
                check.contract(item)
            case tree.Trust():
                check.target(item.target, item.name_span, "what is trusted", "module:name")
            case tree.Loop():
                check.target(item.name, item.name_span, "a function", "module:function")
    check.contracts([item for item in declarations if isinstance(item, tree.Contract)])


class _Check:
    def __init__(self, context: Context) -> None:
        self.program = context.program
        self.collector = context.collector
        self.names = context.names
        self.typer = context.typer

    def error(self, span: Span, message: str, help_: str = "") -> None:
        self.names.error("HF216", span, message, help_)

    def target(self, text: str, span: Span, what: str, form: str) -> None:
        module, colon, name = text.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), name)):
            self.error(span, f'{what} is named "{form}"')

    # ------------------------------------------------------------ what represents a state

    def represent(self, item: tree.Represent) -> None:
        if item.name not in self.program.states:
            self.names.unknown(item.name_span, "state", item.name, self.program.states)
            return
        self.target(item.target, item.name_span, "a class", "module:Class")
        scope = Scope(own_scope(self.program, item.name), item.name)
        for mapping in self.program.represents[item.name].mappings.values():
            self.mapping(item.name, mapping, scope)
        self.shared(item.name)

    def shared(self, state: str) -> None:
        """Two attributes that stand for the same cell would change each other."""
        holders: dict[str, str] = {}
        cells = self.program.states[state].cells
        for mapping in self.program.represents[state].mappings.values():
            match mapping:
                case tree.MapsTo(place=place):
                    held = {dotted(inner) for inner in walk(place)} & cells.keys()
                case tree.MapsList(cell=cell) | tree.MapsWords(cell=cell):
                    held = {cell}
                case _:
                    held = set()
            for cell in sorted(held):
                other = holders.setdefault(cell, mapping.path)
                if other != mapping.path and not cells[cell].is_constant:
                    self.error(mapping.span, f"`{mapping.path}` and `{other}` would both stand for `{state}.{cell}`")

    def mapping(self, state: str, mapping: tree.Mapping, scope: Scope) -> None:
        local = scope.local
        match mapping:
            case tree.MapsTo(span, _, place):
                self.object(place, local, span, "an attribute can only stand for an object: `state[…]`")
                self.plain(place, scope)
            case tree.MapsMany(span, _, variable, place, count):
                inner = {**local, variable: INT}
                self.object(place, inner, span, "an item can only stand for an object: `state[…]`")
                self.typer.expect(count, INT, local)
                self.plain(place, Scope(inner, scope.own, bound=frozenset({variable})))
                self.plain(count, scope)
                self.fixed(count, scope)
            case tree.MapsNone(span, path, condition):
                self.typer.boolean(condition, local)
                self.plain(condition, scope)
                if not self.program.states[state].has_part(path):
                    self.error(span, f"`{state}` has no cells below `{path}`")
            case tree.MapsWords(span, _, path, width):
                cell = self.program.cell(state, path)
                if cell is None or not isinstance(cell.type, BitsType):
                    self.names.unknown(span, "set of bits", f"{state}.{path}", self.program.states[state].cells)
                elif width <= 0 or cell.type.width % width:
                    self.error(span, f"{cell.type} are not a whole number of words of {width} bits")
            case tree.MapsList():
                self.list(state, mapping)

    def object(self, place: tree.Expr, local: Mapping[str, Type], span: Span, message: str) -> None:
        found = self.typer.type_of(place, local)
        is_place = isinstance(place, tree.Index | tree.Name)
        if found != BadType() and not (isinstance(found, RefType) and not found.path and is_place):
            self.error(span, message)

    def plain(self, expr: tree.Expr, scope: Scope) -> None:
        for mention in mentions(self.typer, expr, scope):
            if mention.kind != "cell":
                message = f"`{mention.name}` has no meaning here: an object looks the same to everybody"
                self.names.error("HF201", mention.span, message)
            elif mention.cell is not None and not mention.cell.is_constant and not mention.own:
                self.error(mention.span, f"what represents an object cannot depend on `{mention.name}` of another")
            elif mention.cell is not None and mention.cell.is_fickle:
                self.error(mention.span, f"`{mention.name}` may change at any time, so it cannot represent anything")

    def fixed(self, expr: tree.Expr, scope: Scope) -> None:
        """A sequence has the same length at every time."""
        for mention in mentions(self.typer, expr, scope):
            if mention.cell is not None and not mention.cell.is_constant:
                self.error(mention.span, f"the count of a sequence cannot depend on `{mention.name}`, which changes")

    def list(self, state: str, mapping: tree.MapsList) -> None:
        """The nodes of a list are found from its owner's keys and the member, so these, and only these, index them."""
        span, place = mapping.span, mapping.place
        cell = self.program.cell(state, mapping.cell)
        if cell is None or not isinstance(cell.type, FifoType):
            self.names.unknown(span, "fifo", f"{state}.{mapping.cell}", self.program.states[state].cells)
            return
        shaped = (
            isinstance(place, tree.Member)
            and isinstance(place.base, tree.Index)
            and isinstance(place.base.base, tree.Name)
        )
        if not shaped or list_node(mapping)[0] not in self.program.states:
            self.error(place.span, "a list runs through an attribute of a state: `state[…].attribute`")
            return
        assert isinstance(place, tree.Member)
        assert isinstance(place.base, tree.Index)
        node = self.program.states[list_node(mapping)[0]]
        keys = [key.name for key in self.program.states[state].keys]
        given = [argument.text if isinstance(argument, tree.Name) else "" for argument in place.base.arguments]
        wanted = sorted([*keys, mapping.variable])
        if mapping.variable in keys:
            self.error(span, f"`{mapping.variable}` is a key of `{state}`: name the member otherwise")
        elif len(given) != len(node.keys):
            self.error(place.span, f"`{node.name}` has {len(node.keys)} keys, not {len(given)}")
        elif sorted(given) != wanted:
            self.error(place.span, f"the nodes of this list are found by {_and(wanted)}, each once and as it is")
        else:
            types = {key.name: key.type for key in self.program.states[state].keys} | {
                mapping.variable: cell.type.element
            }
            for argument, key in zip(given, node.keys, strict=True):
                if types[argument] != key.type:
                    self.error(
                        place.span,
                        f"`{argument}` is {types[argument]}, but the key `{key.name}` of `{node.name}` is {key.type}",
                    )
        if self.program.cell(*list_node(mapping)) is not None:
            self.error(place.span, f"`{'.'.join(list_node(mapping))}` is a cell, so it cannot link a list")

    # ------------------------------------------------------------ how lists are laid out

    def layout(self, item: tree.Layout) -> None:
        self.target(item.target, item.name_span, "a class", "module:Class")
        self.names.local_names((link.name, link.span) for link in item.links)
        self.typer.layout = {link.name: self.names.resolve_type(link.type) for link in item.links}
        node = self.program.types[item.name]
        if sum(found != node for found in self.typer.layout.values()) != 1:
            self.error(
                item.name_span,
                f"a layout has one link to the owner, `optional<{item.name}>`; all others are `{item.name}`",
            )
        shapes: list[list[Type]] = []
        for view in item.views:
            self.names.local_names((p.name, p.span) for p in view.parameters)
            local = {p.name: self.names.resolve_type(p.type) for p in view.parameters}
            shapes.append(list(local.values()))
            for fact in view.facts:
                self.typer.boolean(fact.value, local)
                self.nothing_else(mentions(self.typer, fact.value, Scope(local)), "a view")
        assert isinstance(node, IntType)
        list_shape: list[Type] = [node, FifoType(node)]
        for shape, what in ((list_shape, "a head and its fifo"), (list_shape[:1], "one node")):
            if shapes.count(shape) != 1:
                self.error(item.name_span, f"a layout needs exactly one view of {what}")

    def nothing_else(self, found: Sequence[Mention], what: str) -> None:
        for mention in found:
            self.error(mention.span, f"{what} can speak about nodes and lists only, not about `{mention.name}`")

    # ------------------------------------------------------------ contracts

    def contracts(self, items: Sequence[tree.Contract]) -> None:
        """Contracts of one function are told apart by the kind of their first role."""
        seen: dict[tuple[str, str], tree.Contract] = {}
        for item in items:
            first = seen.setdefault((item.name, item.roles[0].kind), item)
            if first is not item:
                self.collector.error(
                    "HF202",
                    f"two contracts of `{item.name}` have the same first role",
                    at(item.name_span, "again here"),
                    also(first.name_span, "first here"),
                )

    def contract(self, item: tree.Contract) -> None:
        self.target(item.name, item.name_span, "a function", "module:function")
        if self.program.layout is None:
            self.error(item.name_span, "a contract needs a layout")
            return
        node = self.program.types[self.program.layout.name]
        assert isinstance(node, IntType)
        self.names.local_names((role.name, role.span) for role in item.roles)
        nodes = {role.name for role in item.roles if role.kind != "list"}
        local: dict[str, Type] = {role.name: node if role.name in nodes else FifoType(node) for role in item.roles}
        for role in item.roles:
            if role.kind == "element":
                if role.of in nodes:
                    self.error(role.span, f"`{role.of}` is not a list")
                local.setdefault(role.of, FifoType(node))
            if (role.kind == "element") != bool(role.of):
                self.error(role.span, "an element is `of` a list, and nothing else is")
        scope = Scope(local)
        for condition in item.requires:
            self.typer.boolean(condition, local)
            self.nothing_else(mentions(self.typer, condition, scope), "a contract")
        for update in item.effects:
            if not isinstance(update.place, tree.Name) or not isinstance(local.get(update.place.text), FifoType):
                self.error(update.place.span, "the effect of a contract is on a list that its roles name")
                continue
            self.typer.expect(update.value, local[update.place.text], local)
            self.nothing_else(mentions(self.typer, update.value, scope), "a contract")
        if item.returns is not None:
            self.returns(item.returns, local)
            self.nothing_else(mentions(self.typer, item.returns, scope), "a contract")

    def returns(self, value: tree.Expr, local: Mapping[str, Type]) -> None:
        found = self.typer.type_of(value, local)
        match value:
            case tree.Apply(_, tree.Name(_, "first"), (tree.Name(_, queue),)) if isinstance(local.get(queue), FifoType):
                return
        if found not in (BOOL, BadType()):
            self.error(value.span, "a contract returns a condition, or `first` of a list that its roles name")


def _and(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
