"""Prove that the list functions do what their contracts say, for lists of any length.

Reads   model.program contracts and layout, execute.paths
Gives   Subject for each contract: the layout's facts hold again, nothing outside the list changes
Refuses a function whose parameters are not the contract's roles (HF215)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from hfverify.diagnostics import Diagnostic, Rejected, also, at
from hfverify.execute.loops import WAIT
from hfverify.execute.paths import Path, explore
from hfverify.execute.source import Sources
from hfverify.execute.values import Maybe, Node, NoneValue, Opaque, Value
from hfverify.execute.world import World
from hfverify.logic.cells import Cells
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.values import Fifo, conjunction
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Program
from hfverify.model.types import FifoType, IntType
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group, Query
from hfverify.prove.small import Bounds
from hfverify.syntax import tree


@dataclass(slots=True)
class Roles:
    """The solver terms of a contract's roles: a node and a queue for each list, a node for each element."""

    heads: dict[str, z3.ArithRef] = field(default_factory=dict)
    queues: dict[str, Fifo] = field(default_factory=dict)
    elements: dict[str, tuple[z3.ArithRef, str]] = field(default_factory=dict)
    fresh: dict[str, z3.ArithRef] = field(default_factory=dict)

    def node(self, name: str) -> z3.ArithRef:
        """The node that a parameter of this name is given."""
        if name in self.heads:
            return self.heads[name]
        return self.elements[name][0] if name in self.elements else self.fresh[name]

    def names(self) -> dict[str, SpecValue | Thunk]:
        """What the names of the contract mean in its conditions."""
        return {**self.queues, **{name: term for name, (term, _) in self.elements.items()}, **self.fresh}

    def constants(self) -> list[z3.ArithRef]:
        """Every node with a name."""
        return [*self.heads.values(), *(term for term, _ in self.elements.values()), *self.fresh.values()]


def contract_name(program: Program, contract: tree.Contract) -> str:
    """`module.function`, with the kind of its first role where the function has several contracts."""
    module, _, function = contract.name.partition(":")
    several = sum(other.name == contract.name for other in program.contracts) > 1
    return f"{module.split('.')[-1]}.{function}" + (f"_of_{contract.roles[0].kind}" if several else "")


def contract_subject(program: Program, sources: Sources, contract: tree.Contract) -> Subject:
    """All questions about one contract."""
    layout = program.layout
    assert layout is not None
    function = sources.function(contract.name, contract.name_span)
    parameters = [a.arg for a in (*function.node.args.posonlyargs, *function.node.args.args)]
    if parameters != [role.name for role in contract.roles]:
        message = f"the parameters of `{function.name}` are not the roles of its contract"
        raise Rejected([Diagnostic("HF215", message, (at(function.span), also(contract.name_span, "this contract")))])
    roles = contract_roles(contract)

    def setup() -> tuple[World, dict[str, Value], dict[str, SpecValue | Thunk]]:
        world = _start(program, layout, contract, roles)
        return world, {name: Node(roles.node(name)) for name in parameters}, roles.names()

    paths = explore(program, sources, function, setup, use_contracts=False)
    subject = Subject(contract_name(program, contract))
    for kind, sentence in (
        ("supported", "every path is inside the executable subset of Python"),
        ("raises", "no path can raise an exception"),
        ("bounded", "every loop has a constant bound, or a fact that each turn keeps (that it ends is not proved)"),
    ):
        subject.add(kind, kind, sentence, contract.name_span, function.span)
    for path in paths:
        if path.refusal is not None:
            subject.refusals.append(path.refusal)
        group = Group([], [], _limits(layout, roles), path=path)
        for check in path.world.checks:
            diagnostic = Diagnostic(check.code, check.message, (at(check.span, "here"),))
            group.queries.append(Query(f"{subject.name}.{check.kind}", check.goal, diagnostic, (), check.depth))
        if path.ended == WAIT:
            labels = (at(path.trail[-1], "a turn of the loop ends here"),)
            diagnostic = Diagnostic("HF513", f"`{subject.name}` may wait for ever", labels)
            group.queries.append(Query(f"{subject.name}.bounded", z3.BoolVal(False), diagnostic, (), None))
        if not path.ended:
            group.guards.append((f"{subject.name}.reached", z3.BoolVal(True)))
            _goals(program, layout, contract, roles, path, group, subject)
        group.facts, group.assumptions = path.world.facts.formulas, path.world.assumptions
        subject.groups.append(group)
    subject.add(
        "reached", "reached", "some list satisfies what the contract requires", contract.name_span, function.span
    )
    return subject


def contract_roles(contract: tree.Contract) -> Roles:
    """The terms of a contract's roles; the same ones every time."""
    roles = Roles()

    def queue(name: str) -> None:
        roles.heads[name] = z3.Int(f"{name}.head")
        member, ticket = z3.ArraySort(z3.IntSort(), z3.BoolSort()), z3.ArraySort(z3.IntSort(), z3.IntSort())
        roles.queues[name] = Fifo(
            z3.Const(f"{name}.member", member), z3.Const(f"{name}.ticket", ticket), z3.Int(f"{name}.next")
        )

    for role in contract.roles:
        if role.kind == "list":
            queue(role.name)
        elif role.kind == "element":
            if role.of not in roles.heads:
                queue(role.of)
            roles.elements[role.name] = (z3.Int(role.name), role.of)
        else:
            roles.fresh[role.name] = z3.Int(role.name)
    return roles


def views(layout: tree.Layout) -> tuple[tree.View | None, tree.View | None]:
    """The view of a list through a head, and the view of a node that is on no list."""
    of_list = next((v for v in layout.views if len(v.parameters) == 2), None)
    of_node = next((v for v in layout.views if len(v.parameters) == 1), None)
    return of_list, of_node


def _start(program: Program, layout: tree.Layout, contract: tree.Contract, roles: Roles) -> World:
    world = World(program, z3.Int("thread"))
    arrays = {
        f"{layout.name}.{link.name}": (z3.Array(f"{layout.name}.{link.name}", z3.IntSort(), z3.IntSort()),)
        for link in layout.links
    }
    world.cells = Cells({**world.cells.terms, **arrays})
    world.base = world.cells
    node = program.types[layout.name]
    assert isinstance(node, IntType)
    for term in roles.constants():
        world.facts.typed(term, node)
    for name, queue in roles.queues.items():
        world.facts.typed(queue, FifoType(node))
        world.assume(conjunction([f for _, f in _list_facts(world, layout, roles.heads[name], queue, world.cells)]))
    for term, home in roles.elements.values():
        queue, head = roles.queues[home], roles.heads[home]
        lonely = conjunction([f for _, f in _node_facts(world, layout, term, world.cells)])
        world.assume(z3.And(term != head, z3.Or(queue.has(term), lonely)))
        for link in layout.links:
            if link.type.name != layout.name:
                world.assume(z3.Select(world.cells.terms[f"{layout.name}.{link.name}"][0], term) != -1)
    env = Env(world.cells, roles.names(), None, world.here, None)
    for condition in contract.requires:
        world.assume(world.evaluator.truth(condition, env))
    return world


Named = list[tuple[tree.Fact, z3.BoolRef]]


def _list_facts(world: World, layout: tree.Layout, head: z3.ArithRef, queue: Fifo, cells: Cells) -> Named:
    view, _ = views(layout)
    if view is None:
        return []
    names: dict[str, SpecValue | Thunk] = {view.parameters[0].name: head, view.parameters[1].name: queue}
    env = Env(cells, names, None, world.here, None)
    return [(fact, world.evaluator.truth(fact.value, env)) for fact in view.facts]


def _node_facts(world: World, layout: tree.Layout, node: z3.ArithRef, cells: Cells) -> Named:
    _, view = views(layout)
    if view is None:
        return []
    env = Env(cells, {view.parameters[0].name: node}, None, world.here, None)
    return [(fact, world.evaluator.truth(fact.value, env)) for fact in view.facts]


def _goals(
    program: Program,
    layout: tree.Layout,
    contract: tree.Contract,
    roles: Roles,
    path: Path,
    group: Group,
    subject: Subject,
) -> None:
    world, before, after = path.world, path.world.base, path.world.cells
    place = path.returned or contract.name_span
    env = Env(before, roles.names(), None, world.here, None)
    queues = dict(roles.queues)
    for update in contract.effects:
        assert isinstance(update.place, tree.Name)
        value = world.evaluator.evaluate(update.value, env)
        assert isinstance(value, Fifo)
        queues[update.place.text] = value

    def ask(name: str, goal: z3.BoolRef, sentence: str, fact: tree.Fact | None = None) -> None:
        span = fact.name_span if fact is not None else contract.name_span
        full = subject.add(name, "refines", sentence, span, path.world.checks[0].span if path.world.checks else place)
        message = f"`{subject.name}` does not refine its contract: `{name}`"
        diagnostic = Diagnostic("HF509", message, (at(place, "this path ends here"), also(span, "this must hold")))
        if not z3.is_true(z3.simplify(goal)):
            group.queries.append(Query(full, goal, diagnostic, (), None))

    for name, queue in queues.items():
        for fact, goal in _list_facts(world, layout, roles.heads[name], queue, after):
            ask(fact.name, goal, f"`{fact.name}` holds afterwards", fact)
    for term, home in roles.elements.values():
        for fact, goal in _node_facts(world, layout, term, after):
            sentence = f"an entry that is on no list afterwards is alone: `{fact.name}`"
            ask(fact.name, z3.Implies(z3.Not(queues[home].has(term)), goal), sentence, fact)
    for term in roles.fresh.values():
        for fact, goal in _node_facts(world, layout, term, after):
            ask(fact.name, goal, f"the entry is alone afterwards: `{fact.name}`", fact)
    returned = z3.BoolVal(isinstance(path.result, NoneValue))
    if contract.returns is not None:
        returned = _returned(world, layout, contract.returns, path.result, env)
    ask("returns", returned, "the result is the promised one")
    ask("frame", _frame(world, layout, roles, before, after), "nothing outside the list changes")


def _returned(world: World, layout: tree.Layout, expr: tree.Expr, value: Value | None, env: Env) -> z3.BoolRef:
    if isinstance(expr, tree.Apply) and isinstance(expr.function, tree.Name) and expr.function.text == "first":
        queue = world.evaluator.evaluate(expr.arguments[0], env)
        assert isinstance(queue, Fifo)
        first = world.facts.first(queue)
        if isinstance(value, NoneValue):
            return z3.Not(queue.has(first))
        if isinstance(value, Opaque):
            value = Maybe(z3.BoolVal(True), value)
        if not isinstance(value, Maybe) or not isinstance(value.value, Opaque):
            return z3.BoolVal(False)
        owner = next(link.name for link in layout.links if link.type.name != layout.name)
        owned = z3.Select(env.cells.terms[f"{layout.name}.{owner}"][0], first)
        right = z3.Implies(value.present, value.value.term == owned)
        return z3.And(value.present == queue.has(first), right)
    promised = world.evaluator.truth(expr, env)
    return value == promised if isinstance(value, z3.BoolRef) else z3.BoolVal(False)


def _frame(world: World, layout: tree.Layout, roles: Roles, before: Cells, after: Cells) -> z3.BoolRef:
    node = world.fresh_number(f"any.{layout.name}")
    outside = [z3.Not(queue.has(node)) for queue in roles.queues.values()]
    outside += [node != term for term in roles.constants()]
    goals: list[z3.BoolRef] = []
    for link in layout.links:
        key = f"{layout.name}.{link.name}"
        if before.terms[key][0].eq(after.terms[key][0]):
            continue
        kept = z3.Select(after.terms[key][0], node) == z3.Select(before.terms[key][0], node)
        goals.append(z3.Implies(conjunction(outside), kept) if link.type.name == layout.name else kept)
    return conjunction(goals)


def _limits(layout: tree.Layout, roles: Roles) -> Callable[[Bounds], list[z3.BoolRef]]:
    """A small heap: every named node, and every link of a node, is one of the few."""

    def limits(bounds: Bounds) -> list[z3.BoolRef]:
        found = [z3.And(term >= 0, term <= bounds.objects) for term in roles.constants()]
        for link in layout.links:
            array = z3.Array(f"{layout.name}.{link.name}", z3.IntSort(), z3.IntSort())
            least = 0 if link.type.name == layout.name else -1
            for value in range(bounds.objects + 1):
                found += [array[value] >= least, array[value] <= bounds.objects]
        return found

    return limits
