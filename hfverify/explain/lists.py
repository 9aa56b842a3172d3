"""Run a list function on a concrete heap of entries and hold the result against its contract. No solver.

Reads   model.program layout and contracts, the implementation
Gives   the facts of the layout that do not hold afterwards, the result, the links that changed outside
Refuses a layout whose class cannot be found (Unbuildable)
"""

from __future__ import annotations

import importlib
from typing import Any

from hfverify.explain.concrete import Env, Evaluator, Store, Undefined, Value
from hfverify.explain.importing import import_from
from hfverify.explain.meaning import Closure, Meanings
from hfverify.explain.proxies import Unbuildable
from hfverify.model.program import Program
from hfverify.syntax import tree


class Heap(Evaluator):
    """Entries by number; a member of a number is a link."""

    def __init__(self, program: Program, links: dict[str, list[int]]) -> None:
        super().__init__(program, _Links(program, links))


class _Links(Meanings):
    def __init__(self, program: Program, links: dict[str, list[int]]) -> None:
        super().__init__(program)
        self.links = links

    def _member(self, base: Closure, name: str) -> Closure:
        otherwise, link = super()._member(base, name), self.links.get(name)

        def member(env: Env) -> Value:
            number = base(env) if link is not None else None
            return link[number] if link is not None and isinstance(number, int) else otherwise(env)

        return member

    def domain(self, type_: tree.Type, env: Env) -> list[int]:
        return list(range(len(next(iter(self.links.values())))))


def holds(heap: Heap, fact: tree.Fact, names: dict[str, Value]) -> bool:
    """Whether a fact of the layout holds; one that has no value does not."""
    try:
        return heap.truth(fact.value, Env(Store({}, {}), names))
    except Undefined:
        return False


def run_contract(program: Program, request: dict[str, Any], impl: str) -> dict[str, Any]:
    """`request` has the contract's index, the links of each entry, the heads, queues and entries of its roles."""
    layout = program.layout
    if layout is None:
        raise Unbuildable("there is no layout")
    import_from(impl)
    contract = program.contracts[request["index"]]
    module_name, _, class_name = layout.target.partition(":")
    cls = getattr(importlib.import_module(module_name), class_name)
    before: dict[str, list[int]] = request["links"]
    count = len(next(iter(before.values())))
    entries = [cls.__new__(cls) for _ in range(count)]
    nodes = [link.name for link in layout.links if link.type.name == layout.name]
    owners: dict[int, object] = {number: object() for number in range(count)}
    for name, values in before.items():
        for entry, value in zip(entries, values, strict=True):
            setattr(entry, name, entries[value] if name in nodes else owners.get(value))
    function_module, _, function_name = contract.name.partition(":")
    function = getattr(importlib.import_module(function_module), function_name)
    answer: dict[str, Any] = {"violations": [], "rows": [], "exception": None, "timeline": []}

    def broken(kind: str, text: str) -> None:
        answer["violations"].append({"kind": kind, "text": text, "file": "", "line": 0})

    try:
        result = function(*(entries[request["nodes"][role.name]] for role in contract.roles))
    except Exception as error:
        answer["exception"] = f"{type(error).__name__}: {error}"
        broken("raises", answer["exception"])
        return answer
    answer["outcome"] = "reached"
    after: dict[str, list[int]] = {}
    numbers = {id(entry): number for number, entry in enumerate(entries)}
    tokens = {id(owner): number for number, owner in owners.items()}
    for link in layout.links:
        known = numbers if link.name in nodes else tokens
        after[link.name] = [known.get(id(getattr(entry, link.name)), -1) for entry in entries]
    for number in range(count):
        for link in layout.links:
            if before[link.name][number] != after[link.name][number]:
                text = f"entry {number}.{link.name}"
                row = {
                    "cell": text,
                    "before": before[link.name][number],
                    "promised": "",
                    "actual": after[link.name][number],
                    "differs": False,
                }
                answer["rows"].append(row)
    _judge(program, layout, contract, request, (before, after), (result, tokens), broken)
    return answer


def _judge(
    program: Program,
    layout: tree.Layout,
    contract: tree.Contract,
    request: dict[str, Any],
    links: tuple[dict[str, list[int]], dict[str, list[int]]],
    returned: tuple[Any, dict[int, int]],
    broken: Any,
) -> None:
    before, after = links
    then, now = Heap(program, before), Heap(program, after)
    queues: dict[str, Value] = {name: tuple(members) for name, members in request["queues"].items()}
    elements = {role.name: request["nodes"][role.name] for role in contract.roles if role.kind != "list"}
    names: dict[str, Value] = {**elements, **queues}
    env = Env(Store({}, {}), names)
    final = dict(queues)
    try:
        for update in contract.effects:
            assert isinstance(update.place, tree.Name)
            final[update.place.text] = then.evaluate(update.value, env)
    except Undefined:
        return
    of_list = next((v for v in layout.views if len(v.parameters) == 2), None)
    of_node = next((v for v in layout.views if len(v.parameters) == 1), None)
    if of_list is not None:
        for name, queue in final.items():
            scope = {of_list.parameters[0].name: request["heads"][name], of_list.parameters[1].name: queue}
            for fact in of_list.facts:
                if not holds(now, fact, scope):
                    broken(
                        fact.name,
                        f"`{fact.name}` does not hold of the list {list(queue) if isinstance(queue, tuple) else queue}",
                    )
    for role in contract.roles:
        lonely = role.kind == "fresh" or (role.kind == "element" and elements[role.name] not in final[role.of])  # type: ignore[operator]
        if of_node is not None and lonely:
            scope = {of_node.parameters[0].name: elements[role.name]}
            for fact in of_node.facts:
                if not holds(now, fact, scope):
                    broken(fact.name, f"`{fact.name}` does not hold of the entry {elements[role.name]}")
    _result(layout, contract, then, env, returned, before, broken)
    inside = (
        {m for queue in queues.values() if isinstance(queue, tuple) for m in queue}
        | set(request["nodes"].values())
        | set(request["heads"].values())
    )
    for link in layout.links:
        for number, (old, new) in enumerate(zip(before[link.name], after[link.name], strict=True)):
            if old != new and (number not in inside or link.type.name != layout.name):
                broken("frame", f"the link {link.name} of entry {number}, which is not on the list, changes")


def _result(
    layout: tree.Layout,
    contract: tree.Contract,
    then: Heap,
    env: Env,
    returned: tuple[Any, dict[int, int]],
    before: dict[str, list[int]],
    broken: Any,
) -> None:
    result, tokens = returned
    if contract.returns is None:
        if result is not None:
            broken("returns", f"returns {result!r}, though its contract promises no result")
        return
    try:
        promised = then.evaluate(contract.returns, env)
    except Undefined:
        promised = None
    if isinstance(contract.returns, tree.Apply):
        owner = next(link.name for link in layout.links if link.type.name != layout.name)
        expected = before[owner][promised] if isinstance(promised, int) else -1
        actual = tokens.get(id(result), -1) if result is not None else -1
        if expected != actual:
            broken("returns", f"returns the owner of another entry than {promised}")
    elif result is not promised:
        broken("returns", f"returns {result!r}, promised {promised!r}")
