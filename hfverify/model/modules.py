"""See that the files fit together: their names, their imports, and what each kind of file may declare.

Reads   syntax.tree.Module
Gives   nothing; errors go to the context's collector
Refuses an unknown module (HF201), two modules of one name (HF202), a declaration in the wrong file (HF205)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import also, at
from hfverify.model.context import Context
from hfverify.syntax import tree
from hfverify.syntax.files import PROOF

PROOF_ONLY = (tree.Represent, tree.Layout, tree.Contract, tree.Loop, tree.Trust, tree.Accept, tree.Codec)
SPEC_ONLY = (
    tree.Revisions, tree.Call, tree.Thread, tree.Actor, tree.Invariant, tree.Order, tree.Lock, tree.Scenario,
    tree.Dispatcher, tree.Trap, tree.Owed,
)  # fmt: skip


def check_modules(context: Context, modules: Sequence[tree.Module]) -> None:
    """All files together."""
    names: dict[str, tree.Module] = {}
    for module in modules:
        first = names.setdefault(module.name, module)
        if first is not module:
            context.collector.error(
                "HF202",
                f"two files are the module `{module.name}`",
                at(module.name_span, "again here"),
                also(first.name_span, "first here"),
            )
    for module in modules:
        for imported in module.imports:
            if imported.name not in names:
                context.names.unknown(imported.span, "module", imported.name, names)
        proof = module.span.file.endswith(PROOF)
        for declaration in module.declarations:
            if isinstance(declaration, tree.Call) and declaration.kind == "function":
                misplaced = not proof
            else:
                misplaced = isinstance(declaration, SPEC_ONLY if proof else PROOF_ONLY)
            if misplaced:
                place = "a proof file" if proof else "a specification"
                context.collector.error("HF205", f"this declaration cannot stand in {place}", at(declaration.name_span))
