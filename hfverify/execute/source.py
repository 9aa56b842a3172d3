"""Find the Python source of the implementation: modules, and what their names mean.

Reads   the files below the implementation folder
Gives   Module, Function, Class; a name resolves to what the import system would find
Refuses a syntax error (HF404), a module, function or class that does not exist (HF214)
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hfverify.diagnostics import Diagnostic, Rejected, Span, at
from hfverify.execute.scopes import (
    STAR,
    Import,
    bindings,
    global_bindings,
    import_effects,
    imports,
    late_changes,
    local_names,
    nodes_of,
    scope_of,
    shadows_standard_library,
)

FIELD_MARKS = ("ClassVar", "InitVar", "KW_ONLY")


@dataclass(frozen=True)
class Function:
    """A module-level function; `name` is `module:function`."""

    name: str
    node: ast.FunctionDef
    module: Module

    @cached_property
    def text(self) -> str:
        """As it stands in the file."""
        return "\n".join(self.module.rows[self.node.lineno - 1 : self.node.end_lineno])

    @cached_property
    def local_names(self) -> set[str]:
        """The names that are local in all of it, wherever they are bound."""
        return local_names(self.node)

    @cached_property
    def unusual(self) -> ast.AST | None:
        """What makes the body something else than a sequence of statements, even where it is never reached."""
        kinds = ast.Global | ast.Nonlocal | ast.Yield | ast.YieldFrom | ast.Await
        return next((node for node in scope_of(self.node.body) if isinstance(node, kinds)), None)

    @cached_property
    def loops(self) -> list[ast.stmt]:
        """The loops as they follow in the text, also those of functions inside."""
        found = [node for node in nodes_of(self.node) if isinstance(node, ast.While | ast.For)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    @property
    def span(self) -> Span:
        """The line of the `def`, as far as the name."""
        column = self.node.col_offset + 1
        return Span(self.module.file, self.node.lineno, column, self.node.lineno, column + 4 + len(self.node.name))


@dataclass(frozen=True, slots=True)
class Class:
    """A class; only enumerations and dataclasses are executed."""

    name: str
    node: ast.ClassDef
    module: Module

    def enum_base(self) -> str:
        """`Enum` or `IntEnum` for a class whose only base is that of the standard library."""
        if len(self.node.bases) != 1 or self.node.keywords:
            return ""
        if [self.module.imported(d) for d in self.node.decorator_list] not in ([], ["enum.unique"]):
            return ""
        bases = {"enum.Enum": "Enum", "enum.IntEnum": "IntEnum"}
        return bases.get(self.module.imported(self.node.bases[0]), "")

    @property
    def is_enum(self) -> bool:
        return self.enum_base() != ""

    @property
    def is_int_enum(self) -> bool:
        return self.enum_base() == "IntEnum"

    def dataclass_options(self) -> dict[str, bool] | None:
        """The options of `@dataclass`, the only decorator, or None for another kind of class."""
        if len(self.node.decorator_list) != 1:
            return None
        match self.node.decorator_list[0]:
            case ast.Call(func=function, args=[], keywords=keywords):
                options: dict[str, bool] = {}
                for keyword in keywords:
                    if keyword.arg is None or not isinstance(keyword.value, ast.Constant):
                        return None
                    options[keyword.arg] = bool(keyword.value.value)
            case function:
                options = {}
        return options if self.module.imported(function) == "dataclasses.dataclass" else None

    def fields(self) -> list[tuple[str, ast.expr, ast.expr | None]]:
        """Annotated names in order: name, annotation, default."""
        found: list[tuple[str, ast.expr, ast.expr | None]] = []
        for item in self.node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                found.append((item.target.id, item.annotation, item.value))
        return found

    def not_plain(self) -> str:
        """Why a frozen dataclass is more than its fields in order; empty if it is not."""
        options = self.dataclass_options() or {}
        if self.node.bases or self.node.keywords:
            return "inherits from another class"
        if options.get("kw_only") or options.get("init") is False:
            return "has no constructor over its fields in order"
        for item in self.node.body:
            match item:
                case ast.AnnAssign(target=ast.Name()) | ast.Pass() | ast.Expr(value=ast.Constant()):
                    pass
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    return "has methods"
                case _:
                    return "has more in its body than fields"
        names = [name for name, _, _ in self.fields()]
        if len(set(names)) != len(names):
            return "declares a field twice"
        for name, annotation, default in self.fields():
            if self.module.marks(annotation):
                return f"does not take `{name}` as an ordinary argument"
            if isinstance(default, ast.Call) and self.module.imported(default.func) == "dataclasses.field":
                return f"describes `{name}` by `field`"
        return ""

    def _defines(self, *names: str) -> bool:
        """Whether the class, or a base that is not known, may define one of these names."""
        generic = [b.value if isinstance(b, ast.Subscript) else b for b in self.node.bases]
        if self.node.keywords or any(self.module.imported(b) != "typing.Generic" for b in generic):
            return True
        return bool({*names, STAR} & set(bindings(self.node.body)))

    @property
    def compares_by_identity(self) -> bool:
        """Whether `==` of two instances is `is`."""
        if self._defines("__eq__", "__ne__"):
            return False
        options = self.dataclass_options()
        return not self.node.decorator_list or (options is not None and options.get("eq") is False)

    @property
    def is_always_true(self) -> bool:
        """Whether every instance counts as true."""
        plain = not self.node.decorator_list or self.dataclass_options() is not None
        return plain and not self._defines("__bool__", "__len__")


@dataclass
class Module:
    """One source file; `file` is the name that spans carry, `bound` has every place that binds a global name."""

    name: str
    file: str
    text: str
    tree: ast.Module
    nodes: list[ast.AST] = field(repr=False, compare=False)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    bound: dict[str, list[ast.AST]] = field(default_factory=dict)
    places: dict[str, ast.AST] = field(default_factory=dict)
    lines: list[bytes] = field(default_factory=list)

    def span(self, node: ast.AST) -> Span:
        """Where a node stands; columns count characters from 1."""
        line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        start, stop = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
        return Span(self.file, line, self._column(line, start), end, self._column(end, stop))

    def _column(self, line: int, offset: int) -> int:
        if not self.lines:
            self.lines = self.text.encode().split(b"\n")
        if line > len(self.lines):
            return offset + 1
        return len(self.lines[line - 1][:offset].decode(errors="ignore")) + 1

    @cached_property
    def rows(self) -> list[str]:
        """The text line by line."""
        return self.text.split("\n")

    @cached_property
    def changed_late(self) -> list[tuple[ast.AST, str, Import | None]]:
        """The places that assign an attribute of a global name, or of one that a function imports."""
        return late_changes(self.tree, self.nodes, self.bound)

    @cached_property
    def outline(self) -> list[str]:
        """What stands outside of functions and of the bodies of methods, where these stand, and which names are bound.

        No call enters a method: what it is called, and how it is decorated, is all that is asked of it.
        """
        functions = {node.lineno: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        inside = {line for node in functions.values() for line in range(node.lineno, (node.end_lineno or 0) + 1)}
        inside |= {line for _, method in self._methods for line in self._body_of(method)}
        lines: list[str] = []
        for number, line in enumerate(self.rows, 1):
            if number in functions:
                lines.append(f"def {functions[number].name}")
            elif number not in inside and line:
                lines.append(line)
        return [self.file, *lines, *(f"{name}:{len(places)}" for name, places in sorted(self.bound.items()))]

    @cached_property
    def bodies(self) -> list[str]:
        """The methods, each with its class and its body: constructors say how objects begin."""
        found: list[str] = []
        for cls, method in self._methods:
            found += [f"{cls.name}.{method.name}", *(self.rows[line - 1] for line in self._body_of(method))]
        return found

    @property
    def _methods(self) -> list[tuple[ast.ClassDef, ast.FunctionDef]]:
        classes = [node for node in self.tree.body if isinstance(node, ast.ClassDef)]
        return [(cls, node) for cls in classes for node in cls.body if isinstance(node, ast.FunctionDef)]

    def _body_of(self, method: ast.FunctionDef) -> range:
        """The lines of its statements, if these have lines of their own."""
        first, end = method.body[0], method.end_lineno or method.lineno
        begins = self.rows[first.lineno - 1][: first.col_offset].strip() == ""
        return range(first.lineno, end + 1) if begins else range(0)

    @property
    def is_package(self) -> bool:
        return self.file.endswith("/__init__.py")

    def is_clear(self, name: str) -> bool:
        """Whether one statement at the top of the module, and no other, gives the name its meaning."""
        return STAR not in self.bound and [id(n) for n in self.bound.get(name, ())] == [id(self.places.get(name))]

    def imported(self, expr: ast.expr) -> str:
        """The full name of what an expression takes from another module, or nothing."""
        match expr:
            case ast.Name(id=name) if self.is_clear(name) and name in self.imports:
                return ".".join(part for part in self.imports[name] if part)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if self.is_clear(name):
                module, original = self.imports.get(name, ("", ""))
                return f"{module}.{attribute}" if module and not original else ""
        return ""

    def marks(self, annotation: ast.expr) -> bool:
        """Whether an annotation makes a dataclass treat the name as something else than a field."""
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                return True
            value = self.constants.get(node.id) if isinstance(node, ast.Name) else None
            variable = isinstance(value, ast.Call) and self.imported(value.func) == "typing.TypeVar"
            if value is not None and not variable and self.marks(value):
                return True
            if isinstance(node, ast.Name | ast.Attribute) and self.imported(node).split(".")[-1] in FIELD_MARKS:
                return True
        return False


class Sources:
    """All modules below a folder, read when they are first needed."""

    def __init__(self, folder: Path, shown: str) -> None:
        self.folder = folder
        self.shown = shown
        self._modules: dict[str, Module | None] = {}
        self._interference: dict[str, tuple[Span, str] | None] = {}
        self._reached: dict[str, set[str]] = {}
        self._names: dict[int, list[Function]] = {}
        self._everything: list[Module] | None = None
        self._changes: list[str] | None = None
        self._reachable: dict[str, list[Module]] = {}
        self.enums: dict[str, str] = {}
        self.attributes: dict[tuple[str, str], object] = {}

    def module(self, name: str) -> Module | None:
        """The module of this dotted name; None if the folder does not have it."""
        if name not in self._modules:
            self._modules[name] = self._load(name) if all(name.split(".")) else None
        return self._modules[name]

    def _load(self, name: str) -> Module | None:
        relative = Path(*name.split("."))
        for candidate in (relative / "__init__.py", relative.with_suffix(".py")):
            path = self.folder / candidate
            if path.is_file():
                return self._parse(name, path, f"{self.shown}/{candidate.as_posix()}")
        return None

    def _parse(self, name: str, path: Path, file: str) -> Module:
        try:
            text = path.read_text("utf-8")
            tree = ast.parse(text, file)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, file, "exec", dont_inherit=True)
        except SyntaxError as error:
            line, column = error.lineno or 1, error.offset or 1
            end_line, end_column = error.end_lineno or line, error.end_offset or column + 1
            span = Span(file, line, column, end_line, max(end_column, column + 1))
            raise Rejected([Diagnostic("HF404", f"Python cannot parse this: {error.msg}", (at(span),))]) from error
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected([Diagnostic("HF100", f"`{file}` cannot be read", (at(Span(file, 1, 1, 1, 1)),))]) from error
        except (RecursionError, ValueError) as error:
            reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
            message = f"Python cannot parse this: {reason}"
            raise Rejected([Diagnostic("HF404", message, (at(Span(file, 1, 1, 1, 1)),))]) from error
        nodes = nodes_of(tree)
        module = Module(name, file, text, tree, nodes, bound=global_bindings(tree, nodes))
        for item in tree.body:
            match item:
                case ast.FunctionDef(name=defined):
                    module.functions[defined] = Function(f"{name}:{defined}", item, module)
                    module.places[defined] = item
                case ast.ClassDef(name=defined):
                    module.classes[defined] = Class(f"{name}:{defined}", item, module)
                    module.places[defined] = item
                case ast.Assign(targets=[ast.Name(id=defined) as target], value=value):
                    module.constants[defined] = value
                    module.places[defined] = target
                case ast.AnnAssign(target=ast.Name(id=defined) as target, value=value) if value is not None:
                    module.constants[defined] = value
                    module.places[defined] = target
                case ast.ImportFrom() | ast.Import():
                    for defined, (source, original) in imports(item).items():
                        module.imports[defined] = (_absolute(module, source, item), original)
                        module.places[defined] = item
        return module

    def function(self, target: str, asked: Span) -> Function:
        """The function `module:function` that a specification names at `asked`."""
        module_name, _, name = target.partition(":")
        module = self.module(module_name)
        if module is None:
            raise Rejected(
                [Diagnostic("HF214", f"there is no module `{module_name}` below `{self.shown}`", (at(asked),))]
            )
        if name not in module.functions:
            known = ", ".join(module.functions) or "none"
            notes = (("help", f"functions of {module.file}: {known}"),)
            raise Rejected([Diagnostic("HF214", f"`{module_name}` has no function `{name}`", (at(asked),), notes)])
        return module.functions[name]

    def class_(self, target: str, asked: Span) -> Class:
        """The class `module:Class` that a proof file names at `asked`."""
        module_name, _, name = target.partition(":")
        module = self.module(module_name)
        if module is None or name not in module.classes:
            raise Rejected([Diagnostic("HF214", f"there is no class `{target}` below `{self.shown}`", (at(asked),))])
        return module.classes[name]

    def defined(self, target: str, asked: Span) -> Class | Function:
        """The class or function `module:name` that a proof file names at `asked`."""
        module = self.module(target.partition(":")[0])
        name = target.partition(":")[2]
        if module is not None and name in module.functions:
            return module.functions[name]
        return self.class_(target, asked)

    def resolve(self, module: Module, name: str) -> Meaning | None:
        """What a global name of a module stands for; None if that is not clear, `unclear` says why."""
        found = self._find(module, name)
        return None if isinstance(found, str) else found

    def unclear(self, module: Module, name: str) -> str:
        """Why a name that a module binds stands for nothing known; empty if the module does not bind it."""
        found = self._find(module, name)
        return found if isinstance(found, str) else ""

    def _find(self, module: Module, name: str) -> Meaning | str:
        seen: set[tuple[str, str]] = set()
        while (module.name, name) not in seen:
            seen.add((module.name, name))
            if STAR in module.bound:
                return f"`{module.file}` has a star import, which can give `{name}` another meaning"
            if name not in module.bound:
                return "" if len(seen) == 1 else f"`{module.name}` has no `{name}`"
            if not module.is_clear(name):
                return f"`{name}` is not bound by exactly one statement at the top of `{module.file}`"
            if name in module.functions:
                return module.functions[name]
            if name in module.classes:
                return module.classes[name]
            if name in module.constants:
                return module, module.constants[name]
            source, original = module.imports[name]
            target = self.module(source)
            if target is None or shadows_standard_library(source):
                return f"`{name}` comes from `{source}`, which is no part of the implementation"
            if not original:
                return target
            inner = self.module(f"{source}.{original}") if target.is_package else None
            if inner is not None and original not in target.bound:
                return inner
            if inner is not None:
                return f"`{original}` is both a module and a name of `{source}`"
            module, name = target, original
        return f"`{name}` is imported from itself"

    def interference(self, module: Module) -> tuple[Span, str] | None:
        """What could change, on import or later, a meaning that the source of these modules fixes."""
        if module.name not in self._interference:
            self._interference[module.name] = self._interferes(module)
        return self._interference[module.name]

    def _interferes(self, start: Module) -> tuple[Span, str] | None:
        for module in self.reachable(start):
            effect = import_effects(module.tree)
            if effect is not None:
                return module.span(effect), "a module does more here, on import, than to define names"
            for node, name, place in module.changed_late:
                if isinstance(self._changed(module, name, place), Function | Class | Module):
                    return module.span(node), f"`{name}` is changed after it was defined"
            for name, (source, _) in module.imports.items():
                if shadows_standard_library(source) and self.module(source.split(".")[0]) is not None:
                    message = f"`{source}` is a module of the standard library and of `{self.shown}`"
                    return module.span(module.places[name]), message
        reachable = {module.name for module in self.reachable(start)}
        for module in self.everything():
            for node, name, place in module.changed_late:
                found = self._changed(module, name, place)
                changed = found.module if isinstance(found, Function | Class) else found
                if isinstance(changed, Module) and changed.name in reachable:
                    return module.span(node), f"`{name}` is changed after it was defined"
        return None

    def _changed(self, module: Module, name: str, place: Import | None) -> Meaning | None:
        """What a name stands for of which an attribute is assigned, in a function that imports it or anywhere."""
        if place is None:
            return self.resolve(module, name)
        source, original = imports(place)[name]
        target = self.module(_absolute(module, source, place))
        if target is None or not original:
            return target
        return self.resolve(target, original) or self.module(f"{target.name}.{original}")

    def everything(self) -> list[Module]:
        """Every module below the folder, whoever imports it: it may be imported before anything is called."""
        if self._everything is None:
            paths = [path.relative_to(self.folder) for path in sorted(self.folder.rglob("*.py"))]
            names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]
            modules = [self.module(name) for name in names if all(part.isidentifier() for part in name.split("."))]
            self._everything = [module for module in modules if module is not None]
        return self._everything

    def changes(self) -> list[str]:
        """Of which functions, classes and modules some place anywhere assigns an attribute, and by which name."""
        if self._changes is None:
            self._changes = []
            for module in self.everything():
                for _, name, place in module.changed_late:
                    found = self._changed(module, name, place)
                    meant = found.name if isinstance(found, Function | Class | Module) else ""
                    self._changes.append(f"{module.name} changes {name}: {meant}")
        return self._changes

    def reachable(self, start: Module) -> list[Module]:
        """The modules whose text can influence what stands in this one: itself, and all that those import."""
        if start.name in self._reachable:
            return self._reachable[start.name]
        found: dict[str, Module] = {}
        pending = [start]
        while pending:
            module = pending.pop()
            if module.name in found:
                continue
            found[module.name] = module
            for source, original in module.imports.values():
                parts = f"{source}.{original}".split(".")
                for count in range(1, len(parts) + 1):
                    imported = self.module(".".join(parts[:count]))
                    if imported is not None:
                        pending.append(imported)
        self._reachable[start.name] = sorted(found.values(), key=lambda m: m.name)
        return self._reachable[start.name]

    def footprint(self, function: Function, specified: Collection[str] = (), *, places: bool = True) -> list[str]:
        """All text that can influence what is said of a function: whoever keeps this may keep what was said.

        Of a module it is what stands outside of functions and methods, and which names it binds; of every module, what
        it changes; of functions, those that can be called, with their `places`. Of one that is specified nobody reads
        the text, but which parameters it has, and whether it comes to call its user; a loop with a fact reads all that
        it can call.
        """
        followed = {called.name: called for called in self._called(function, specified)}
        read = [called for called in followed.values() if called is function or called.name not in specified]
        loops = [(called, loop) for called in read for loop in called.loops]
        turned = {inner.name: inner for c, n in loops for near in self._named(c, n) for inner in self._called(near)}
        found = [line for module in self.reachable(function.module) for line in module.outline]
        found += self.changes()
        for name, called in sorted({**followed, **turned}.items()):
            found.append(name)
            if called is not function and name in specified and name not in turned:
                found += [ast.unparse(called.node.args), str(self.reaches(called, function))]
            else:
                found += [str(called.node.lineno) if places else "", called.text]
        return found

    def reaches(self, function: Function, other: Function) -> bool:
        """Whether the function may come to call the other one, or is that one."""
        return other.name in self.reached(function)

    def reached(self, function: Function) -> set[str]:
        """The names of the function, and of all that it may come to call: whatever its text, or theirs, names."""
        if function.name not in self._reached:
            self._reached[function.name] = {called.name for called in self._called(function)}
        return self._reached[function.name]

    def entered(self, function: Function, specified: Collection[str]) -> list[Function]:
        """The function, and those that it may come to call and of which nothing is specified."""
        return [f for f in self._called(function, specified) if f is function or f.name not in specified]

    def _called(self, function: Function, specified: Collection[str] = ()) -> list[Function]:
        """The function, and every function that its text, or theirs, names; a `specified` one is not followed."""
        found = {function.name: function}
        pending = [function]
        while pending:
            current = pending.pop()
            if current is not function and current.name in specified:
                continue
            for other in self._named(current, current.node):
                if other.name not in found:
                    found[other.name] = other
                    pending.append(other)
        return [found[name] for name in sorted(found)]

    def _named(self, function: Function, part: ast.AST) -> list[Function]:
        """The functions that a part of this one names: also through constants, and through what modules bind."""
        if id(part) not in self._names:
            found: dict[str, Function] = {}
            pending: list[tuple[Module, ast.AST]] = [(function.module, part)]
            seen: set[int] = set()
            while pending:
                module, inner = pending.pop()
                names = [node.id for node in nodes_of(inner) if isinstance(node, ast.Name)]
                targets = [self.resolve(module, name) for name in names]
                while targets:
                    target = targets.pop()
                    if isinstance(target, Function):
                        found[target.name] = target
                    elif isinstance(target, Module) and id(target) not in seen:
                        seen.add(id(target))
                        targets += [self.resolve(target, name) for name in target.bound]
                    elif isinstance(target, tuple) and id(target[1]) not in seen:
                        seen.add(id(target[1]))
                        pending.append(target)
            self._names[id(part)] = list(found.values())
        return self._names[id(part)]


Meaning = Function | Class | tuple[Module, ast.expr] | Module


def _absolute(module: Module, source: str, item: Import) -> str:
    """The name of the module that an import names, also relative to its own package."""
    level = item.level if isinstance(item, ast.ImportFrom) else 0
    if not level:
        return source
    package = module.name.split(".")
    package = package[: len(package) - level + (1 if module.is_package else 0)]
    return ".".join([*package, *([source] if source else [])])
