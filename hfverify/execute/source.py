"""Find the Python source of the implementation: modules, and what their names mean.

Reads   the files below the implementation folder
Gives   Module, Function, Class; a name resolves to what the import system would find
Refuses a syntax error (HF404), a module, function or class that does not exist (HF214)
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from hfverify.diagnostics import Diagnostic, Rejected, Span, at


@dataclass(frozen=True, slots=True)
class Function:
    """A module-level function; `name` is `module:function`."""

    name: str
    node: ast.FunctionDef
    module: Module

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

    def bases(self) -> list[str]:
        """The names of the base classes, without their modules."""
        found = []
        for base in self.node.bases:
            match base:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    found.append(name)
        return found

    @property
    def is_enum(self) -> bool:
        return bool({"Enum", "IntEnum"} & set(self.bases()))

    @property
    def is_int_enum(self) -> bool:
        return "IntEnum" in self.bases()

    def dataclass_options(self) -> dict[str, bool] | None:
        """The options of `@dataclass`, or None for another kind of class."""
        for decorator in self.node.decorator_list:
            match decorator:
                case ast.Name(id="dataclass") | ast.Attribute(attr="dataclass"):
                    return {}
                case ast.Call(func=ast.Name(id="dataclass") | ast.Attribute(attr="dataclass"), keywords=keywords):
                    return {k.arg: bool(k.value.value) for k in keywords if k.arg and isinstance(k.value, ast.Constant)}
        return None

    def fields(self) -> list[tuple[str, ast.expr, ast.expr | None]]:
        """Annotated names in order: name, annotation, default."""
        found: list[tuple[str, ast.expr, ast.expr | None]] = []
        for item in self.node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                found.append((item.target.id, item.annotation, item.value))
        return found


@dataclass(slots=True)
class Module:
    """One source file; `file` is the name that spans carry."""

    name: str
    file: str
    text: str
    tree: ast.Module
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)

    def span(self, node: ast.AST) -> Span:
        """Where a node stands; columns count characters from 1."""
        line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        start, stop = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
        return Span(self.file, line, self._column(line, start), end, self._column(end, stop))

    def _column(self, line: int, offset: int) -> int:
        lines = self.text.splitlines()
        if line > len(lines):
            return offset + 1
        return len(lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1


class Sources:
    """All modules below a folder, read when they are first needed."""

    def __init__(self, folder: Path, shown: str) -> None:
        self.folder = folder
        self.shown = shown
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """The module of this dotted name; None if the folder does not have it."""
        if name not in self._modules:
            self._modules[name] = self._load(name)
        return self._modules[name]

    def _load(self, name: str) -> Module | None:
        relative = Path(*name.split("."))
        for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
            path = self.folder / candidate
            if path.is_file():
                return self._parse(name, path, f"{self.shown}/{candidate.as_posix()}")
        return None

    def _parse(self, name: str, path: Path, file: str) -> Module:
        try:
            text = path.read_text("utf-8")
            tree = ast.parse(text, file)
        except SyntaxError as error:
            line, column = error.lineno or 1, error.offset or 1
            end_line, end_column = error.end_lineno or line, error.end_offset or column + 1
            span = Span(file, line, column, end_line, max(end_column, column + 1))
            raise Rejected([Diagnostic("HF404", f"Python cannot parse this: {error.msg}", (at(span),))]) from error
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected([Diagnostic("HF100", f"`{file}` cannot be read", (at(Span(file, 1, 1, 1, 1)),))]) from error
        module = Module(name, file, text, tree)
        for item in tree.body:
            match item:
                case ast.FunctionDef(name=defined):
                    module.functions[defined] = Function(f"{name}:{defined}", item, module)
                case ast.ClassDef(name=defined):
                    module.classes[defined] = Class(f"{name}:{defined}", item, module)
                case ast.Assign(targets=[ast.Name(id=defined)], value=value):
                    module.constants[defined] = value
                case ast.AnnAssign(target=ast.Name(id=defined), value=value) if value is not None:
                    module.constants[defined] = value
                case ast.ImportFrom(module=source, names=names, level=0) if source is not None:
                    for alias in names:
                        module.imports[alias.asname or alias.name] = (source, alias.name)
                case ast.Import(names=names):
                    for alias in names:
                        module.imports[alias.asname or alias.name.split(".")[0]] = (alias.name, "")
        return module

    def function(self, target: str, asked: Span) -> Function:
        """The function `module:function` that a specification names at `asked`."""
        module_name, _, name = target.partition(":")
        module = self.module(module_name)
        if module is None:
            raise Rejected([Diagnostic("HF214", f"there is no module `{module_name}` below `{self.shown}`", (at(asked),))])
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

    def resolve(self, module: Module, name: str) -> Function | Class | tuple[Module, ast.expr] | Module | None:
        """What a global name of a module stands for."""
        seen: set[tuple[str, str]] = set()
        while (module.name, name) not in seen:
            seen.add((module.name, name))
            if name in module.functions:
                return module.functions[name]
            if name in module.classes:
                return module.classes[name]
            if name in module.constants:
                return module, module.constants[name]
            if name not in module.imports:
                return None
            source, original = module.imports[name]
            target = self.module(source)
            if target is None:
                return None
            if not original:
                return target
            inner = self.module(f"{source}.{original}")
            if inner is not None and original not in target.functions:
                return inner
            module, name = target, original
        return None

    def reachable(self, function: Function) -> list[Module]:
        """The modules whose text can influence a function: its own, and all that those import."""
        found: dict[str, Module] = {}
        pending = [function.module]
        while pending:
            module = pending.pop()
            if module.name in found:
                continue
            found[module.name] = module
            for source, original in module.imports.values():
                for name in (source, f"{source}.{original}"):
                    imported = self.module(name) if original or name == source else None
                    if imported is not None:
                        pending.append(imported)
        return sorted(found.values(), key=lambda m: m.name)
