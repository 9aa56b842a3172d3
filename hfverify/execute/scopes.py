"""Which names a module or a function binds, and what a module does when it is imported.

Reads   ast.Module, ast.FunctionDef
Gives   the places that bind each name of a scope, as the compiler sees them; what a scope must not contain
Refuses nothing
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence

Import = ast.Import | ast.ImportFrom
STAR = "*"
REACHING = {
    "setattr", "delattr", "exec", "eval", "globals", "locals", "vars", "compile", "breakpoint", "input", "open",
    "__import__", "__builtins__", "__dict__", "__setattr__", "__delattr__",
}  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MODULE_STATEMENTS = (ast.Import, ast.ImportFrom, *DEFINITIONS, ast.Assign, ast.AnnAssign, ast.Pass)


def nodes_of(tree: ast.AST) -> list[ast.AST]:
    """What `ast.walk` gives, in its order, in three fifths of its time: every run goes through all of the code."""
    found = [tree]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found.extend([item for item in value if isinstance(item, ast.AST)])
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def inner_scope(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """The children of a node that belong to the scope around it, and those that are a scope of their own."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, node.args, *([node.returns] if node.returns else [])], list(node.body)
        case ast.Lambda():
            return [node.args], [node.body]
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *node.keywords], list(node.body)
        case _:
            return list(ast.iter_child_nodes(node)), []


def bindings(body: Sequence[ast.AST]) -> dict[str, list[ast.AST]]:
    """Each name that these statements bind in their own scope, with the places; `*` for a star import."""
    found: dict[str, list[ast.AST]] = {}

    def visit(node: ast.AST, *, comprehension: bool) -> None:
        for name in _bound_by(node, comprehension=comprehension):
            found.setdefault(name, []).append(node)
        inside = comprehension or isinstance(node, COMPREHENSIONS)
        for child in inner_scope(node)[0]:
            visit(child, comprehension=inside)

    for statement in body:
        visit(statement, comprehension=False)
    return found


def _bound_by(node: ast.AST, *, comprehension: bool) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.NamedExpr(target=ast.Name(id=name)) if comprehension:
            return [name]
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if not comprehension:
            return [name]
        case ast.Import(names=names):
            return [alias.asname or alias.name.split(".")[0] for alias in names]
        case ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
    return []


def parameters(function: ast.FunctionDef) -> list[str]:
    """The names of the parameters."""
    spec = function.args
    found = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    return found + [a.arg for a in (spec.vararg, spec.kwarg) if a is not None]


def local_names(function: ast.FunctionDef) -> set[str]:
    """The names that are local in the whole function, wherever they are bound in it."""
    return {*parameters(function), *bindings(function.body)}


def scope_of(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of these statements that belong to one scope."""
    pending = list(reversed(body))
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(inner_scope(node)[0]))


def global_bindings(tree: ast.Module, nodes: Sequence[ast.AST]) -> dict[str, list[ast.AST]]:
    """Each global name of a module with all places that bind it, in functions too; `nodes` are all of the module's."""
    found = bindings(tree.body)
    for node in nodes:
        if isinstance(node, ast.Global):
            for name in node.names:
                found.setdefault(name, []).append(node)
    return found


def import_effects(tree: ast.Module) -> ast.AST | None:
    """A statement that does more, on import, than to bind names of the module."""
    for statement in tree.body:
        if _is_main_guard(statement) or _is_typing_guard(statement):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if not isinstance(statement, MODULE_STATEMENTS):
            return statement
        for node in _run_on_import(statement):
            if _reaches_out(node):
                return node
    return None


def _reaches_out(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            return True
        case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
            return name in REACHING
        case _:
            return False


def _run_on_import(statement: ast.AST) -> Iterator[ast.AST]:
    pending = [statement]
    while pending:
        node = pending.pop()
        yield node
        own, nested = inner_scope(node)
        pending += own
        if isinstance(node, ast.ClassDef):
            pending += nested


def _is_main_guard(node: ast.AST) -> bool:
    """`if __name__ == "__main__":`, which an import does not enter."""
    match node:
        case ast.If(
            test=ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
            ),
            orelse=[],
        ):
            return True
        case _:
            return False


def _is_typing_guard(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` with nothing but imports, which no run enters."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), body=body, orelse=[]):
            return all(isinstance(item, ast.Import | ast.ImportFrom) for item in body)
        case _:
            return False


def late_changes(
    tree: ast.Module, nodes: Sequence[ast.AST], known: Collection[str]
) -> list[tuple[ast.AST, str, Import | None]]:
    """Places anywhere in a module that assign an attribute of a name, `name.attribute = …`, or one of its attributes.

    The name is a global one of those `known`, or one that a function imports: then the import comes with it.
    """
    found: list[tuple[ast.AST, str, Import | None]] = []
    named = {*known, *(name for node in nodes if isinstance(node, Import) for name in imports(node))}
    if STAR not in known and not any(_assigned(node) in named for node in nodes):
        return found

    def visit(node: ast.AST, local: Mapping[str, list[Import]]) -> None:
        name = _assigned(node)
        if name is not None:
            found.extend((node, name, place) for place in local.get(name, [None]))
        own, nested = inner_scope(node)
        for child in own:
            visit(child, local)
        if isinstance(node, FUNCTIONS):
            spec = node.args
            names = {a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg) if a}
            bound = {name: [p for p in places if isinstance(p, Import)] for name, places in bindings(nested).items()}
            local = {**local, **{name: [] for name in names}, **bound}
        for child in nested:
            visit(child, local)

    visit(tree, {})
    return found


def imports(node: Import) -> dict[str, tuple[str, str]]:
    """Each name that the statement binds, with the module it names and what it takes from there, if anything."""
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name: (node.module or "", alias.name) for alias in node.names}
    tops = [(alias, alias.name.split(".")[0]) for alias in node.names]
    return {alias.asname or top: (alias.name if alias.asname else top, "") for alias, top in tops}


def _assigned(node: ast.AST) -> str | None:
    """The name of which an attribute is assigned here, or an attribute of its attributes."""
    if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
        return None
    base = node.value
    while isinstance(base, ast.Attribute):
        base = base.value
    return base.id if isinstance(base, ast.Name) else None


def shadows_standard_library(name: str) -> bool:
    """Whether Python's own library has a top-level module of this name."""
    return name.split(".")[0] in sys.stdlib_module_names
